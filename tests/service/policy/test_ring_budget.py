"""The ring budget over two pods: exact, kept, explained, refilled by the event log, and no oracle."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from ringline import ids
from ringline.config import NodeSettings
from ringline.db import Database
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import directory_pb2, events_pb2, policy_pb2, types_pb2
from services.policy.endings import Endings
from services.policy.ringing import REPORTED
from services.policy.ringing_store import Rings
from services.policy.settings import Settings
from tests.service.pods import owner
from tests.service.policy.conftest import EVERYONE, People, Policy, Verdicts, asking, attempt, outcome
from tests.service.policy.records import records_of

HOUR, DAY = 3600, 86_400
CONTACT = directory_pb2.RELATION_CONTACT
LATER = 4_000_000_000_000
"""In Unix milliseconds: after everything that is counted here."""
TABLES = ("ring_caller", "ring_callee")


@pytest.fixture
def budgets() -> Settings:
    """As it is by default, but for new accounts: all of these are."""
    return Settings.load(ring_new_days=0)


@pytest.fixture
async def rings(settings: NodeSettings, budgets: Settings) -> AsyncIterator[Rings]:
    """The table as a third process sees it."""
    database = await Database.of(settings, "policy").open()
    yield Rings(database, budgets.limits())
    await database.close()


async def pass_by(settings: NodeSettings, seconds: float) -> None:
    """Lets everything that was counted be that much longer ago."""

    def older(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: older(one) for key, one in value.items()}
        if isinstance(value, list):
            return [older(one) for one in value]
        return value - round(seconds * 1000) if isinstance(value, int) and value > 10**11 else value

    async with owner(settings) as con:
        for table in TABLES:
            for user_id, state in await con.fetch(f"SELECT user_id, state FROM policy.{table}"):
                await con.execute(
                    f"UPDATE policy.{table} SET state = $2, until = until - make_interval(secs => $3)"
                    " WHERE user_id = $1",
                    user_id,
                    json.dumps(older(json.loads(state))),
                    float(seconds),
                )


async def told(verdicts: Verdicts, caller: str, callee: str, **more: Any) -> str:
    """What the caller is told: "rings", heard or not, or why not and in how many minutes he may come back."""
    try:
        await verdicts.ask(attempt(caller, callee, **more))
    except Refusal as refusal:
        assert refusal.retry_after is not None
        return f"{refusal.name} {refusal.retry_after / 60:.0f}"
    return "rings"


async def used_up(verdicts: Verdicts, caller: str, callee: str) -> str:
    """Which of his budgets a refused caller is told of."""
    with pytest.raises(Refusal) as refused:
        await verdicts.ask(attempt(caller, callee))
    return refused.value.budget


def ended(caller: str, callee: str, answered: bool = False, **more: Any) -> events_pb2.Event:
    """A call that is over."""
    at = LATER
    fact = events_pb2.CallEnded(
        caller_id=caller,
        callee_id=callee,
        ending=types_pb2.ENDING_HUNG_UP if answered else types_pb2.ENDING_NO_ANSWER,
        placed_at_ms=at,
        answered_at_ms=at if answered else 0,
        ended_at_ms=at + 60_000,
    )
    for name, value in more.items():
        setattr(fact, name, value)
    return events_pb2.Event(event_id=ids.mint("e_"), call_id=ids.mint("c_"), call_ended=fact)


async def test_of_fifty_rings_of_one_contact_at_once_at_two_pods_three_pass(
    verdicts: Verdicts, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await people.relate(bob, "ada", CONTACT)
    found = Counter(await asyncio.gather(*(told(verdicts, ada, bob) for _ in range(50))))
    assert found == {"rings": 3, "limited 10": 47}


async def test_of_fifty_calls_at_once_to_several_ten_are_placed(verdicts: Verdicts, people: People) -> None:
    ada = await people.new("ada")
    friends = [await people.new(f"friend{n}") for n in range(17)]
    for friend in friends:
        await people.relate(friend, "ada", CONTACT)
    found = Counter(
        await asyncio.gather(*(outcome(verdicts, attempt(ada, friends[n % 17])) for n in range(50)))
    )
    assert found == {"admitted": 10, "limited": 40}


async def test_of_thirty_rings_of_strangers_at_once_six_are_heard_and_the_others_are_not_told(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    bob = await people.new("bob")
    await one.allow(bob, EVERYONE)
    strangers = [await people.new(f"stranger{n}") for n in range(30)]
    found = await asyncio.gather(*(outcome(verdicts, attempt(stranger, bob)) for stranger in strangers))
    assert Counter(found) == {"admitted": 6, "unheard": 24}


async def test_an_attempt_that_is_asked_about_again_counts_once(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await one.allow(bob, EVERYONE)
    calls = [ids.mint("c_") for _ in range(4)]
    found = await asyncio.gather(
        *(told(verdicts, ada, bob, call_id=call_id) for call_id in calls[:3] for _ in range(15))
    )
    assert set(found) == {"rings"}
    assert await told(verdicts, ada, bob, call_id=calls[3]) == "limited 60"
    assert await told(verdicts, ada, bob, call_id=calls[0]) == "rings"


async def test_what_is_spent_is_still_spent_for_processes_that_start_later(
    nodes: list[Node], verdicts: Verdicts, people: People, settings: NodeSettings, rings: Rings
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    for _ in range(3):
        assert await told(verdicts, ada, bob) == "rings"
    await pass_by(settings, HOUR - 60)
    async with asking(nodes[1:]) as later:
        assert await told(later, ada, bob) == "limited 1"
    await pass_by(settings, 60)
    assert await told(verdicts, ada, bob) == "rings"


ACTS: Sequence[float] = [0, 10, 20, 40, 300, 2000, 1200, 1, 1, 1, 4000, 1, 1]
"""Seconds before each ring; the callee does what he does after each."""


async def test_a_caller_is_told_the_same_whatever_the_callee_does(
    one: Policy, other: Policy, verdicts: Verdicts, people: People, settings: NodeSettings, rings: Rings
) -> None:
    """Who ignores, who is rung out by others, who blocks, who has closed his doors, who declines."""
    names = ("ignores", "flooded", "blocks", "closed", "declines", "reports")
    callees = {name: await people.new(name) for name in names}
    callers = {name: await people.new(f"caller{n}") for n, name in enumerate(names)}
    hear = Endings(rings).hear
    for name, callee in callees.items():
        await one.allow(callee, *([] if name == "closed" else [EVERYONE]))
    for n in range(6):
        assert await told(verdicts, await people.new(f"flood{n}"), callees["flooded"]) == "rings"
    await other.block(callees["blocks"], callers["blocks"])
    answers: dict[str, list[str]] = {name: [] for name in names}
    heard: Counter[str] = Counter()
    for seconds in ACTS:
        await pass_by(settings, seconds)
        for name in names:
            caller, callee = callers[name], callees[name]
            answers[name].append(await told(verdicts, caller, callee))
            if name == "declines":
                await hear(ended(caller, callee, declined=True, placed_at_ms=LATER + len(answers[name])))
            elif name == "reports":
                await rings.unwelcome(caller, callee, REPORTED)
            elif name == "ignores":
                await hear(ended(caller, callee))
            else:
                await hear(ended(caller, callee, shadow=True))
    waits = ["limited 59", "limited 54", "limited 21", *["limited 1"] * 4]
    assert answers["ignores"] == [*["rings"] * 3, *waits, *["rings"] * 3]
    for name in names:
        assert answers[name] == answers["ignores"], name
        rest = {await told(verdicts, callers[name], await people.new(f"{name}{n}")) for n in range(3)}
        assert rest == {"rings"}
        heard[name] = len((await kept(settings, "ring_callee", callees[name]))["rings"])
    # The attack would have something to find: behind the door it was not the same.
    assert heard["ignores"] > max(heard["blocks"], heard["closed"], heard["declines"], heard["reports"])


async def kept(settings: NodeSettings, table: str, user_id: str) -> Any:
    """What is kept about a user."""
    async with owner(settings) as con:
        state = await con.fetchval(f"SELECT state FROM policy.{table} WHERE user_id = $1", user_id)
    return json.loads(state) if state else None


async def test_a_refused_caller_is_told_which_of_his_budgets_is_used_up(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, bob, *friends = [await people.new(f"ada{n}") for n in range(10)]
    for friend in (bob, *friends):
        await people.relate(friend, "ada0", CONTACT)
    for _ in range(3):
        assert await told(verdicts, ada, bob) == "rings"
    assert await used_up(verdicts, ada, bob) == "pair"
    for friend in friends[:7]:
        assert await told(verdicts, ada, friend) == "rings"
    assert await used_up(verdicts, ada, friends[7]) == "places"


async def test_an_answer_makes_room_said_once_or_twice_and_a_shadow_call_has_none(
    verdicts: Verdicts, people: People, rings: Rings, settings: NodeSettings
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await people.relate(bob, "ada", CONTACT)
    hear = Endings(rings).hear
    for _ in range(3):
        assert await told(verdicts, ada, bob) == "rings"
    await hear(ended(ada, bob, answered=True, shadow=True))
    await hear(ended(ada, bob))
    assert await told(verdicts, ada, bob) == "limited 10"
    answered = ended(ada, bob, answered=True)
    await asyncio.gather(*(hear(answered) for _ in range(5)))
    for _ in range(3):
        assert await told(verdicts, ada, bob) == "rings"
    assert await told(verdicts, ada, bob) == "limited 10"


async def test_an_answer_of_long_ago_makes_no_room(verdicts: Verdicts, people: People, rings: Rings) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    for _ in range(3):
        assert await told(verdicts, ada, bob) == "rings"
    await Endings(rings).hear(ended(ada, bob, answered=True, answered_at_ms=1_600_000_000_000))
    assert await told(verdicts, ada, bob) == "limited 60"


async def test_a_stranger_who_was_declined_twice_is_unheard_and_a_contact_is_not(
    one: Policy, verdicts: Verdicts, people: People, rings: Rings
) -> None:
    ada, bob, cid = await people.new("ada"), await people.new("bob"), await people.new("cid")
    await one.allow(bob, EVERYONE)
    await people.relate(bob, "cid", CONTACT)
    for caller, then in ((ada, "unheard"), (cid, "admitted")):
        for n in range(2):
            assert await outcome(verdicts, attempt(caller, bob)) == "admitted"
            declined = ended(caller, bob, ending=types_pb2.ENDING_DECLINED, placed_at_ms=LATER + n)
            await asyncio.gather(*(Endings(rings).hear(declined) for _ in range(3)))
        assert await outcome(verdicts, attempt(caller, bob)) == then


async def test_a_stranger_who_was_reported_once_is_unheard(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await one.allow(bob, EVERYONE)
    assert await outcome(verdicts, attempt(ada, bob)) == "admitted"
    async with records_of(one) as records:
        await records.report(bob, ada)
    assert await outcome(verdicts, attempt(ada, bob)) == "unheard"


async def test_who_rang_may_be_called_back_and_is_no_stranger(
    one: Policy, verdicts: Verdicts, people: People, rings: Rings, settings: NodeSettings
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    for user in (ada, bob):
        await one.allow(user, EVERYONE)
    assert await outcome(verdicts, attempt(ada, bob)) == "admitted"
    assert await outcome(verdicts, attempt(bob, ada)) == "admitted"
    assert (await kept(settings, "ring_caller", bob))["strangers"] == {}
    assert list((await kept(settings, "ring_caller", ada))["strangers"]) == [bob]


async def test_a_contact_who_blocks_costs_what_a_stranger_costs_and_rests_as_long(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    """The caller sees no presence of either: what he has left must not tell them apart."""
    ada, bob, cem = await people.new("ada"), await people.new("bob"), await people.new("cem")
    await people.relate(bob, "ada", CONTACT)
    await one.block(bob, ada)
    seen = []
    for callee in (bob, cem):
        answers = [await told(verdicts, ada, callee) for _ in range(4)]
        request = policy_pb2.ExplainRequest(attempt=attempt(ada, callee))
        budgets = (await one.operator.Explain(request)).budgets
        spent = {budget.name: budget.spent for budget in budgets}
        seen.append((answers, spent.keys(), spent["budget.strangers"]))
    (blocked, budgets_of_bob, first), (strange, budgets_of_cem, second) = seen
    assert blocked == strange == ["rings", "rings", "rings", "limited 60"]
    assert (budgets_of_bob, first, second) == (budgets_of_cem, 2, 4)


async def test_explaining_says_what_is_spent_and_counts_nothing(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await one.allow(bob, EVERYONE)
    for _ in range(3):
        assert await told(verdicts, ada, bob) == "rings"
    request = policy_pb2.ExplainRequest(attempt=attempt(ada, bob))
    answers = [await one.operator.Explain(request) for _ in range(5)]
    assert answers[-1].verdict.outcome == policy_pb2.OUTCOME_ADMITTED
    found = {budget.name: (budget.spent, budget.limit) for budget in answers[-1].budgets}
    assert found == {
        "budget.places": (3, 10),
        "budget.pair": (3, 3),
        "budget.strangers": (2, 30),
        "budget.declined": (0, 1),
        "budget.rings": (3, 6),
        "budget.rings_a_day": (3, 60),
    }
    (pair,) = [budget for budget in answers[-1].budgets if budget.name == "budget.pair"]
    assert HOUR - 60 < pair.free_in_ms / 1000 <= HOUR
    assert [budget.free_in_ms for budget in answers[-1].budgets if budget.name != "budget.pair"] == [0] * 5


async def test_the_trace_names_the_budget_that_keeps_a_call_from_ringing(
    one: Policy, verdicts: Verdicts, people: People, rings: Rings
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await one.allow(bob, EVERYONE)
    await rings.unwelcome(ada, bob, REPORTED)
    verdict = await verdicts.ask(attempt(ada, bob))
    assert (verdict.outcome, verdict.trace[-1].rule) == (policy_pb2.OUTCOME_UNHEARD, "budget.declined")
    assert not verdict.device_truth and verdict.relay_only


async def test_media_in_a_running_call_costs_nothing(
    one: Policy, verdicts: Verdicts, people: People, settings: NodeSettings
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    for _ in range(12):
        assert await outcome(verdicts, attempt(ada, bob, act=policy_pb2.ACT_SET_MEDIA)) == "admitted"
    assert await kept(settings, "ring_caller", ada) is None


async def test_budgets_that_say_nothing_any_more_are_deleted(
    one: Policy, verdicts: Verdicts, people: People, rings: Rings, settings: NodeSettings
) -> None:
    ada, bob, cid = await people.new("ada"), await people.new("bob"), await people.new("cid")
    await one.allow(bob, EVERYONE)
    assert await told(verdicts, ada, bob) == "rings"
    await pass_by(settings, DAY - 60)
    assert await told(verdicts, cid, bob) == "rings"
    await rings.sweep()
    assert await kept(settings, "ring_caller", ada)
    await pass_by(settings, 60)
    await rings.sweep()
    assert await kept(settings, "ring_caller", ada) is None
    assert await kept(settings, "ring_caller", cid) and await kept(settings, "ring_callee", bob)
    await pass_by(settings, DAY)
    await rings.sweep()
    async with owner(settings) as con:
        assert [await con.fetchval(f"SELECT count(*) FROM policy.{table}") for table in TABLES] == [0, 0]
