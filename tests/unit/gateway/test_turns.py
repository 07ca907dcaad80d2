"""Turns: in order, a few at a time, and appointments at the server's pace for whoever waited too long."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from services.gateway.http import InTurn
from services.gateway.turns import LATEST_SECONDS, PATIENCE_SECONDS, SOONEST_SECONDS, Turns


class Crowd:
    """Whoever comes to a server that a test hurries on by hand."""

    def __init__(self, at_once: int = 2) -> None:
        self.now = 100.0
        self.turns = Turns(lambda: self.now, at_once)
        self.in_turn: list[str] = []
        self.sent_away: dict[str, float] = {}
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
            async with self.turns.turn():
                self.in_turn.append(name)
                await self.ends[name].wait()
        except Refusal as refusal:
            assert refusal.reason == Reason.REASON_OVERLOADED and refusal.retry_after is not None
            self.sent_away[name] = refusal.retry_after


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


async def test_whoever_waited_too_long_gets_an_appointment_of_his_own() -> None:
    """At a pace of ten a second, no more than ten of those sent away come back in any second."""
    crowd = Crowd(at_once=1)
    for number in range(50):
        await crowd.comes(f"early{number}")
        crowd.now += 0.1
        await crowd.end(f"early{number}")
    await crowd.comes("slow", *(f"late{number}" for number in range(60)))
    crowd.now += PATIENCE_SECONDS + 0.1
    await crowd.comes("fresh")
    await crowd.end("slow")
    assert crowd.in_turn[-1] == "fresh", "who came just now has not waited"
    assert len(crowd.sent_away) == 60
    after = sorted(crowd.sent_away.values())
    assert after[0] >= SOONEST_SECONDS and after[-1] <= LATEST_SECONDS
    for second in range(int(LATEST_SECONDS)):
        assert sum(second <= one < second + 1 for one in after) <= 10
    assert sum(one < SOONEST_SECONDS + 6 for one in after) >= 30, "and not fewer than the server can take"


async def test_appointments_have_an_end_where_thousands_wait() -> None:
    crowd = Crowd(at_once=1)
    await crowd.comes("slow", *(f"late{number}" for number in range(500)))
    crowd.now += PATIENCE_SECONDS + 0.1
    await crowd.end("slow")
    after = list(crowd.sent_away.values())
    assert len(after) == 500 and max(after) <= LATEST_SECONDS and min(after) >= SOONEST_SECONDS
    for tenth in range(1, 10):  # all through that time
        assert sum(one < LATEST_SECONDS * tenth / 10 for one in after) >= 500 * (tenth - 1) / 10 * 0.6


async def test_whoever_leaves_has_no_turn_and_keeps_nobody_waiting() -> None:
    crowd = Crowd(at_once=1)
    await crowd.comes("a", "b", "c")
    crowd.tasks["b"].cancel()
    await settle()
    await crowd.end("a")
    assert crowd.in_turn == ["a", "c"]


async def test_whoever_is_called_in_and_leaves_at_that_moment_makes_room() -> None:
    crowd = Crowd(at_once=1)
    await crowd.comes("a", "b", "c")
    crowd.ends["a"].set()
    await crowd.tasks["a"]
    crowd.tasks["b"].cancel()
    await settle()
    assert crowd.in_turn[-1] == "c"


async def test_nothing_is_done_for_who_has_gone_before_his_turn() -> None:
    """The API is asked once the body is there and the turn has come, and only if somebody is left to hear."""
    crowd = Crowd(at_once=1)
    asked: list[tuple[str, bytes]] = []

    async def api(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append((scope["client"], (await receive())["body"]))

    async def knock(name: str, *told: Message) -> None:
        coming = list(told)

        async def receive() -> Message:
            if not coming:
                await asyncio.Event().wait()
            return coming.pop(0)

        async def send(message: Message) -> None:
            pytest.fail(f"{name} was answered: {message}")

        scope = {"type": "http", "path": "/v1/tickets", "client": name}
        await InTurn(api, crowd.turns)(scope, receive, send)  # type: ignore[arg-type]

    body: Message = {"type": "http.request", "body": b"{}", "more_body": False}
    await crowd.comes("first")
    waiting = [
        asyncio.create_task(knock("gone", body, {"type": "http.disconnect"})),
        asyncio.create_task(knock("there", body)),
    ]
    await settle()
    assert not asked
    await crowd.end("first")
    await asyncio.gather(*waiting)
    assert asked == [("there", b"{}")]


async def test_a_turn_that_fails_is_over() -> None:
    crowd = Crowd(at_once=1)
    with pytest.raises(ZeroDivisionError):
        async with crowd.turns.turn():
            raise ZeroDivisionError
    await crowd.comes("a")
    assert crowd.in_turn == ["a"]
