"""Turns: in order, a few at a time, none for who has gone, and a time to come for who waited too long."""

import asyncio
from collections.abc import Callable

import pytest
from starlette.types import Message, Receive, Scope, Send

from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from services.gateway.http import InTurn
from services.gateway.turns import LATEST_SECONDS, LEAST_PACE, PATIENCE_SECONDS, SOONEST_SECONDS, Turns
from tests.instant import lapse, run
from tests.servers import until

WITHIN = 10.0


class Crowd:
    """Whoever comes to a server that a test hurries on by hand."""

    def __init__(self, at_once: int = 2) -> None:
        self.turns = Turns("test", asyncio.get_running_loop().time, at_once)
        self.in_turn: list[str] = []
        self.sent_away: dict[str, Refusal] = {}
        self.gone: set[str] = set()
        self.ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def comes(self, *names: str) -> None:
        """Each asks for a turn, in this order."""
        for name in names:
            self.ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._have(name))
        await settle()

    async def end(self, name: str) -> None:
        """Its turn is over."""
        self.ends[name].set()
        await settle()

    async def _have(self, name: str) -> None:
        try:
            async with self.turns.turn(lambda: name in self.gone):
                self.in_turn.append(name)
                await self.ends[name].wait()
        except Refusal as refusal:
            self.sent_away[name] = refusal

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits until something is so."""
        await until(holds, WITHIN, lambda: f"in turn {self.in_turn}, away {sorted(self.sent_away)}")


async def settle() -> None:
    """Everything that can go on has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_few_at_a_time_and_in_order() -> None:
    crowd = Crowd()
    await crowd.comes("a", "b", "c", "d")
    assert crowd.in_turn == ["a", "b"]
    await crowd.end("b")
    assert crowd.in_turn == ["a", "b", "c"]
    await crowd.comes("e")
    await crowd.end("a")
    assert crowd.in_turn == ["a", "b", "c", "d"]
    for name in "cde":
        await crowd.end(name)
    await crowd.comes("f", "g", "h")
    assert crowd.in_turn == list("abcdefg")


async def test_whoever_waits_too_long_is_told_when_to_come_though_no_turn_ends() -> None:
    """By how many were before him, and never later than the least pace would have it."""
    crowd = Crowd(at_once=1)
    await crowd.comes("slow", *(f"late{number}" for number in range(60)))
    await crowd.until(lambda: len(crowd.sent_away) == 60)
    assert crowd.in_turn == ["slow"]
    told = [crowd.sent_away[f"late{number}"] for number in range(60)]
    assert {refusal.reason for refusal in told} == {Reason.REASON_OVERLOADED}
    after = [refusal.retry_after or 0.0 for refusal in told]
    assert after == pytest.approx([SOONEST_SECONDS + number / LEAST_PACE for number in range(60)])
    await crowd.end("slow")
    await crowd.comes("fresh")
    assert crowd.in_turn == ["slow", "fresh"], "a crisis that is over is forgotten"


def test_the_pace_is_that_of_the_last_seconds_and_the_wait_has_an_end() -> None:
    run(_keep_the_pace())  # in virtual time: a busy host may need longer for so many than anybody waits


async def _keep_the_pace() -> None:
    crowd = Crowd(at_once=1)
    ended = 3 * int(LEAST_PACE * PATIENCE_SECONDS)
    await crowd.comes("slow", *(f"late{number}" for number in range(4000)))
    await lapse(PATIENCE_SECONDS / 2)
    for number in range(ended):
        await crowd.end(f"late{number - 1}" if number else "slow")
    await lapse(PATIENCE_SECONDS)
    assert len(crowd.sent_away) == 4000 - ended
    after = [crowd.sent_away[f"late{number}"].retry_after or 0.0 for number in range(ended, 4000)]
    assert min(after) > SOONEST_SECONDS and max(after) <= LATEST_SECONDS
    first = crowd.sent_away[f"late{ended + 100}"].retry_after or 0.0
    assert first == pytest.approx(SOONEST_SECONDS + (ended + 100) / (3 * LEAST_PACE), rel=0.2)
    beyond = after[2000:]
    assert len({round(one) for one in beyond}) > 10, "nobody beyond the end comes with all the others"


