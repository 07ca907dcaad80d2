"""The ring budget: what it counts case by case, and what holds whatever is done."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.policy import ringing
from services.policy.ringing import (
    BLOCKED,
    DAY,
    DECLINED,
    HOUR,
    MINUTE,
    REPORTED,
    Callee,
    Caller,
    Distance,
    Limits,
    Try,
)

LIMITS = Limits()
NEAR, WROTE, STRANGER = Distance.NEAR, Distance.WROTE, Distance.STRANGER
BEGIN = 1_700_000_000_000


@dataclass
class Town:
    """Some people, their budgets, and a clock."""

    limits: Limits = LIMITS
    now: int = BEGIN
    callers: dict[str, Caller] = field(default_factory=dict)
    callees: dict[str, Callee] = field(default_factory=dict)

    def ring(self, caller: str, callee: str, distance: Distance, **more: Any) -> str:
        """What becomes of a call: "rings", "unheard", or the name of the caller's budget that is used up."""
        wish = Try(caller, callee, distance)._replace(**more)
        own, back = self.callers.get(caller, Caller()), self.callers.get(callee, Caller())
        theirs = self.callees.get(callee, Callee())
        placed = ringing.place(own, back, theirs, wish, self.now, self.limits)
        if placed.refused is not None:
            assert placed.refused.free_at > self.now
            assert (placed.own, placed.theirs) == (own, theirs)
            return placed.refused.name
        self.callers[caller], self.callees[callee] = placed.own, placed.theirs
        return "rings" if wish.heard and not placed.unheard_by else "unheard"

    def talk(self, caller: str, callee: str, talked: bool = True) -> None:
        """The callee answered."""
        own, theirs = self.callers.get(caller, Caller()), self.callees.get(callee, Callee())
        self.callers[caller] = ringing.answered(own, callee, self.now, talked)
        if talked:
            self.callees[callee] = ringing.welcomed(theirs, caller, self.now, self.limits)

    def unwelcome(self, caller: str, callee: str, weight: int) -> None:
        """The callee did not want it."""
        theirs = self.callees.get(callee, Callee())
        self.callees[callee] = ringing.unwelcome(theirs, caller, self.now, weight)


def test_the_fourth_ring_of_one_person_within_ten_minutes_waits_less_among_friends() -> None:
    for distance, rest in ((STRANGER, HOUR), (WROTE, HOUR), (NEAR, 10 * MINUTE)):
        town = Town()
        for found in ("rings", "rings", "rings", "budget.pair"):
            assert town.ring("ada", "bob", distance) == found
        assert town.ring("ada", "cid", distance) == "rings"
        town.now += rest - 1
        assert town.ring("ada", "bob", distance) == "budget.pair"
        town.now += 1
        assert town.ring("ada", "bob", distance) == "rings"


def test_ten_minutes_are_ten_minutes() -> None:
    town = Town()
    for later, found in ((0, "rings"), (5, "rings"), (4, "rings"), (1, "budget.pair")):
        town.now += later * MINUTE
        assert town.ring("ada", "bob", NEAR) == found


def test_three_rings_over_more_than_ten_minutes_are_no_storm() -> None:
    town = Town()
    for _ in range(20):
        assert town.ring("ada", "bob", NEAR) == "rings"
        town.now += 5 * MINUTE


def test_an_answer_makes_room_for_the_pair_and_for_no_other() -> None:
    town = Town()
    for callee in ("bob", "cid"):
        for _ in range(3):
            town.ring("ada", callee, NEAR)
    town.talk("ada", "bob", talked=False)
    assert town.ring("ada", "bob", NEAR) == "rings"
    assert town.ring("ada", "cid", NEAR) == "budget.pair"


def test_an_answer_that_is_told_late_leaves_what_was_rung_since() -> None:
    own = Caller(pairs={"bob": (BEGIN, BEGIN + 1, BEGIN + 9)})
    later = ringing.answered(own, "bob", BEGIN + 5, talked=False)
    assert later.pairs == {"bob": (BEGIN + 9,)}
    assert ringing.answered(later, "bob", BEGIN + 5, talked=False) is later


