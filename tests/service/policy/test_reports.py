"""Reports: the queue, the evidence, what follows from them, and who looked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ringline import ids
from ringline.config import NodeSettings
from ringline.refusal import Refusal
from ringline.v1 import directory_pb2, policy_pb2, reasons_pb2, records_pb2, threads_pb2
from services.policy.reports import Reports
from services.policy.sanctions import Sanctions
from services.policy.settings import Settings
from tests.servers import RING_AT_WILL
from tests.service.pods import owner
from tests.service.policy.boxes import FakeConversations
from tests.service.policy.conftest import EVERYONE, FakeSignaling, People, Policy, Verdicts, attempt, outcome
from tests.service.policy.records import EVE, Records, records_of, traced_until

NO_CALLS, NO_STRANGERS = records_pb2.SANCTION_NO_CALLS, records_pb2.SANCTION_NO_STRANGERS
OPEN, TAKEN, CLOSED = (
    records_pb2.REPORT_STATE_OPEN,
    records_pb2.REPORT_STATE_TAKEN,
    records_pb2.REPORT_STATE_CLOSED,
)


@pytest.fixture
def budgets() -> Settings:
    """What the operator set."""
    return Settings.load(reports_per_day=3, **RING_AT_WILL)


@pytest.fixture
async def records(one: Policy) -> AsyncIterator[Records]:
    """The records of the first pod."""
    async with records_of(one) as records:
        yield records


def message(message_id: str, text: str, outgoing: bool = False) -> threads_pb2.Entry:
    """A message in a thread."""
    body = threads_pb2.MessageEntry(message_id=message_id, outgoing=outgoing, text=text)
    return threads_pb2.Entry(number=1, at_ms=1_000, message=body)


async def test_a_report_waits_in_the_queue_until_it_is_closed(records: Records) -> None:
    ada, bob, eve = ids.mint_user(), ids.mint_user(), ids.mint_user()
    first = await records.report(ada, eve, text="he calls every night")
    second = await records.report(bob, eve, category=records_pb2.REPORT_CATEGORY_HARASSMENT)

    heads = await records.queue()
    assert [(head.report_id, head.state) for head in heads] == [(first, OPEN), (second, OPEN)]
    assert {head.reporters for head in heads} == {2}
    take = records_pb2.TakeReportRequest(report_id=first, operator=EVE)
    assert (await records.operator.TakeReport(take)).report.state == TAKEN
    closed = await records.close(first)

    assert (closed.state, closed.taken_by, closed.note, closed.sanction) == (CLOSED, "eve", "ticket 7", 0)
    assert [head.report_id for head in await records.queue()] == [second]
    assert [head.report_id for head in await records.queue(state=CLOSED)] == [first]
    assert await records.queue(reported_id=ada) == []
    with pytest.raises(Refusal, match="closed"):
        await records.close(first, NO_CALLS, 7)
    assert await records.audit() == [("report.close", first), ("report.take", first)]


async def test_reading_a_report_is_a_look_that_is_noted(records: Records) -> None:
    ada, eve = ids.mint_user(), ids.mint_user()
    report_id = await records.report(ada, eve, text="words of hers")
    assert await records.audit() == []

    shown = await records.show(report_id)

    assert shown.text == "words of hers"
    assert await records.audit() == [("report.show", report_id)]
    with pytest.raises(Refusal, match="no such report"):
        await records.show("r_nothing")
    with pytest.raises(Refusal, match="Say why"):
        nameless = records_pb2.Operator(name="eve")
        await records.operator.ShowReport(
            records_pb2.ShowReportRequest(report_id=report_id, operator=nameless)
        )


async def test_evidence_is_what_the_reporter_sees_in_his_own_thread(
    records: Records, boxes: FakeConversations
) -> None:
    """Copied as it stands there; what is not there stays a bare id that nobody has verified."""
    ada, eve = ids.mint_user(), ids.mint_user()
    hers, his, foreign = (ids.mint("m_") for _ in range(3))
    boxes.threads[ada, eve] = [message(hers, "stop", outgoing=True), message(his, "never")]
    boxes.threads[eve, ada] = [message(foreign, "what only he has")]

    report_id = await records.report(ada, eve, message_ids=[hers, his, foreign])
    boxes.threads.clear()

    shown = {item.item_id: item for item in (await records.show(report_id)).evidence}
    assert (shown[his].text, shown[his].verified, shown[his].by_reported) == ("never", True, True)
    assert (shown[hers].text, shown[hers].verified, shown[hers].by_reported) == ("stop", True, False)
    assert (shown[foreign].text, shown[foreign].verified) == ("", False)


async def test_a_call_is_evidence_where_a_verdict_or_the_thread_knows_it(
    records: Records, boxes: FakeConversations, verdicts: Verdicts, people: People
) -> None:
    """Also one of which the reporter never heard; not one of other people."""
    ada, eve, _ = [await people.new(name) for name in ("ada", "eve", "bob")]
    unheard, in_thread, of_others = (f"{ids.mint_call()}00ff" for _ in range(3))
    await verdicts.ask(attempt(eve, "@ada", call_id=unheard[:28]))
    await verdicts.ask(attempt(eve, "@bob", call_id=of_others[:28]))
    await traced_until(records, of_others, 1)
    await traced_until(records, unheard, 1)
    call = threads_pb2.CallEntry(call_id=in_thread, outgoing=True)
    boxes.threads[ada, eve] = [threads_pb2.Entry(number=1, at_ms=2_000, call=call)]

    report_id = await records.report(ada, eve, call_ids=[unheard, in_thread, of_others])

    found = {
        item.item_id: (item.verified, item.by_reported) for item in (await records.show(report_id)).evidence
    }
    assert found == {unheard: (True, True), in_thread: (True, False), of_others: (False, False)}


async def test_a_report_blocks_in_the_same_act_and_first(
    records: Records, one: Policy, boxes: FakeConversations, signaling: FakeSignaling
) -> None:
    """Also where the evidence cannot be had: then the same report is sent again."""
    ada, eve = ids.mint_user(), ids.mint_user()
    boxes.refusal = Refusal(reasons_pb2.REASON_UNAVAILABLE)
    with pytest.raises(Refusal):
        await records.report(ada, eve, message_ids=[ids.mint("m_")], block=True, client_id="one")
    assert signaling.closed == {(ada, eve)} and await one.blocks(ada) == [eve]
    boxes.refusal = None
    await records.report(ada, eve, message_ids=[ids.mint("m_")], block=True, client_id="one")
    assert len(await records.queue()) == 1
    await records.report(eve, ada)
    assert await one.blocks(eve) == []


async def test_a_report_that_is_sent_twice_is_there_once(records: Records, other: Policy) -> None:
    ada, eve = ids.mint_user(), ids.mint_user()
    async with records_of(other) as beside:
        made = await asyncio.gather(
            *(each.report(ada, eve, client_id="the same") for each in (records, beside) * 4)
        )
    assert len(set(made)) == 1
    assert await records.report(ada, eve, client_id="another") not in made


async def test_a_reporter_has_so_many_reports_a_day_across_processes(
    records: Records, other: Policy, settings: NodeSettings
) -> None:
    ada = ids.mint_user()

    async def tries(each: Records) -> str:
        try:
            await each.report(ada, ids.mint_user())
        except Refusal as refusal:
            assert refusal.retry_after and refusal.retry_after > 86_000
            return refusal.name
        return "taken"

    async with records_of(other) as beside:
        said = await asyncio.gather(*(tries(each) for each in (records, beside) * 4))
        assert sorted(said) == ["limited"] * 5 + ["taken"] * 3
        assert await tries(records) == "limited"
    async with owner(settings) as database:
        await database.execute("UPDATE policy.report SET at = at - interval '1 day'")
    assert await tries(records) == "taken"


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": "x" * 1_001},
        {"text": "a\0b"},
        {"call_ids": ["c_short"]},
        {"message_ids": [ids.mint("c_")]},
        {"call_ids": [ids.mint_call() for _ in range(21)]},
        {"client_id": "x" * 41},
        {"category": 99},
    ],
)
async def test_a_malformed_report_is_refused(records: Records, wrong: dict[str, object]) -> None:
    with pytest.raises(Refusal) as refused:
        await records.report(ids.mint_user(), ids.mint_user(), **wrong)
    assert refused.value.reason == reasons_pb2.REASON_INVALID
    assert await records.queue() == []


async def test_who_may_not_call_is_told_so_at_once_until_it_is_over(
    records: Records, one: Policy, verdicts: Verdicts, people: People, settings: NodeSettings
) -> None:
    """Whether or not the callee would have heard him; he may still be called."""
    ada, eve = await people.new("ada"), await people.new("eve")
    await one.allow(ada, EVERYONE)
    await one.allow(eve, EVERYONE)
    report_id = await records.report(ada, eve)
    closed = await records.close(report_id, NO_CALLS, 7)
    assert closed.sanction == NO_CALLS

    verdict = await refused(verdicts, attempt(eve, "@ada"))
    assert verdict.retry_after and verdict.retry_after <= 7 * 86_400
    await one.block(ada, eve)
    assert (await refused(verdicts, attempt(eve, "@ada"))).name == "suspended"
    await one.unblock(ada, eve)
    assert await outcome(verdicts, attempt(ada, "@eve")) == "admitted"
    media = attempt(eve, ada, video=True, act=policy_pb2.ACT_SET_MEDIA)
    assert await outcome(verdicts, media) == "admitted"
    async with owner(settings) as database:
        await database.execute("UPDATE policy.sanction SET until = now()")
    assert await outcome(verdicts, attempt(eve, "@ada")) == "admitted"


async def test_who_may_not_ring_strangers_still_rings_those_who_know_him(
    records: Records, one: Policy, verdicts: Verdicts, people: People
) -> None:
    """And whoever blocks him is a stranger to him, as he is in all else: it tells him nothing."""
    ada, bob, cem, eve = [await people.new(name) for name in ("ada", "bob", "cem", "eve")]
    for callee in (ada, bob, cem):
        await one.allow(callee, EVERYONE)
    for friend in (ada, cem):
        await people.relate(friend, "eve", directory_pb2.RELATION_CONTACT)
    await one.block(cem, eve)
    await records.close(await records.report(bob, eve), NO_STRANGERS, 1)

    said = [await outcome(verdicts, attempt(eve, f"@{name}")) for name in ("ada", "bob", "cem")]

    assert said == ["admitted", "suspended", "suspended"]
    lift = records_pb2.LiftSanctionsRequest(user_id=eve, operator=EVE)
    assert (await records.operator.LiftSanctions(lift)).lifted == 1
    assert await outcome(verdicts, attempt(eve, "@bob")) == "admitted"
    assert (await records.audit())[0] == ("sanction.lift", eve)


async def test_of_two_sanctions_the_later_end_counts(records: Records) -> None:
    eve = ids.mint_user()
    long, short = [await records.report(ids.mint_user(), eve) for _ in range(2)]
    await records.close(long, NO_CALLS, 30)
    await records.close(short, NO_CALLS, 1)
    answer = await records.operator.ListSanctions(records_pb2.ListSanctionsRequest(user_id=eve))
    assert [(one.sanction, one.report_id) for one in answer.sanctions] == [(NO_CALLS, long)]


@pytest.mark.parametrize(("sanction", "days"), [(NO_CALLS, 0), (NO_CALLS, 3_651), (0, 1), (9, 1)])
async def test_a_sanction_has_an_end_and_nothing_has_none(
    records: Records, sanction: records_pb2.Sanction.ValueType, days: int
) -> None:
    report_id = await records.report(ids.mint_user(), ids.mint_user())
    with pytest.raises(Refusal):
        await records.close(report_id, sanction, days)
    assert [head.state for head in await records.queue()] == [OPEN]


async def test_reports_are_erased_with_words_and_evidence_after_their_time(
    records: Records, one: Policy, settings: NodeSettings
) -> None:
    ada, eve = ids.mint_user(), ids.mint_user()
    await records.report(ada, eve, text="old", message_ids=[ids.mint("m_")])
    async with owner(settings) as database:
        await database.execute("UPDATE policy.report SET at = at - interval '180 days 1 minute'")
        new = await records.report(ada, eve, text="new", message_ids=[ids.mint("m_")])
        db = await one.node.database("policy")
        await Reports(db, Sanctions(db), per_day=3, keep_days=180).sweep()
        kept = await database.fetch("SELECT report_id FROM policy.report")
        shown = await database.fetch("SELECT DISTINCT report_id FROM policy.evidence")
    assert [row[0] for row in kept] == [row[0] for row in shown] == [new]


async def refused(verdicts: Verdicts, wanted: policy_pb2.Attempt) -> Refusal:
    """The refusal of an attempt."""
    with pytest.raises(Refusal) as told:
        await verdicts.ask(wanted)
    return told.value
