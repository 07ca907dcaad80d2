"""Through the front door: refused attempts, reports with evidence, and what a block means everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from ringline.client import Phone, Session
from ringline.refusal import Refusal
from ringline.v1 import records_pb2
from ringline.v1.reasons_pb2 import Reason
from ringline.v1.records_pb2_grpc import RecordsStub
from ringline.wire import open_channel
from tests.service.gateway.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATIENCE = 10.0
EVE = records_pb2.Operator(name="eve", why="ticket 7")


@asynccontextmanager
async def phones(town: Town, *sessions: Session) -> AsyncIterator[Sequence[Phone]]:
    """A connected phone each, neighbours at different gateways."""
    async with AsyncExitStack() as stack:
        opened = []
        for number, session in enumerate(sessions):
            phone = Phone(session, [town.urls[number % len(town.urls)]], least_ring_ms=1_000)
            stack.push_async_callback(phone.close)
            opened.append(await phone.connect(PATIENCE))
        yield opened


async def attempts_until(
    session: Session, holds: Callable[[Sequence[Any]], bool], within: float = PATIENCE
) -> Sequence[Any]:
    """What a callee sees of calls that he did not hear, when it is as it should be."""
    async with asyncio.timeout(within):
        while True:
            found: Sequence[Any] = (await session.refused_attempts())["attempts"]
            if holds(found):
                return found
            await asyncio.sleep(0.05)


async def show(town: Town, report_id: str) -> records_pb2.ShowReportResponse:
    """A report as the operator sees it."""
    async with open_channel(town.nodes[0].addresses("policy"), "operator") as channel:
        request = records_pb2.ShowReportRequest(report_id=report_id, operator=EVE)
        answer: records_pb2.ShowReportResponse = await RecordsStub(channel).ShowReport(request)
        return answer


async def test_a_callee_sees_whose_calls_he_did_not_hear_and_why(shared: Town) -> None:
    """But not those of somebody who blocks him: and with the next page it goes on."""
    ada, amy, bob, eve = [await shared.person(stem) for stem in ("ada", "amy", "bob", "eve")]
    await eve.block(bob.username)
    async with phones(shared, ada, amy, eve, bob) as (adas, amys, eves, bobs):
        for caller, video in ((eves, False), (adas, False), (amys, True)):
            call = await caller.place(bob.username, video=video)
            await call.hang_up()
        found = await attempts_until(bob, lambda attempts: len(attempts) >= 2)
        assert not bobs.calls
    assert [(one["person"]["username"], one["video"], one["reason"]) for one in found] == [
        (amy.username, True, "audience.none"),
        (ada.username, False, "audience.none"),
    ]
    first = await bob.refused_attempts(limit=1)
    assert first["attempts"] == found[:1]
    assert (await bob.refused_attempts(before=first["next"]))["attempts"] == found[1:]
    assert (await ada.refused_attempts())["attempts"] == []


async def test_a_command_that_is_repeated_is_one_attempt(shared: Town) -> None:
    ada, bob = await shared.person("ada"), await shared.person("bob")
    async with phones(shared, ada, bob) as (adas, _):
        calls = [await adas.place(bob.username, command_id="the-same-command-0001") for _ in range(3)]
        assert len({call.call_id for call in calls}) == 1
        await calls[0].hang_up()
        last = await adas.place(bob.username)
        await last.hang_up()
        assert len(await attempts_until(bob, lambda attempts: len(attempts) >= 2)) == 2


async def test_a_report_shows_the_operator_the_words_of_the_thread_and_the_call(shared: Town) -> None:
    """And those only that the reporter chose, from his own thread."""
    ada, eve, zoe = [await shared.person(stem) for stem in ("ada", "eve", "zoe")]
    await ada.allow_calls_from("everyone")
    sent = [await eve.send(ada.username, text) for text in ("buy this", "or else")]
    other = await zoe.send(ada.username, "hello")
    ids = [one["entry"]["message"]["message_id"] for one in (*sent, other)]
    async with phones(shared, eve, ada) as (eves, adas):
        call = await eves.place(ada.username)
        await adas.rings(PATIENCE)
        await call.hang_up()

        report_id = await ada.report(
            eve.username, "spam", text="every day", message_ids=[ids[1], ids[2]], call_ids=[call.call_id]
        )

    shown = await show(shared, report_id)
    assert (shown.text, shown.report.category) == ("every day", records_pb2.REPORT_CATEGORY_SPAM)
    found = {item.item_id: item for item in shown.evidence}
    assert set(found) == {ids[1], ids[2], call.call_id}
    assert (found[ids[1]].text, found[ids[1]].verified, found[ids[1]].by_reported) == ("or else", True, True)
    assert (found[ids[2]].text, found[ids[2]].verified) == ("", False), "of another thread"


@pytest.mark.shows("S5", "S6")
async def test_a_report_that_blocks_ends_the_ring_on_every_device_and_tells_the_caller_nothing(
    shared: Town,
) -> None:
    ada, eve = await shared.person("ada"), await shared.person("eve")
    await ada.allow_calls_from("everyone")
    async with phones(shared, eve, ada, ada) as (eves, *adas):
        call = await eves.place(ada.username)
        rings = [await phone.rings(PATIENCE) for phone in adas]
        await ada.report(eve.username, "harassment", block=True)
        for ring in rings:
            await ring.until(ended="cancelled", within=PATIENCE)
        assert call.phase == "calling"
        await call.hang_up()
    assert [one["username"] for one in (await ada.ask("GET", "/v1/me/blocks"))["people"]] == [eve.username]


@pytest.mark.shows("S6")
async def test_who_is_blocked_finds_sees_and_hears_what_a_stranger_does(shared: Town) -> None:
    """Search, lookup, presence and messages, though they were each other's contacts before."""
    ada, eve, zoe = [await shared.person(stem) for stem in ("ada", "eve", "zoe")]
    word = shared.name("ada")
    await ada.ask("PATCH", "/v1/me", {"display_name": word, "searchable": True})
    await ada.add_contact(eve.username)
    await eve.add_contact(ada.username)
    async with phones(shared, ada) as (phone,):
        assert await eve.online(ada.user_id) == [ada.user_id]
        await ada.block(eve.username)

        async def seen_by(session: Session) -> list[Any]:
            sent = await session.send(ada.username, "are you there?")
            return [
                await session.ask("GET", f"/v1/users?query={word}"),
                await session.ask("GET", f"/v1/users/{ada.username}"),
                await session.online(ada.user_id),
                sorted(sent["entry"]), sorted(sent["thread"]), sent["entry"]["number"],
            ]  # fmt: skip

        assert await seen_by(eve) == await seen_by(zoe)
        await phone.until(lambda one: bool(one.inbox.added), PATIENCE)
        assert await eve.online(ada.user_id) == []
    requests = (await ada.threads("requests"))["threads"]
    assert [one["peer"]["username"] for one in requests] == [zoe.username]
    assert (await ada.threads("inbox"))["threads"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"category": "dislike"},
        {"category": "spam", "text": "x" * 1_001},
        {"category": "spam", "message_ids": ["no id"]},
        {"category": "spam", "client_id": "no id!"},
    ],
)
async def test_a_malformed_report_is_refused_at_the_door(shared: Town, wrong: dict[str, Any]) -> None:
    ada, bob = await shared.person("ada"), await shared.person("bob")
    with pytest.raises(Refusal) as refused:
        await ada.report(bob.username, **wrong)
    assert refused.value.reason == Reason.REASON_INVALID


async def test_nobody_reports_himself_or_somebody_who_is_not_there(shared: Town) -> None:
    ada = await shared.person("ada")
    for username, reason in (
        (ada.username, Reason.REASON_SELF),
        ("nobody_at_all", Reason.REASON_USER_NOT_FOUND),
    ):
        with pytest.raises(Refusal) as refused:
            await ada.report(username, "other")
        assert refused.value.reason == reason
