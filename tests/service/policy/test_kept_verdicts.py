"""Verdicts that are kept: what the callee sees of them, and what the operator does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from google.protobuf.message import Message

from ringline import ids
from ringline.config import NodeSettings
from ringline.refusal import Refusal
from ringline.v1 import operator_pb2, policy_pb2, records_pb2, types_pb2
from services.policy.verdicts import MOST_MEDIA
from services.policy.verdicts import Verdicts as KeptVerdicts
from tests.service.pods import owner
from tests.service.policy.conftest import CONTACTS, EVERYONE, People, Policy, Verdicts, attempt
from tests.service.policy.records import EVE, Records, attempts_until, records_of, traced_until

pytestmark = pytest.mark.asyncio

NO_VIDEO_CALLS = """[[rule]]
name = "sound-only"
refuses = ["receive"]
when = "call.video"
"""


@pytest.fixture
async def records(one: Policy) -> AsyncIterator[Records]:
    """The records of the first pod; verdicts come from both."""
    async with records_of(one) as records:
        yield records


async def try_to_call(verdicts: Verdicts, caller_id: str, callee: str) -> str:
    """An attempt; the id of its call."""
    call_id = ids.mint_call()
    await verdicts.ask(attempt(caller_id, callee, call_id=call_id))
    return call_id


async def test_a_callee_sees_whom_he_did_not_hear_and_why_newest_first(
    records: Records, one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, bob, eve = [await people.new(name) for name in ("ada", "bob", "eve")]
    await try_to_call(verdicts, ada, "@bob")
    await attempts_until(records, bob, 1)
    await one.block(bob, eve)
    await verdicts.ask(attempt(eve, "@bob", video=True, call_id=ids.mint_call()))

    found = await attempts_until(records, bob, 2)

    assert [(one.caller_id, one.video, one.rule) for one in found] == [
        (eve, True, "blocked"),
        (ada, False, "audience.none"),
    ]
    assert not (await records.attempts(ada)).attempts


async def test_a_callee_sees_that_the_service_kept_a_call_away_and_not_by_which_rule_or_switch(
    records: Records, one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, bob, eve = [await people.new(name) for name in ("ada", "bob", "eve")]
    await one.allow(bob, EVERYONE)
    rules = operator_pb2.PutRulesRequest(text=NO_VIDEO_CALLS, place=operator_pb2.RULE_PLACE_LIVE, by="grace")
    await one.operator.PutRules(rules)
    await verdicts.ask(attempt(ada, "@bob", video=True, call_id=ids.mint_call()))
    await attempts_until(records, bob, 1)
    switch = operator_pb2.SetSwitchRequest(feature=operator_pb2.FEATURE_STRANGERS, off=True, by="grace")
    await one.operator.SetSwitch(switch)
    await try_to_call(verdicts, eve, "@bob")

    found = await attempts_until(records, bob, 2)

    assert [(one.caller_id, one.rule) for one in found] == [(eve, "operator"), (ada, "operator")]
    assert not (await records.attempts(ada)).attempts


async def test_what_rang_and_what_was_the_callers_own_fault_is_not_listed(
    records: Records, one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await one.entitle(free=(True, False))
    with pytest.raises(Refusal):
        await verdicts.ask(attempt(ada, "@bob", video=True, call_id=ids.mint_call()))
    await one.allow(bob, EVERYONE)
    call_id = await try_to_call(verdicts, ada, "@bob")
    await traced_until(records, call_id, 1)
    await one.allow(bob, CONTACTS)
    last = await try_to_call(verdicts, ada, "@bob")
    await traced_until(records, last, 1)

    assert len((await records.attempts(bob)).attempts) == 1


async def test_nobody_learns_from_the_list_that_a_caller_blocks_him(
    records: Records, one: Policy, verdicts: Verdicts, people: People
) -> None:
    """Neither an entry nor a gap: the pages count only what is shown."""
    ada, bob = await people.new("ada"), await people.new("bob")
    await one.allow(bob, EVERYONE)
    await one.block(ada, bob)
    call_id = await try_to_call(verdicts, ada, "@bob")
    (kept,) = await traced_until(records, call_id, 1)

    assert kept.verdict.outcome == policy_pb2.OUTCOME_UNHEARD
    assert kept.verdict.trace[-1].rule == "blocking"
    assert await records.attempts(bob) == records_pb2.ListAttemptsResponse()


async def test_an_attempt_that_is_asked_about_again_is_listed_once(
    records: Records, verdicts: Verdicts, people: People
) -> None:
    """By whichever process."""
    ada, bob = await people.new("ada"), await people.new("bob")
    again = attempt(ada, "@bob", call_id=ids.mint_call())
    for _ in range(4):
        await verdicts.ask(again)
    last = await try_to_call(verdicts, ada, "@bob")
    await traced_until(records, last, 1)

    assert len(await attempts_until(records, bob, 2)) == 2
    assert len(await traced_until(records, again.call_id, 1)) == 1


async def test_the_list_has_pages(records: Records, verdicts: Verdicts, people: People) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await asyncio.gather(*(try_to_call(verdicts, ada, "@bob") for _ in range(5)))
    whole = await attempts_until(records, bob, 5)

    pages, before = [], 0
    while True:
        page = await records.attempts(bob, before, limit=2)
        pages.append(list(page.attempts))
        before = page.next
        if not before:
            break

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [one for page in pages for one in page] == whole


@pytest.mark.parametrize("limit", [0, 201])
async def test_a_page_has_one_to_two_hundred_attempts(records: Records, limit: int) -> None:
    with pytest.raises(Refusal, match="limit is 1 to 200"):
        await records.attempts(ids.mint_user(), limit=limit)


async def test_the_operator_sees_every_verdict_on_a_call_with_its_trace(
    records: Records, one: Policy, verdicts: Verdicts, people: People
) -> None:
    """By the id of the call, which is that of the attempt and some digits behind it."""
    ada, bob = await people.new("ada"), await people.new("bob")
    await one.allow(bob, EVERYONE)
    version = await one.entitle(others=(True, True))
    rules = operator_pb2.PutRulesRequest(text="", place=operator_pb2.RULE_PLACE_LIVE, by="grace")
    change = (await one.operator.PutRules(rules)).revision
    attempt_id = ids.mint_call()
    call_id = f"{attempt_id}12ab"
    placed = await verdicts.ask(attempt(ada, "@bob", call_id=attempt_id))
    toggle = attempt(bob, ada, video=True, act=policy_pb2.ACT_SET_MEDIA, call_id=call_id)
    await verdicts.ask(toggle)
    await verdicts.ask(toggle)

    first, *media = await traced_until(records, call_id, 3)

    assert (first.act, first.caller_id, first.callee_id) == (policy_pb2.ACT_PLACE, ada, bob)
    assert first.kinds == types_pb2.Kinds(audio=True)
    assert first.verdict.trace == placed.trace
    assert first.verdict.outcome == policy_pb2.OUTCOME_ADMITTED
    assert (first.verdict.rules_version, first.verdict.entitlements_version) == (change, version)
    assert not first.verdict.HasField("caller") and not first.verdict.HasField("callee")
    assert {(one.act, one.caller_id, one.callee_id) for one in media} == {
        (policy_pb2.ACT_SET_MEDIA, bob, ada)
    }


async def test_each_look_at_a_call_is_in_the_audit_and_nobody_looks_without_a_reason(
    records: Records, verdicts: Verdicts, people: People
) -> None:
    call_id = ids.mint_call()
    for operator in (
        records_pb2.Operator(name="eve"),
        records_pb2.Operator(why="ticket 7"),
        records_pb2.Operator(name="  ", why="ticket 7"),
        records_pb2.Operator(name="eve", why="x" * 501),
    ):
        with pytest.raises(Refusal):
            await records.operator.Trace(records_pb2.TraceRequest(call_id=call_id, operator=operator))
    assert await records.audit() == []

    assert await records.trace(call_id) == []

    answer = await records.operator.ListAudit(records_pb2.ListAuditRequest(limit=200))
    (entry,) = answer.entries
    assert (entry.operator, entry.what, entry.about) == (EVE, "trace", call_id)
    assert entry.at_ms > 0


async def test_only_the_operator_traces_and_only_the_gateway_lists_for_people(records: Records) -> None:
    with pytest.raises(Refusal, match="may not call this method"):
        await records.gateway.Trace(records_pb2.TraceRequest(call_id=ids.mint_call(), operator=EVE))
    with pytest.raises(Refusal, match="may not call this method"):
        await records.operator.ListAttempts(records_pb2.ListAttemptsRequest(user_id="u_", limit=1))


async def test_verdicts_are_kept_for_the_time_that_the_operator_set(
    records: Records, verdicts: Verdicts, people: People, settings: NodeSettings, one: Policy
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    old = await try_to_call(verdicts, ada, "@bob")
    await attempts_until(records, bob, 1)
    async with owner(settings) as database:
        await database.execute("UPDATE policy.kept_verdict SET at = at - interval '30 days 1 minute'")
        new = await try_to_call(verdicts, ada, "@bob")
        await traced_until(records, new, 1)
        assert len((await records.attempts(bob)).attempts) == 1, "what is too old is not shown"
        await KeptVerdicts(await one.node.database("policy"), keep_days=30).sweep()
        kept = await database.fetch("SELECT call_id FROM policy.kept_verdict")

    assert [row[0] for row in kept] == [new]
    assert await records.trace(old) == []


async def test_an_answer_does_not_wait_for_its_row(
    records: Records, verdicts: Verdicts, people: People, settings: NodeSettings
) -> None:
    """While nothing can be written verdicts come as ever; what waited is written afterwards."""
    ada, bob = await people.new("ada"), await people.new("bob")
    async with owner(settings) as database:
        async with database.transaction():
            await database.execute("LOCK TABLE policy.kept_verdict IN ACCESS EXCLUSIVE MODE")
            await asyncio.gather(*(try_to_call(verdicts, ada, "@bob") for _ in range(8)))
    assert len(await attempts_until(records, bob, 8)) == 8


async def test_a_call_that_is_refused_at_once_is_not_kept_however_often_it_is_tried(
    records: Records, one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await one.entitle(free=(True, False))
    tried = [ids.mint_call() for _ in range(3)]
    for call_id in tried:
        with pytest.raises(Refusal):
            await verdicts.ask(attempt(ada, "@bob", video=True, call_id=call_id))
    await traced_until(records, await try_to_call(verdicts, ada, "@bob"), 1)
    toggle = ids.mint_call()
    with pytest.raises(Refusal):
        await verdicts.ask(attempt(ada, bob, video=True, act=policy_pb2.ACT_SET_MEDIA, call_id=toggle))
    await traced_until(records, toggle, 1)

    assert [await records.trace(call_id) for call_id in tried] == [[], [], []]


async def test_of_one_call_so_many_changes_of_media_are_kept_and_no_more(one: Policy) -> None:
    kept = KeptVerdicts(await one.node.database("policy"), keep_days=30)
    calls = [ids.mint_call() for _ in range(2)]
    toggle = policy_pb2.ACT_SET_MEDIA
    verdict = policy_pb2.Verdict(outcome=policy_pb2.OUTCOME_ADMITTED)
    for call_id, times in zip(calls, (MOST_MEDIA + 10, 1), strict=True):
        for _ in range(times):
            kept.keep(attempt(ids.mint_user(), ids.mint_user(), act=toggle, call_id=call_id), verdict)

    await kept.aclose()

    assert [len(await kept.of_call(call_id)) for call_id in calls] == [MOST_MEDIA, 1]


async def test_what_has_no_room_in_the_queue_is_counted_and_not_kept(one: Policy, people: People) -> None:
    database = await one.node.database("policy")
    kept = KeptVerdicts(database, keep_days=30, room=2)
    ada, bob = ids.mint_user(), ids.mint_user()
    verdict = policy_pb2.Verdict(outcome=policy_pb2.OUTCOME_UNHEARD)
    verdict.callee.user_id = bob
    calls = [ids.mint_call() for _ in range(3)]
    for call_id in calls:
        kept.keep(attempt(ada, bob, call_id=call_id), verdict)

    await kept.aclose()

    found: list[list[Message]] = [list(await kept.of_call(call_id)) for call_id in calls]
    assert [len(one) for one in found] == [1, 1, 0]