def test_ten_calls_are_placed_in_a_minute() -> None:
    town = Town()
    found = [town.ring("ada", f"friend {n}", NEAR) for n in range(11)]
    assert found == ["rings"] * 10 + ["budget.places"]
    town.now += MINUTE
    assert town.ring("ada", "friend 10", NEAR) == "rings"


def calls_to_strangers(town: Town, count: int, talks: bool) -> int:
    """How many of so many strangers the caller reaches in a day, one each ten minutes."""
    reached = 0
    for n in range(count):
        reached += town.ring("ada", f"stranger {n}", STRANGER) == "rings"
        if talks:
            town.talk("ada", f"stranger {n}")
        town.now += 10 * MINUTE
    return reached


def test_fifteen_strangers_a_day_are_rung_who_do_not_answer_and_about_thirty_who_do() -> None:
    assert calls_to_strangers(Town(), 60, talks=False) == 15
    assert calls_to_strangers(Town(), 60, talks=True) == 29
    assert calls_to_strangers(Town(), 144 * 3, talks=False) == 45


def test_a_short_answer_gives_nothing_back_of_what_a_stranger_cost() -> None:
    for talked, cost in ((False, 2), (True, 1)):
        town = Town()
        town.ring("ada", "bob", STRANGER)
        for _ in range(3):
            town.talk("ada", "bob", talked)
        assert [one.spent for one in shares(town, "ada", "cid") if one.name == "budget.strangers"] == [cost]


def test_a_talk_that_is_told_again_changes_nothing() -> None:
    town = Town()
    for n in range(4):
        town.ring(f"caller {n}", "shop", STRANGER)
        town.now += 5 * MINUTE
    once = ringing.welcomed(town.callees["shop"], "caller 3", town.now, LIMITS)
    assert [one.weight for one in once.rings] == [0, 1, 1, 0]
    assert ringing.welcomed(once, "caller 3", town.now, LIMITS) is once


def test_a_stranger_who_is_rung_again_is_no_other_stranger_until_the_fourth_time() -> None:
    town = Town()
    for _ in range(3):
        town.ring("ada", "bob", STRANGER)
        town.now += 20 * MINUTE
    (spent,) = [one.spent for one in shares(town, "ada", "bob") if one.name == "budget.strangers"]
    assert spent == 2
    town.ring("ada", "bob", STRANGER)
    (spent,) = [one.spent for one in shares(town, "ada", "bob") if one.name == "budget.strangers"]
    assert spent == 4


def shares(town: Town, caller: str, callee: str) -> list[ringing.Share]:
    """The caller's own budgets, as they are for a stranger."""
    own = town.callers.get(caller, Caller())
    return ringing.shares(own, Try(caller, callee, STRANGER), town.now, town.limits)


def test_six_rings_of_strangers_are_heard_in_ten_minutes_and_the_callers_are_not_told() -> None:
    town = Town()
    found = [town.ring(f"caller {n}", "bob", STRANGER) for n in range(8)]
    assert found == ["rings"] * 6 + ["unheard"] * 2
    assert town.ring("friend", "bob", NEAR) == "rings"
    assert town.ring("penpal", "bob", WROTE) == "rings"
    town.now += 10 * MINUTE
    assert town.ring("caller 7", "bob", STRANGER) == "rings"


def test_a_ring_that_is_not_heard_costs_what_a_ring_costs_that_nobody_answers() -> None:
    town = Town()
    for n in range(6):
        town.ring(f"caller {n}", "flooded", STRANGER)
    spent = []
    for callee, heard in (("ignores", True), ("flooded", True), ("blocks", False)):
        found = [town.ring(f"to {callee}", callee, STRANGER, heard=heard) for _ in range(4)]
        assert found[3] == "budget.pair" and set(found[:3]) == {"rings" if callee == "ignores" else "unheard"}
        spent.append(shares(town, f"to {callee}", callee))
    assert spent[0] == spent[1] == spent[2]


def test_a_talk_makes_room_and_a_short_answer_does_not() -> None:
    town = Town()
    for n in range(6):
        town.ring(f"caller {n}", "shop", STRANGER)
        town.talk(f"caller {n}", "shop", talked=n > 0)
    assert [town.ring(f"next {n}", "shop", STRANGER) for n in range(6)] == ["rings"] * 5 + ["unheard"]


