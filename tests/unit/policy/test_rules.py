"""The rules: what comes out of them case by case, and what holds in all cases."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1 import accounts_pb2, directory_pb2, policy_pb2, types_pb2
from ringline.v1.policy_pb2 import Audience
from services.policy.callee import DEFAULT_AUDIENCES, CallSettings, welcome_as
from services.policy.rules import (
    Entitled,
    Standing,
    check_attempt,
    check_audiences,
    check_entitlements,
    check_others,
    check_two,
    decide,
    entitled,
    shows_presence,
)

ADA, BOB = ids.mint_user(), ids.mint_user()
CONTACTS, FOLLOWING = Audience.AUDIENCE_CONTACTS, Audience.AUDIENCE_FOLLOWING
VERIFIED, EVERYONE = Audience.AUDIENCE_VERIFIED, Audience.AUDIENCE_EVERYONE
ADMITTED, UNHEARD = policy_pb2.OUTCOME_ADMITTED, policy_pb2.OUTCOME_UNHEARD
REFUSED = policy_pb2.OUTCOME_REFUSED
BOTH, AUDIO, NOTHING = Entitled(True, True), Entitled(True, False), Entitled(False, False)


@dataclass(frozen=True)
class World:
    """Ada calls Bob, or wants to send something in a call with him."""

    contact: bool = False
    follows: bool = False
    verified: bool = False
    audiences: frozenset[Audience.ValueType] = DEFAULT_AUDIENCES
    blocked: bool = False
    blocking: bool = False
    ada: Entitled = BOTH
    bob: Entitled = BOTH
    audio: bool = True
    video: bool = False
    is_self: bool = False
    act: policy_pb2.Act.ValueType = policy_pb2.ACT_PLACE

    def verdict(self) -> policy_pb2.Verdict:
        """What the rules say."""
        ada = types_pb2.Profile(user_id=ADA, username="ada", verified=self.verified)
        bob = types_pb2.Profile(user_id=ADA if self.is_self else BOB, username="bob")
        pair = directory_pb2.PairAnswer(
            user=accounts_pb2.Account(profile=ada, tier="hers"),
            other=accounts_pb2.Account(profile=bob, tier="his"),
            other_to_user=directory_pb2.Edges(contact=self.contact, follows=self.follows),
            # What Ada thinks of Bob opens no door.
            user_to_other=directory_pb2.Edges(contact=True, follows=True, messaged=True),
        )
        attempt = policy_pb2.Attempt(
            act=self.act, caller_id=ADA, kinds=types_pb2.Kinds(audio=self.audio, video=self.video)
        )
        rows = {"hers": self.ada, "his": self.bob}
        standing = Standing(CallSettings(self.audiences), self.blocked, self.blocking, rows)
        return decide(attempt, pair, standing)

    def expected(self) -> str:
        """The same rules, said a second time and another way."""
        placing = self.act == policy_pb2.ACT_PLACE
        if self.is_self:
            return "self"
        if placing and not self.ada.audio:
            return "not_entitled_audio"
        if self.video and not self.ada.video:
            return "not_entitled_video"
        if self.blocked or self.blocking:
            return "unheard" if placing else "kind_not_admitted"
        opens = {
            CONTACTS: self.contact,
            FOLLOWING: self.follows,
            VERIFIED: self.verified,
            EVERYONE: True,
        }
        if not placing or any(opens[audience] for audience in self.audiences):
            return "admitted"
        return "unheard"


def said(verdict: policy_pb2.Verdict) -> str:
    """The outcome as a word."""
    if verdict.outcome == REFUSED:
        return Refusal.from_proto(verdict.refused).name
    return "admitted" if verdict.outcome == ADMITTED else "unheard"


def seen_by_caller(verdict: policy_pb2.Verdict) -> policy_pb2.Verdict:
    """What of a verdict can show in the caller's frames."""
    seen = policy_pb2.Verdict()
    seen.CopyFrom(verdict)
    for hidden in ("trace", "outcome"):
        seen.ClearField(hidden)
    return seen


