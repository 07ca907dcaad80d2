"""Messages: what becomes of them case by case, and what the sender cannot tell."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline import ids
from ringline.v1 import accounts_pb2, directory_pb2, policy_pb2, types_pb2
from ringline.v1.policy_pb2 import Audience
from services.policy.messages import DEFAULT_AUDIENCES, Standing, Verdict, decide

ADA, BOB = ids.mint_user(), ids.mint_user()
CONTACTS, FOLLOWING = Audience.AUDIENCE_CONTACTS, Audience.AUDIENCE_FOLLOWING
VERIFIED, EVERYONE = Audience.AUDIENCE_VERIFIED, Audience.AUDIENCE_EVERYONE
ADMITTED, UNHEARD = policy_pb2.OUTCOME_ADMITTED, policy_pb2.OUTCOME_UNHEARD


@dataclass(frozen=True)
class World:
    """Ada writes to Bob. What Bob did: has her as contact, follows her, wrote to her, chose audiences."""

    contact: bool = False
    follows: bool = False
    messaged: bool = False
    verified: bool = False
    audiences: frozenset[Audience.ValueType] = DEFAULT_AUDIENCES
    blocked: bool = False
    blocking: bool = False
    first: bool = True

    def verdict(self) -> Verdict:
        """What the rules say."""
        pair = directory_pb2.PairAnswer(
            user=accounts_pb2.Account(profile=types_pb2.Profile(user_id=ADA, verified=self.verified)),
            other=accounts_pb2.Account(profile=types_pb2.Profile(user_id=BOB)),
            other_to_user=directory_pb2.Edges(
                contact=self.contact, follows=self.follows, messaged=self.messaged
            ),
            # What Ada did opens no door.
            user_to_other=directory_pb2.Edges(contact=True, follows=True, messaged=True),
        )
        return decide(pair, Standing(self.audiences, self.blocked, self.blocking), self.first)

    def expected(self) -> Verdict:
        """The same rules, said a second time and another way."""
        knows = {
            CONTACTS: self.contact,
            FOLLOWING: self.follows,
            VERIFIED: self.verified,
            EVERYONE: True,
        }
        ways_in = [audience for audience in self.audiences if knows[audience]]
        if self.messaged:
            ways_in.append(EVERYONE)
        outcome = ADMITTED if ways_in else UNHEARD
        is_counted = self.first and not (self.messaged or self.presence_is_seen())
        if self.blocked or self.blocking:
            outcome = UNHEARD
        return Verdict(outcome, not any([self.contact, self.follows, self.messaged]), is_counted)

    def presence_is_seen(self) -> bool:
        """Whether Ada sees if Bob is there."""
        if self.blocked or self.blocking:
            return False
        return self.contact or self.follows


worlds = st.builds(
    World,
    contact=st.booleans(),
    follows=st.booleans(),
    messaged=st.booleans(),
    verified=st.booleans(),
    audiences=st.frozensets(st.sampled_from([CONTACTS, FOLLOWING, VERIFIED, EVERYONE])),
    blocked=st.booleans(),
    blocking=st.booleans(),
    first=st.booleans(),
)


@pytest.mark.parametrize(
    ("world", "outcome", "is_stranger"),
    [
        (World(), ADMITTED, True),
        (World(contact=True), ADMITTED, False),
        (World(follows=True), ADMITTED, False),
        (World(messaged=True), ADMITTED, False),
        (World(verified=True), ADMITTED, True),
        (World(first=False), ADMITTED, True),
        (World(audiences=frozenset()), UNHEARD, True),
        (World(audiences=frozenset(), contact=True, follows=True), UNHEARD, False),
        (World(audiences=frozenset(), messaged=True), ADMITTED, False),
        (World(audiences=frozenset({CONTACTS})), UNHEARD, True),
        (World(audiences=frozenset({CONTACTS}), follows=True), UNHEARD, False),
        (World(audiences=frozenset({CONTACTS}), messaged=True), ADMITTED, False),
        (World(audiences=frozenset({FOLLOWING}), follows=True), ADMITTED, False),
        (World(audiences=frozenset({VERIFIED})), UNHEARD, True),
        (World(audiences=frozenset({VERIFIED}), verified=True), ADMITTED, True),
        (World(blocked=True), UNHEARD, True),
        (World(blocking=True), UNHEARD, True),
        (World(blocked=True, contact=True), UNHEARD, False),
        (World(blocked=True, messaged=True), UNHEARD, False),
        (World(blocking=True, messaged=True), UNHEARD, False),
    ],
)
def test_what_becomes_of_a_message(
    world: World, outcome: policy_pb2.Outcome.ValueType, is_stranger: bool
) -> None:
    assert (world.verdict().outcome, world.verdict().stranger) == (outcome, is_stranger)


@pytest.mark.parametrize(
    ("world", "is_new"),
    [
        (World(), True),
        (World(first=False), False),
        (World(audiences=frozenset()), True),
        (World(blocked=True), True),
        (World(contact=True), False),
        (World(contact=True, audiences=frozenset()), False),
        (World(follows=True), False),
        (World(messaged=True), False),
        (World(messaged=True, blocked=True), False),
        # As whoever took her off his contacts: his presence is away in both cases.
        (World(contact=True, blocked=True), True),
    ],
)
def test_who_counts_as_a_new_stranger(world: World, is_new: bool) -> None:
    assert world.verdict().is_new is is_new


@given(worlds)
def test_the_rules_agree_with_the_oracle(world: World) -> None:
    assert world.verdict() == world.expected()


@given(worlds, worlds)
def test_what_differs_in_blocks_and_audiences_alone_differs_in_the_outcome_alone(
    one: World, choices: World
) -> None:
    other = replace(one, blocked=choices.blocked, blocking=choices.blocking, audiences=choices.audiences)
    first, second = one.verdict(), other.verdict()
    assert first.stranger == second.stranger
    assert {first.outcome, second.outcome} <= {ADMITTED, UNHEARD}


@given(worlds, worlds)
def test_the_budget_tells_nothing_that_the_sender_cannot_see(one: World, other: World) -> None:
    """Two worlds that look alike to Ada count alike, whatever Bob chose."""
    other = replace(other, first=one.first, messaged=one.messaged)
    if one.presence_is_seen() == other.presence_is_seen():
        assert one.verdict().is_new == other.verdict().is_new


@given(worlds)
def test_who_is_not_heard_counts_as_a_stranger_whom_everybody_hears(world: World) -> None:
    if world.verdict().outcome == UNHEARD and not world.presence_is_seen() and not world.messaged:
        stranger = World(first=world.first)
        assert stranger.verdict().outcome == ADMITTED
        assert world.verdict().is_new == stranger.verdict().is_new


@given(worlds)
def test_blocked_is_never_admitted_whoever_wrote_first(world: World) -> None:
    for blocked in (replace(world, blocked=True), replace(world, blocking=True)):
        assert blocked.verdict().outcome == UNHEARD
