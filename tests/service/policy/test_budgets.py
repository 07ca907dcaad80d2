"""The budgets of those who write: exact across pods, said with when to come back, and no oracle."""

import asyncio
from collections import Counter

import pytest

from ringline.config import NodeSettings
from ringline.db import Database
from ringline.refusal import Refusal
from ringline.v1 import directory_pb2, policy_pb2
from services.policy.budget import Budgets
from services.policy.settings import Settings
from tests.service.pods import owner
from tests.service.policy.conftest import People, Policy

BURST, STRANGERS = 30, 5
HOUR, DAY = 3600, 86_400
ADMITTED, REFUSED = policy_pb2.OUTCOME_ADMITTED, policy_pb2.OUTCOME_REFUSED
UNHEARD = policy_pb2.OUTCOME_UNHEARD


@pytest.fixture
def budgets() -> Settings:
    """So slow to fill that nothing is granted while a test runs."""
    return Settings.load(message_burst=BURST, message_every_s=HOUR, strangers_per_day=STRANGERS)


async def pass_by(settings: NodeSettings, seconds: int) -> None:
    """Lets everything that was counted be that much longer ago."""
    async with owner(settings) as con:
        await con.execute(
            "UPDATE policy.message_budget SET due = due - make_interval(secs => $1),"
            " strangers = ARRAY(SELECT at - make_interval(secs => $1) FROM unnest(strangers) AS at)",
            seconds,
        )


def wait_of(answer: policy_pb2.MayMessageResponse) -> float:
    """In how many seconds the sender may come back."""
    refusal = Refusal.from_proto(answer.refused)
    assert (answer.outcome, refusal.name) == (REFUSED, "limited")
    assert refusal.retry_after is not None and not answer.stranger
    return refusal.retry_after


