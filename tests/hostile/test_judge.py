"""The judge can fail: each thing that an installation must not do, done by hand, is found."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, cast

import httpx
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from schemathesis import Case

from ringline.refusal import Refusal
from ringline.v1 import client_pb2
from ringline.v1.client_pb2 import ServerFrame
from ringline.v1.reasons_pb2 import Reason
from services.gateway.http import document
from services.gateway.line import NO_HELLO
from tests.hostile.attacks import Outcome, _each, _judged
from tests.hostile.excess import _closed_with
from tests.hostile.judge import (
    LEAST_SPAN,
    WARM_CASES,
    Calls,
    Honest,
    Memory,
    Seen,
    is_quiet,
    readings,
    verdict,
)
from tests.hostile.raw import Hang, NotLetIn, Raw
from tests.hostile.rest import Rest, problems
from tests.hostile.sessions import Move
from tests.hostile.siege import Siege, bugs_of
from tests.hostile.storm import Storm
from tests.hostile.units import Script, hunted, together
from tests.hostile.wire import framed

GOOD = Seen(
    pids={"all": 7},
    memory={"all": 100 << 20},
    files={"all": 40},
    figures={"ringline_lines": 2.0},
    bugs=["old"],
)
NOTHING = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"
ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (replace(GOOD, pids={"all": 8}), "ended or was started anew"),
        (replace(GOOD, pids={"all": 0}), "ended or was started anew"),
        (replace(GOOD, files={"all": 140}), "100 more files"),
        (replace(GOOD, bugs=["old", "a traceback"]), "a fault was logged: a traceback"),
        (replace(GOOD, figures={"ringline_lines": 2.0, "ringline_bugs_total": 1.0}), "1 faults were counted"),
        (
            replace(GOOD, figures={"ringline_lines": 2.0, "ringline_http_seconds_count": 3.0}),
            "3 requests were answered with 5xx",
        ),
        (replace(GOOD, figures={"ringline_lines": 3.0}), "ringline_lines rose from 2.0 to 3.0"),
    ],
)
def test_what_an_installation_must_not_do_is_found(after: Seen, what: str) -> None:
    assert verdict(GOOD, GOOD, GOOD) == [] and is_quiet(GOOD, GOOD)
    found = verdict(GOOD, GOOD, after)
    assert len(found) == 1 and what in found[0]


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (replace(GOOD, files={"all": 60}), replace(GOOD, files={"all": 80}), "40 more files"),
        (replace(GOOD, pids={"all": 0}), replace(GOOD, pids={"all": 0}), "ended or was started anew"),
        (replace(GOOD, pids={"all": 8}), replace(GOOD, pids={"all": 8}), "ended or was started anew"),
    ],
)
def test_what_was_so_before_the_last_attack_is_found_too(before: Seen, after: Seen, what: str) -> None:
    found = verdict(GOOD, before, after)
    assert len(found) == 1 and what in found[0]


def test_a_process_that_never_ran_is_found() -> None:
    dead = replace(GOOD, pids={"all": 0})
    assert "ended" in verdict(dead, dead, dead)[0]


def test_only_answers_with_5xx_count_as_such() -> None:
    text = (
        'ringline_http_seconds_count{method="GET",route="/v1/me",status="200"} 90.0\n'
        'ringline_http_seconds_count{method="GET",route="/v1/me",status="500"} 2.0\n'
        "ringline_lines 4.0\nringline_loop_lag_seconds 0.5\n"
    )
    assert list(readings(text)) == [("ringline_http_seconds_count", 2.0), ("ringline_lines", 4.0)]


def test_memory_that_grows_with_the_cases_is_found_and_what_fills_up_first_is_not() -> None:
    leak, flat = Memory(), Memory()
    for number in range(6):
        cases = WARM_CASES // 3 * number
        warming = min(cases, WARM_CASES) * 400
        leak.add(cases, {"gateway": (100 << 20) + warming + cases * 100})
        flat.add(cases, {"gateway": (100 << 20) + warming + (number % 2) * (256 << 10)})
    assert not leak.verdict(), "too early to tell"
    for memory, each in ((leak, 100), (flat, 0)):
        for number in range(1, 12):
            cases = 4 * WARM_CASES + LEAST_SPAN // 5 * number
            memory.add(cases, {"gateway": (100 << 20) + WARM_CASES * 400 + cases * each})
    assert flat.verdict() == []
    assert len(leak.verdict()) == 1 and "gateway grows by" in leak.verdict()[0]


def test_a_log_line_that_tells_of_a_fault_is_read_as_one(tmp_path: Path) -> None:
    log = tmp_path / "all.log"
    log.write_text(
        '{"event":"listening","level":"info"}\n{"event":"keys","level":"warning"}\n'
        '{"bug":"bug_1","level":"error"}\nTraceback (most recent call last):\n'
    )
    assert bugs_of(log) == ['{"bug":"bug_1","level":"error"}', "Traceback (most recent call last):"]


@pytest.mark.parametrize("cut", [Hang("once"), ConnectionResetError("once")])
def test_what_breaks_once_and_does_not_come_again_is_found(runner: asyncio.Runner, cut: Exception) -> None:
    left = [cut]

    async def play(dice: int, moves: list[Move]) -> Outcome:
        if left:
            raise left.pop()
        return Outcome(Counter(played=1))

    async def plays(scripts: Sequence[Script]) -> Outcome:
        return await together(scripts, play)

    done = hunted(runner, plays, 1, 5)
    assert len(done.found) == 1 and f"{type(cut).__name__}: once" in done.found[0] and done.cases["played"]


def test_a_fault_of_the_campaign_itself_is_not_swallowed(runner: asyncio.Runner) -> None:
    left = [KeyError("ours")]

    async def plays(scripts: Sequence[Script]) -> Outcome:
        if left:
            raise left.pop()
        return Outcome()

    with pytest.raises(ExceptionGroup) as told:
        hunted(runner, plays, 1, 5)
    assert told.group_contains(KeyError)


# ------------------------------------------------------------ a server that is broken on purpose


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[tuple[str, int]]:
    """A server that answers each connection like this."""
    one = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with one:
        yield one.sockets[0].getsockname()[:2]


def saying(data: bytes, closes: bool = True) -> Answer:
    """Reads something, says this, and closes or does not."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(data)
        if not closes:
            await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    return answer