async def test_whoever_leaves_has_no_turn_and_keeps_nobody_waiting() -> None:
    crowd = Crowd(at_once=1)
    await crowd.comes("a", "b", "c", "d")
    crowd.tasks["b"].cancel()
    crowd.gone.add("c")
    await settle()
    await crowd.end("a")
    assert crowd.in_turn == ["a", "d"] and crowd.sent_away["c"].reason == Reason.REASON_UNAVAILABLE


async def test_whoever_is_called_in_and_leaves_at_that_moment_makes_room() -> None:
    crowd = Crowd(at_once=1)
    await crowd.comes("a", "b", "c")
    crowd.ends["a"].set()
    await crowd.tasks["a"]
    crowd.tasks["b"].cancel()
    await settle()
    assert crowd.in_turn[-1] == "c"
    await crowd.end("c")
    await crowd.comes("d")
    assert crowd.in_turn[-1] == "d", "and no turn is lost"


async def test_a_turn_that_fails_is_over() -> None:
    crowd = Crowd(at_once=1)
    with pytest.raises(ZeroDivisionError):
        async with crowd.turns.turn():
            raise ZeroDivisionError
    await crowd.comes("a")
    assert crowd.in_turn == ["a"]


# ------------------------------------------------------------ tickets


class Door:
    """Tickets over HTTP, with one turn at a time. `asked` is what the API was asked for, and by whom."""

    def __init__(self) -> None:
        self.crowd = Crowd(at_once=1)
        self.asked: list[tuple[str, bytes]] = []
        self.answered: list[tuple[str, int]] = []
        self.reads = asyncio.Event()
        """Whether the clients read what they are answered."""
        self.reads.set()

    async def knock(self, name: str, *told: Message, method: str = "POST") -> None:
        """Asks for a ticket with so many messages of the server."""
        coming = list(told)

        async def receive() -> Message:
            if not coming:
                await asyncio.Event().wait()
            return coming.pop(0)

        async def send(message: Message) -> None:
            await self.reads.wait()
            if message["type"] == "http.response.start":
                self.answered.append((name, message["status"]))

        scope = {"type": "http", "method": method, "path": "/v1/tickets", "client": name}
        await InTurn(self._api, self.crowd.turns)(scope, receive, send)

    async def _api(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append((scope["client"], (await receive()).get("body", b"")))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


BODY: Message = {"type": "http.request", "body": b"{}", "more_body": False}


async def test_nothing_is_done_for_who_has_gone_before_his_turn() -> None:
    door = Door()
    await door.crowd.comes("first")
    waiting = [
        asyncio.create_task(door.knock("gone", BODY, {"type": "http.disconnect"})),
        asyncio.create_task(door.knock("there", BODY)),
    ]
    await settle()
    assert not door.asked
    await door.crowd.end("first")
    await asyncio.gather(*waiting)
    assert door.asked == [("there", b"{}")]


async def test_who_sends_or_reads_slowly_has_no_turn_meanwhile() -> None:
    door = Door()
    begins: Message = {"type": "http.request", "body": b"{", "more_body": True}
    sending = asyncio.create_task(door.knock("sends slowly", begins))
    door.reads.clear()
    reading = asyncio.create_task(door.knock("reads slowly", BODY))
    await settle()
    assert door.asked == [("reads slowly", b"{}")]
    await door.crowd.comes("next")
    assert door.crowd.in_turn == ["next"]
    for task in (sending, reading):
        task.cancel()


async def test_what_is_too_long_and_what_is_no_wish_for_a_ticket_needs_no_turn() -> None:
    door = Door()
    await door.crowd.comes("first")
    await door.knock("too long", {"type": "http.disconnect"})
    await door.knock("a page of another site", BODY, method="OPTIONS")
    assert [name for name, _ in door.asked] == ["too long", "a page of another site"]


async def test_who_comes_in_a_crowd_is_told_so_by_a_problem() -> None:
    door = Door()
    await door.crowd.comes("first")
    await door.knock("late", BODY)
    assert door.answered == [("late", 503)] and not door.asked