def test_declines_blocks_and_reports_use_up_the_patience_of_who_was_rung() -> None:
    for weight, heard in ((DECLINED, 5), (BLOCKED, 4), (REPORTED, 1)):
        town = Town()
        town.ring("caller", "bob", STRANGER)
        town.unwelcome("caller", "bob", weight)
        town.unwelcome("caller", "bob", weight)
        rest = [town.ring(f"caller {n}", "bob", STRANGER) for n in range(7)]
        assert 1 + rest.count("rings") == heard, weight


def test_who_was_declined_twice_is_not_heard_for_an_hour_unless_he_is_near() -> None:
    for distance, found in ((STRANGER, "unheard"), (WROTE, "unheard"), (NEAR, "rings")):
        town = Town()
        for _ in range(2):
            assert town.ring("ada", "bob", distance) == "rings"
            for _ in range(3):
                town.unwelcome("ada", "bob", DECLINED)
            town.now += 20 * MINUTE
        assert town.ring("ada", "bob", distance) == found
        town.now += HOUR
        assert town.ring("ada", "bob", distance) == "rings"


def test_who_was_reported_is_not_heard_for_an_hour() -> None:
    town = Town()
    town.ring("ada", "bob", STRANGER)
    town.unwelcome("ada", "bob", REPORTED)
    town.now += 20 * MINUTE
    assert town.ring("ada", "bob", STRANGER) == "unheard"


def test_a_talk_ends_what_declines_began() -> None:
    town = Town()
    for _ in range(2):
        town.ring("ada", "bob", STRANGER)
        town.unwelcome("ada", "bob", DECLINED)
        town.now += 1
    assert ringing.unheard_by(town.callees["bob"], Try("ada", "bob", STRANGER), town.now, LIMITS)
    town.talk("ada", "bob")
    assert town.ring("ada", "bob", STRANGER) == "rings"


def test_who_talks_with_most_strangers_hears_more_of_them_in_a_day() -> None:
    for is_answered, heard in ((False, 60), (True, 200)):
        town, found = Town(), 0
        for n in range(200):
            found += town.ring(f"caller {n}", "shop", STRANGER) == "rings"
            if is_answered and n % 2:
                town.talk(f"caller {n}", "shop")
                town.talk(f"caller {n}", "shop")
            town.now += 5 * MINUTE
        assert found == heard


def test_a_new_account_rings_no_stranger_until_it_talked() -> None:
    town = Town()
    made_at = BEGIN - DAY
    assert town.ring("ada", "bob", STRANGER, made_at=made_at) == "budget.new_account"
    assert town.ring("ada", "cid", NEAR, made_at=made_at) == "rings"
    town.talk("ada", "cid", talked=False)
    assert town.ring("ada", "bob", STRANGER, made_at=made_at) == "budget.new_account"
    town.talk("ada", "cid")
    assert town.ring("ada", "bob", STRANGER, made_at=made_at) == "rings"
    assert town.ring("old", "bob", STRANGER, made_at=BEGIN - 8 * DAY) == "rings"


def test_an_attempt_that_is_asked_about_again_counts_once() -> None:
    town = Town()
    for _ in range(20):
        assert town.ring("ada", "bob", STRANGER, name="c_1") == "rings"
    assert [town.ring("ada", "bob", STRANGER, name=f"c_{n}") for n in (2, 3, 4)] == [
        "rings",
        "rings",
        "budget.pair",
    ]
    assert len(town.callees["bob"].rings) == 3
    assert town.ring("ada", "bob", STRANGER, name="c_1") == "rings"


def test_whom_one_rang_may_call_back() -> None:
    town = Town()
    town.ring("ada", "bob", STRANGER)
    assert town.callers["ada"].knows("bob", town.now + DAY - 1)
    assert not town.callers["ada"].knows("bob", town.now + DAY)
    assert not Caller().knows("bob", town.now)


def test_without_limits_nothing_is_kept() -> None:
    own = Caller()
    for distance in Distance:
        assert ringing.spend(own, Try("ada", "bob", distance), BEGIN, Limits(0, 0, strangers=0)) is own