def fault() -> bytes:
    """A refusal that tells of a fault."""
    refusal = Refusal(Reason.REASON_UNAVAILABLE, "A fault, logged as bug_1.")
    goodbye = client_pb2.Goodbye(refused=refusal.to_proto())
    return ServerFrame(goodbye=goodbye).SerializeToString()


async def ended(data: bytes) -> Raw:
    """A connection to a server that says this and closes."""
    async with server(saying(data)) as address:
        raw = await Raw.open(address)
        raw.send(b"x")
        await raw.until_closed(5.0)
        return raw


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (NOTHING, "HTTP 500"),
        (NOTHING.replace(b"500", b"200") + NOTHING.replace(b"500", b"503"), "HTTP 503"),
        (b"Traceback (most recent call last)\r\n\r\n", "no response"),
        (ACCEPTED + framed(fault(), mask=None), "A fault, logged"),
        (ACCEPTED + framed(b"\xff\xff", mask=None), "no frame"),
        (ACCEPTED + framed(b"", rsv=4, mask=None), "no frame of a server"),
        (ACCEPTED + framed(b""), "no frame of a server"),
    ],
)
async def test_what_a_server_must_not_say_is_found(data: bytes, what: str) -> None:
    raw = await ended(data)
    assert any(what in one for one in raw.found), raw.found


async def test_a_close_that_no_broken_rule_explains_is_found() -> None:
    raw = await ended(ACCEPTED + framed(b"\x03\xf3", 8, mask=None))
    assert "closed with 1011" in _judged(raw, b"\xff", (1003,))[0]
    good = await ended(ACCEPTED + framed(b"\x03\xeb", 8, mask=None))
    assert not good.found and not _judged(good, b"\xff", (1003,))


async def test_a_server_that_cuts_a_line_without_a_word_is_found_unless_one_left_first() -> None:
    cut = await ended(ACCEPTED)
    assert "closed with 0" in _judged(cut, b"\xff", (1003,))[0]
    assert _closed_with(cut, 1008)
    async with server(saying(ACCEPTED)) as address:
        raw = await Raw.open(address)
        raw.send(b"x")
        raw.finish()
        await raw.until_closed(5.0)
    assert not _judged(raw, b"\xff", (1003,))


@pytest.mark.parametrize(
    "said", [NOTHING, NOTHING.replace(b"500", b"503"), NOTHING.replace(b"500", b"404"), b""]
)
async def test_a_server_that_lets_in_nobody_is_found(said: bytes) -> None:
    async with server(saying(said)) as address:

        async def one(number: int) -> Outcome:
            (await Raw.upgraded(address, "198.18.0.1")).abort()
            return Outcome(Counter(let_in=1))

        done = await _each(3, one)
    assert len(done.found) == 3 and "a good upgrade was answered with" in done.found[0]
    assert not done.cases and not done.repeated