worlds = st.builds(
    World,
    contact=st.booleans(),
    follows=st.booleans(),
    verified=st.booleans(),
    audiences=st.frozensets(st.sampled_from([CONTACTS, FOLLOWING, VERIFIED, EVERYONE])),
    blocked=st.booleans(),
    blocking=st.booleans(),
    ada=st.builds(Entitled, st.booleans(), st.booleans()),
    bob=st.builds(Entitled, st.booleans(), st.booleans()),
    audio=st.booleans(),
    video=st.booleans(),
    is_self=st.just(False),
    act=st.sampled_from([policy_pb2.ACT_PLACE, policy_pb2.ACT_SET_MEDIA]),
)
calls = worlds.map(lambda world: replace(world, act=policy_pb2.ACT_PLACE))


@pytest.mark.parametrize(
    ("world", "outcome", "last_rule"),
    [
        (World(contact=True), "admitted", "audience.contacts"),
        (World(follows=True), "admitted", "audience.following"),
        (World(contact=True, follows=True), "admitted", "audience.contacts"),
        (World(verified=True), "unheard", "audience.none"),
        (World(), "unheard", "audience.none"),
        (World(audiences=frozenset({VERIFIED}), verified=True), "admitted", "audience.verified"),
        (World(audiences=frozenset({VERIFIED}), contact=True), "unheard", "audience.none"),
        (World(audiences=frozenset({EVERYONE})), "admitted", "audience.everyone"),
        (World(audiences=frozenset(), contact=True, follows=True), "unheard", "audience.none"),
        (World(contact=True, blocked=True), "unheard", "blocked"),
        (World(contact=True, blocking=True), "unheard", "blocking"),
        (World(audiences=frozenset({EVERYONE}), blocked=True), "unheard", "blocked"),
        (World(is_self=True), "self", "self"),
        (World(contact=True, ada=NOTHING), "not_entitled_audio", "not_entitled.audio"),
        (World(contact=True, ada=AUDIO), "admitted", "audience.contacts"),
        (World(contact=True, ada=AUDIO, video=True), "not_entitled_video", "not_entitled.video"),
        (
            World(contact=True, ada=Entitled(False, True), audio=False, video=True),
            "not_entitled_audio",
            "not_entitled.audio",
        ),
        (World(blocked=True, ada=NOTHING), "not_entitled_audio", "not_entitled.audio"),
        (World(act=policy_pb2.ACT_SET_MEDIA, video=True), "admitted", "running_call"),
        (
            World(act=policy_pb2.ACT_SET_MEDIA, video=True, ada=AUDIO),
            "not_entitled_video",
            "not_entitled.video",
        ),
        (World(act=policy_pb2.ACT_SET_MEDIA, ada=NOTHING), "admitted", "running_call"),
        (World(act=policy_pb2.ACT_SET_MEDIA, blocked=True), "kind_not_admitted", "blocked"),
        (World(act=policy_pb2.ACT_SET_MEDIA, blocking=True), "kind_not_admitted", "blocking"),
    ],
)
def test_a_verdict_and_the_rule_that_settled_it(world: World, outcome: str, last_rule: str) -> None:
    verdict = world.verdict()
    assert said(verdict) == outcome
    assert verdict.trace[-1].rule == last_rule
    assert verdict.trace[-1].held


def test_the_trace_names_every_rule_that_was_looked_at_in_order() -> None:
    trace = World(follows=True, ada=AUDIO).verdict().trace
    assert [(step.rule, step.held, step.effect) for step in trace] == [
        ("self", False, "refuses"),
        ("not_entitled.audio", False, "refuses"),
        ("not_entitled.video", False, "refuses"),
        ("caller.without_video", True, "limits"),
        ("callee.without_video", False, "limits"),
        ("operator.receive", False, "refuses"),
        ("switch.strangers", False, "refuses"),
        ("blocked", False, "refuses"),
        ("blocking", False, "refuses"),
        ("person.allowed", False, "admits"),
        ("must_have_messaged", False, "refuses"),
        ("audience.contacts", False, "admits"),
        ("audience.following", True, "admits"),
    ]