ACTS = st.tuples(
    st.sampled_from(["place", "place", "place", "talk", "answer", "decline", "block"]),
    st.integers(0, 2),  # who calls
    st.integers(3, 6),  # whom
    st.integers(0, 20 * MINUTE),  # how much later
)


@given(st.lists(ACTS, max_size=150))
def test_no_window_ever_holds_more_than_the_limit(acts: Sequence[tuple[str, int, int, int]]) -> None:
    """Whatever is done in between: rings that were answered aside, which the callee took for himself."""
    town = Town()
    rung: list[tuple[int, int, int]] = []
    placed: list[tuple[int, int]] = []
    for act, caller, callee, later in acts:
        town.now += later // 10 if act == "place" else later
        who, whom = f"{caller}", f"{callee}"
        if act == "place":
            found = town.ring(who, whom, STRANGER if callee < 6 else NEAR)
            if found in ("rings", "unheard"):
                placed.append((town.now, caller))
            if found == "rings":
                rung.append((town.now, caller, callee))
        elif act in ("talk", "answer"):
            town.talk(who, whom, talked=act == "talk")
            rung = [one for one in rung if one[1:] != (caller, callee)]
        else:
            town.unwelcome(who, whom, DECLINED if act == "decline" else BLOCKED)
    for caller in range(3):
        assert most([at for at, who in placed if who == caller], MINUTE) <= LIMITS.places
        for callee in range(3, 7):
            pair = [at for at, *two in rung if two == [caller, callee]]
            assert most(pair, LIMITS.pair_ms) <= LIMITS.pair
    for callee in range(3, 6):
        assert most([at for at, _, who in rung if who == callee], LIMITS.rings_ms) <= LIMITS.rings


def most(times: Sequence[int], span: int) -> int:
    """How many of these lie within one such span at most."""
    return max((sum(0 <= other - at < span for other in times) for at in times), default=0)


@given(st.lists(ACTS, max_size=100))
def test_talks_never_make_more_room_than_there_was(acts: Sequence[tuple[str, int, int, int]]) -> None:
    town = Town()
    for act, caller, callee, later in acts:
        town.now += later
        if act == "place":
            town.ring(f"{caller}", f"{callee}", STRANGER)
        else:
            before = {share.name: share.spent for share in shares(town, f"{caller}", "new")}
            town.talk(f"{caller}", f"{callee}")
            for share in shares(town, f"{caller}", "new"):
                assert 0 <= share.spent <= before[share.name]
        for n in range(3):
            for share in shares(town, f"{n}", "new"):
                assert share.spent <= share.limit


@given(st.lists(ACTS, max_size=60), st.permutations(range(8)))
def test_endings_count_the_same_in_any_order_and_twice(
    acts: Sequence[tuple[str, int, int, int]], order: Sequence[int]
) -> None:
    town = Town()
    for _, caller, callee, later in acts:
        town.now += later
        town.ring(f"{caller}", f"{callee}", STRANGER)
    own = town.callers.get("0", Caller())
    told = [(f"{3 + n % 4}", town.now - n * 7 * MINUTE, n % 3 > 0) for n in range(8)]
    once = own
    for whom, at, talked in told:
        once = ringing.answered(once, whom, at, talked)
    again = own
    for n in [*order, *order]:
        again = ringing.answered(again, *told[n])
    assert (again.pairs, again.strangers) == (once.pairs, once.strangers)


@given(st.lists(st.tuples(st.sampled_from(["ignored", "declined", "blocked", "cancelled", "shut"]), ACTS)))
def test_what_a_caller_is_told_does_not_depend_on_what_the_callee_did(
    acts: Sequence[tuple[str, tuple[str, int, int, int]]],
) -> None:
    """The same acts against people who ignore, and against people who do something behind his back."""
    told = []
    for is_same in (True, False):
        town, answers = Town(), []
        for deed, (_, _, callee, later) in acts:
            town.now += later
            whom, heard = f"{callee}", is_same or deed != "shut"
            found = town.ring("0", whom, STRANGER if callee < 6 else WROTE, heard=heard)
            answers.append("rings" if found == "unheard" else found)
            if not is_same and deed in ("declined", "blocked"):
                town.unwelcome("0", whom, DECLINED if deed == "declined" else BLOCKED)
        told.append(answers)
    assert told[0] == told[1]