async def test_a_server_that_says_it_is_too_much_is_excused() -> None:
    async with server(saying(NOTHING.replace(b"500", b"429"))) as address:
        with pytest.raises(NotLetIn):
            await Raw.upgraded(address, "198.18.0.1")


@pytest.mark.parametrize(
    ("refusal", "is_excused"),
    [
        (Refusal(Reason.REASON_UNAVAILABLE, NO_HELLO), True),
        (Refusal(Reason.REASON_OVERLOADED), True),
        (Refusal(Reason.REASON_TICKET_INVALID), False),
        (Refusal(Reason.REASON_INVALID, "This is no frame."), False),
    ],
)
async def test_a_good_hello_may_come_too_late_and_is_no_bad_one(refusal: Refusal, is_excused: bool) -> None:
    goodbye = ServerFrame(goodbye=client_pb2.Goodbye(refused=refusal.to_proto()))
    raw = await ended(ACCEPTED + framed(goodbye.SerializeToString(), mask=None))
    assert raw.is_excused == is_excused


async def test_a_server_that_hangs_is_found_and_the_other_cases_go_on() -> None:
    async with server(saying(b"", closes=False)) as address:

        async def one(number: int) -> Outcome:
            raw = await Raw.open(address)
            try:
                if number == 0:
                    await raw.until_closed(0.05)
            finally:
                raw.abort()
            return Outcome()

        done = await _each(5, one)
    assert len(done.found) == 1 and "Hang" in done.found[0]


def test_a_refusal_that_is_no_problem_is_found() -> None:
    validator = Draft202012Validator(document()["components"]["schemas"]["Problem"])
    told = {
        "type": "urn:x", "title": "x", "status": 404, "detail": "x", "reason": "x", "instance": "/"
    }  # fmt: skip
    kind = {"content-type": "application/problem+json"}
    assert not problems(validator, httpx.Response(404, json=told, headers=kind))
    assert problems(validator, httpx.Response(404, json=told))
    assert problems(validator, httpx.Response(400, json=told, headers=kind))
    assert problems(validator, httpx.Response(404, json=told | {"reason": 7}, headers=kind))
    assert problems(validator, httpx.Response(404, json=told | {"trace": "x"}, headers=kind))


async def test_a_request_that_was_not_sent_is_no_case() -> None:
    class Unsendable:
        def as_transport_kwargs(self, base_url: str) -> dict[str, Any]:
            return {"method": "GET", "url": base_url + "/\0", "headers": {}}

    async with httpx.AsyncClient(trust_env=False) as http:
        nowhere = ("127.0.0.1", 9)
        api = Rest(Siege(Path(), [], nowhere, nowhere, http, ()), document())
        done = await api._ask("good", cast("Case[Any]", Unsendable()), {}, Random(1))
    assert not done.cases and not done.found and done.repeated["requests not sent"] == 1


# ------------------------------------------------------------ the real installation, disturbed


def test_a_call_that_does_not_go_through_is_found(runner: asyncio.Runner, under_attack: Storm) -> None:
    """Somebody hangs up in the middle."""
    seen = Calls()

    async def disturbed() -> None:
        caller, callee = under_attack.honest.pair
        calling = asyncio.create_task(Honest(caller, callee, 2.0).call(seen))
        ring = await callee.until(lambda phone: any(call.rings for call in phone.calls.values()), 20.0)
        await next(call for call in ring.calls.values() if call.rings).decline()
        await calling

    runner.run(disturbed())
    assert len(seen.failed) == 1 and "a call of honest people failed" in seen.failed[0]
    after = Calls()
    runner.run(under_attack.honest.call(after))
    assert not after.failed


@pytest.mark.parametrize("what", ["hang_up", "hold"])
def test_a_talk_that_somebody_ends_or_holds_is_found(
    runner: asyncio.Runner, under_attack: Storm, what: str
) -> None:
    honest, seen = under_attack.honest, Calls()

    async def disturbed() -> None:
        held = await honest.talk(seen)
        assert held is not None
        await honest.go_on(held, seen)
        assert not seen.failed
        await getattr(held[1], what)()
        await honest.go_on(held, seen)

    runner.run(disturbed())
    assert len(seen.failed) == 1 and "a call of honest people failed" in seen.failed[0]


def test_a_connection_that_stays_is_found(runner: asyncio.Runner, under_attack: Storm) -> None:
    async def kept() -> list[str]:
        before = await under_attack.siege.look()
        raw = await under_attack.siege.line(Random(5))
        found = verdict(under_attack.siege.started, before, await under_attack.siege.look())
        raw.abort()
        return found

    assert [one for one in runner.run(kept()) if "ringline_lines rose" in one]