@pytest.mark.parametrize(
    ("world", "is_trusted"),
    [
        (World(contact=True), True),
        (World(follows=True), True),
        (World(contact=True, audiences=frozenset({EVERYONE})), True),
        (World(verified=True, audiences=frozenset({VERIFIED})), False),
        (World(audiences=frozenset({EVERYONE})), False),
    ],
)
def test_contacts_and_followed_see_what_devices_do_and_may_go_the_direct_way(
    world: World, is_trusted: bool
) -> None:
    verdict = world.verdict()
    assert verdict.device_truth is is_trusted
    assert verdict.relay_only is not is_trusted


@given(worlds)
def test_the_rules_agree_with_the_oracle(world: World) -> None:
    assert said(world.verdict()) == world.expected()


@given(worlds)
def test_blocked_is_never_admitted(world: World) -> None:
    for blocked in (replace(world, blocked=True), replace(world, blocking=True)):
        assert blocked.verdict().outcome != ADMITTED


@given(calls)
def test_unheard_looks_to_the_caller_like_an_admitted_stranger_whom_nobody_answers(world: World) -> None:
    verdict = world.verdict()
    if verdict.outcome != UNHEARD:
        return
    stranger = replace(
        world, contact=False, follows=False, blocked=False, blocking=False, audiences=frozenset({EVERYONE})
    ).verdict()
    assert stranger.outcome == ADMITTED
    assert seen_by_caller(verdict) == seen_by_caller(stranger)


@given(calls, calls)
def test_nothing_the_callee_chose_changes_what_is_refused(one: World, other: World) -> None:
    """An own-fault refusal hangs on the caller alone, so it tells nothing about the callee."""
    first = replace(one, is_self=False)
    second = replace(
        first, contact=other.contact, audiences=other.audiences, blocked=other.blocked, bob=other.bob
    )
    if first.verdict().outcome == REFUSED:
        assert seen_by_caller(first.verdict()).refused == seen_by_caller(second.verdict()).refused


@given(worlds)
def test_video_is_sent_by_entitled_tiers_alone(world: World) -> None:
    verdict = world.verdict()
    assert verdict.caller_may_send.video == world.ada.video
    assert verdict.callee_may_send.video == world.bob.video


@given(worlds)
def test_device_truth_needs_an_admitted_call_and_a_relation(world: World) -> None:
    verdict = world.verdict()
    if verdict.device_truth:
        assert verdict.outcome == ADMITTED
        assert world.contact or world.follows
    assert verdict.relay_only is not verdict.device_truth


@given(calls)
def test_device_truth_is_for_those_who_may_see_the_callees_presence_anyhow(world: World) -> None:
    edges = directory_pb2.Edges(contact=world.contact, follows=world.follows)
    is_shown = shows_presence(edges, world.blocked or world.blocking)
    verdict = world.verdict()
    assert verdict.device_truth is (is_shown and verdict.outcome == ADMITTED)
    assert is_shown is ((world.contact or world.follows) and not world.blocked and not world.blocking)


def test_an_audience_that_is_not_known_here_yet_admits_nobody() -> None:
    newer = frozenset({CONTACTS, Audience.ValueType(9)})
    edges = directory_pb2.Edges(contact=True, follows=True)
    assert welcome_as(newer, edges, True) == {CONTACTS}


@given(worlds)
def test_the_last_rule_of_a_trace_held_and_settles(world: World) -> None:
    verdict = world.verdict()
    *before, last = verdict.trace
    assert last.held
    assert (last.effect == "admits") == (verdict.outcome == ADMITTED)
    assert not [step for step in before if step.held and step.effect != "limits"]