async def test_of_fifty_messages_at_once_at_two_pods_as_many_pass_as_there_is_budget(
    one: Policy, other: Policy, people: People
) -> None:
    ada, bob, cid = await people.new("ada"), await people.new("bob"), await people.new("cid")
    await one.hear(cid)  # nobody: what is not heard counts the same
    asked = [(one, other)[n % 2].may_message(ada, (bob, cid)[n // 2 % 2], first=False) for n in range(50)]
    answers = await asyncio.gather(*asked)
    passed = [answer for answer in answers if answer.outcome != REFUSED]
    assert len(passed) == BURST
    waits = [wait_of(answer) for answer in answers if answer.outcome == REFUSED]
    assert all(HOUR - 60 < wait <= HOUR for wait in waits)
    # Everybody has a budget of his own.
    assert (await other.may_message(bob, ada, first=False)).outcome == ADMITTED


async def test_the_budget_of_messages_comes_back_one_by_one_and_is_never_more_than_full(
    one: Policy, other: Policy, people: People, settings: NodeSettings
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")

    async def passing() -> int:
        asked = [(one, other)[n % 2].may_message(ada, bob, first=False) for n in range(BURST + 10)]
        return Counter(answer.outcome for answer in await asyncio.gather(*asked))[ADMITTED]

    assert await passing() == BURST
    assert await passing() == 0
    await pass_by(settings, 2 * HOUR + 60)
    assert await passing() == 2
    await pass_by(settings, 100 * HOUR)
    assert await passing() == BURST


async def test_of_fifty_first_messages_to_strangers_at_once_as_many_pass_as_a_day_allows(
    one: Policy, other: Policy, people: People, settings: NodeSettings
) -> None:
    ada = await people.new("ada")
    strangers = [await people.new(f"stranger{number}") for number in range(10)]
    for stranger in strangers[::2]:
        await one.hear(stranger)
    asked = [(one, other)[n // 10 % 2].may_message(ada, strangers[n % 10]) for n in range(50)]
    answers = await asyncio.gather(*asked)
    outcomes = Counter(answer.outcome for answer in answers)
    assert outcomes[ADMITTED] + outcomes[UNHEARD] == STRANGERS
    assert all(DAY - 60 < wait_of(answer) <= DAY for answer in answers if answer.outcome == REFUSED)
    # What was refused has not counted as a message either.
    rest = [other.may_message(ada, strangers[1], first=False) for _ in range(BURST)]
    answers = await asyncio.gather(*rest)
    assert Counter(answer.outcome for answer in answers) == {ADMITTED: BURST - STRANGERS, REFUSED: STRANGERS}


async def test_strangers_are_counted_over_any_day(
    one: Policy, other: Policy, people: People, settings: NodeSettings
) -> None:
    ada = await people.new("ada")
    strangers = [await people.new(f"stranger{number}") for number in range(STRANGERS + 3)]
    for number, stranger in enumerate(strangers[:STRANGERS]):
        assert (await (one, other)[number % 2].may_message(ada, stranger)).outcome == ADMITTED
        if number == 1:
            await pass_by(settings, 20 * HOUR)
    late = strangers[STRANGERS:]
    assert 4 * HOUR - 60 < wait_of(await one.may_message(ada, late[0])) <= 4 * HOUR
    await pass_by(settings, 4 * HOUR)
    answers = [await one.may_message(ada, stranger) for stranger in late]
    assert [answer.outcome for answer in answers] == [ADMITTED, ADMITTED, REFUSED]
    assert 20 * HOUR - 60 < wait_of(answers[2]) <= 20 * HOUR
    async with owner(settings) as con:
        assert await con.fetchval("SELECT cardinality(strangers) FROM policy.message_budget") == STRANGERS


async def test_only_first_messages_to_people_who_do_not_know_one_count_as_strangers(
    one: Policy, people: People
) -> None:
    ada, known, writer = await people.new("ada"), await people.new("known"), await people.new("writer")
    await people.relate(known, "ada", directory_pb2.RELATION_CONTACT)
    await people.wrote(writer, ada)
    strangers = [await people.new(f"stranger{number}") for number in range(STRANGERS + 1)]
    for stranger in strangers[:STRANGERS]:
        assert (await one.may_message(ada, stranger)).outcome == ADMITTED
    assert wait_of(await one.may_message(ada, strangers[STRANGERS])) > 0
    assert (await one.may_message(ada, strangers[0], first=False)).outcome == ADMITTED
    for friend in (known, writer):
        assert (await one.may_message(ada, friend)).outcome == ADMITTED


async def test_a_used_up_budget_does_not_tell_whom_a_contact_blocks(one: Policy, people: People) -> None:
    """Who blocks looks like who took her off his contacts; who wrote to her looks like before."""
    ada, contact, writer = await people.new("ada"), await people.new("friend"), await people.new("writer")
    await people.relate(contact, "ada", directory_pb2.RELATION_CONTACT)
    await people.wrote(writer, ada)
    strangers = [await people.new(f"stranger{number}") for number in range(STRANGERS + 1)]
    for stranger in strangers[:STRANGERS]:
        await one.may_message(ada, stranger)
    for blocker in (contact, writer):
        await one.block(blocker, ada)
    assert (await one.may_message(ada, writer)).outcome == UNHEARD
    to_contact, to_stranger = [await one.may_message(ada, each) for each in (contact, strangers[STRANGERS])]
    assert abs(wait_of(to_contact) - wait_of(to_stranger)) < 60


async def test_a_message_that_is_asked_about_again_counts_once_at_whatever_pod(
    one: Policy, other: Policy, people: People
) -> None:
    ada, bob, cid = await people.new("ada"), await people.new("bob"), await people.new("cid")
    message = "a-message-of-ada-1"
    answers = await asyncio.gather(
        *((one, other)[n % 2].may_message(ada, bob, client_id=message) for n in range(3 * BURST))
    )
    assert {answer.outcome for answer in answers} == {ADMITTED}
    rest = [await one.may_message(ada, bob, first=False, client_id=f"another-{n:010}") for n in range(BURST)]
    assert Counter(answer.outcome for answer in rest) == {ADMITTED: BURST - 1, REFUSED: 1}
    assert (await other.may_message(ada, bob, client_id="another-0000000028")).outcome == ADMITTED
    assert (await other.may_message(ada, bob, client_id="another-0000000029")).outcome == REFUSED
    assert (await other.may_message(ada, cid, client_id="another-0000000028")).outcome == REFUSED, (
        "one name for messages to two people is two messages"
    )


async def test_budgets_that_say_nothing_any_more_are_deleted(
    one: Policy, people: People, settings: NodeSettings
) -> None:
    ada, bob, cid = await people.new("ada"), await people.new("bob"), await people.new("cid")
    for number in range(STRANGERS):
        assert (await one.may_message(ada, await people.new(f"stranger{number}"))).outcome == ADMITTED
    await pass_by(settings, STRANGERS * HOUR + DAY - 60)
    assert (await one.may_message(bob, ada)).outcome == ADMITTED
    async with owner(settings) as con:
        await con.execute(
            "INSERT INTO policy.message_budget SELECT 'u_' || n, now() - interval '2 days' "
            "FROM generate_series(1, 2500) AS n"
        )

        async def left() -> list[str]:
            database = await Database.of(settings, "policy").open()
            try:
                await Budgets(database, Settings.load()).sweep()
            finally:
                await database.close()
            return [row[0] for row in await con.fetch("SELECT user_id FROM policy.message_budget")]

        assert sorted(await left()) == sorted([ada, bob])
        await pass_by(settings, 60)
        assert await left() == [bob]
    assert (await one.may_message(ada, cid)).outcome == ADMITTED