def test_without_any_row_every_tier_may_do_everything() -> None:
    assert entitled({}, "free") == BOTH


def test_a_tier_has_its_own_row_or_that_of_all_others_or_nothing() -> None:
    rows = {"plus": BOTH, "*": AUDIO}
    assert entitled(rows, "plus") == BOTH
    assert entitled(rows, "free") == AUDIO
    assert entitled({"plus": BOTH}, "free") == NOTHING
    assert entitled({"plus": NOTHING, "*": BOTH}, "plus") == NOTHING


def attempt(**fields: object) -> policy_pb2.Attempt:
    """A well-formed attempt with some fields changed."""
    made = policy_pb2.Attempt(
        act=policy_pb2.ACT_PLACE, caller_id=ADA, callee_username="@bob", kinds=types_pb2.Kinds(audio=True)
    )
    for name, value in fields.items():
        if name == "kinds":
            made.kinds.CopyFrom(value)  # type: ignore[arg-type]
        else:
            setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    "well_formed",
    [
        attempt(),
        attempt(callee_username="", callee_id=BOB),
        attempt(act=policy_pb2.ACT_SET_MEDIA, kinds=types_pb2.Kinds()),
        attempt(kinds=types_pb2.Kinds(video=True)),
    ],
)
def test_a_well_formed_attempt_is_looked_at(well_formed: policy_pb2.Attempt) -> None:
    check_attempt(well_formed)


@pytest.mark.parametrize(
    "malformed",
    [
        attempt(act=policy_pb2.ACT_UNSPECIFIED),
        attempt(caller_id=""),
        attempt(caller_id="ada"),
        attempt(callee_username=""),
        attempt(callee_id=BOB),
        attempt(callee_username="", callee_id="bob"),
        attempt(callee_username="b" * 65),
        attempt(kinds=types_pb2.Kinds()),
    ],
)
def test_a_malformed_attempt_is_refused(malformed: policy_pb2.Attempt) -> None:
    with pytest.raises(Refusal) as refused:
        check_attempt(malformed)
    assert refused.value.name == "invalid"


def test_audiences_are_a_set_of_known_ones() -> None:
    assert check_audiences([3, 1, 3]) == {CONTACTS, VERIFIED}
    assert check_audiences([]) == frozenset()
    for unknown in (0, 5, -1):
        with pytest.raises(Refusal):
            check_audiences([1, unknown])


def test_entitlements_have_one_row_for_each_well_formed_tier() -> None:
    rows = [
        policy_pb2.Entitlement(tier="plus", place_audio=True, place_video=True),
        policy_pb2.Entitlement(tier="*", place_audio=True),
    ]
    assert check_entitlements(rows) == {"plus": BOTH, "*": AUDIO}
    for tier in ("", "Plus", "a b", "x" * 33, "**", "plus"):
        with pytest.raises(Refusal):
            check_entitlements([*rows, policy_pb2.Entitlement(tier=tier)])
    with pytest.raises(Refusal):
        check_entitlements(policy_pb2.Entitlement(tier=f"t{number}") for number in range(101))


def test_nobody_blocks_himself() -> None:
    check_two(ADA, BOB)
    for one, other, reason in [(ADA, ADA, "self"), (ADA, "", "invalid"), ("bob", BOB, "invalid")]:
        with pytest.raises(Refusal) as refused:
            check_two(one, other)
        assert refused.value.name == reason


def test_a_question_about_presence_is_about_a_hundred_others_at_most() -> None:
    assert check_others(ADA, [BOB, "", BOB, "@bob", ADA]) == [BOB, ADA]
    for user_id, others in [("", [BOB]), (ADA, [BOB] * 101)]:
        with pytest.raises(Refusal) as refused:
            check_others(user_id, others)
        assert refused.value.name == "invalid"
