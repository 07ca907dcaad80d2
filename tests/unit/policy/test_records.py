"""What is kept of a verdict, and what a sanction makes of one."""

import pytest

from ringline import ids
from ringline.v1 import accounts_pb2, directory_pb2, policy_pb2, types_pb2
from services.policy import operator_word
from services.policy.callee import CallSettings
from services.policy.rules import Standing, decide
from services.policy.sanctions import FREE, Sanctioned, sanctioned
from services.policy.verdicts import decisive, kept

ADA, BOB = ids.mint_user(), ids.mint_user()
ATTEMPT = policy_pb2.Attempt(
    act=policy_pb2.ACT_PLACE,
    caller_id=ADA,
    callee_id=BOB,
    kinds=types_pb2.Kinds(audio=True),
    call_id=ids.mint_call(),
)
STRANGER = Standing(CallSettings(), False, False, {})
BLOCKED, BLOCKING = STRANGER._replace(blocked=True), STRANGER._replace(blocking=True)
NO_STRANGERS, NO_CALLS = Sanctioned(60.0, None), Sanctioned(None, 60.0)


def pair(contact: bool = False, to_himself: bool = False) -> directory_pb2.PairAnswer:
    """Ada calls Bob, who may have her as a contact."""
    ada = types_pb2.Profile(user_id=ADA, username="ada")
    bob = types_pb2.Profile(user_id=ADA if to_himself else BOB, username="bob")
    return directory_pb2.PairAnswer(
        user=accounts_pb2.Account(profile=ada),
        other=accounts_pb2.Account(profile=bob),
        other_to_user=directory_pb2.Edges(contact=contact),
    )


def verdict(standing: Standing, contact: bool = False, caller: Sanctioned = FREE) -> policy_pb2.Verdict:
    """The verdict on Ada's call."""
    two = pair(contact)
    return sanctioned(ATTEMPT, decide(ATTEMPT, two, standing), two, standing, caller)


def test_names_are_not_kept_with_a_verdict() -> None:
    row = kept(ATTEMPT, verdict(STRANGER), 1.0)
    assert row.callee_id == BOB
    assert b"ada" not in row.verdict and b"bob" not in row.verdict
    assert row.call_id == ATTEMPT.call_id


def test_the_rule_that_settled_it_is_the_last_one_that_held() -> None:
    assert decisive(verdict(STRANGER)) == "audience.none"
    assert decisive(verdict(STRANGER, contact=True)) == "audience.contacts"
    assert decisive(verdict(BLOCKED)) == "blocked"
    assert decisive(policy_pb2.Verdict()) == ""


@pytest.mark.parametrize(
    ("standing", "contact", "shown"),
    [(STRANGER, False, True), (BLOCKED, True, True), (BLOCKING, True, False), (STRANGER, True, False)],
)
def test_a_callee_is_shown_what_his_own_word_kept_from_him(
    standing: Standing, contact: bool, shown: bool
) -> None:
    assert kept(ATTEMPT, verdict(standing, contact), 1.0).shown == shown


def test_what_the_operators_rules_keep_from_a_callee_is_shown_to_him() -> None:
    """Whoever of the two blocks the other: what the operator said came first, and tells of no block."""
    two = pair(contact=True)
    order = operator_word.Word((True, True), (True, True), receives=False, is_strangers_off=False)
    for standing in (STRANGER, BLOCKED, BLOCKING):
        row = kept(ATTEMPT, decide(ATTEMPT, two, standing, order), 1.0)
        assert (row.rule, row.shown) == ("operator.receive", True)


def test_whoever_blocks_and_is_blocked_is_shown_to_him_who_blocks() -> None:
    """His own block is what he knows of."""
    both = STRANGER._replace(blocked=True, blocking=True)
    row = kept(ATTEMPT, verdict(both), 1.0)
    assert (row.rule, row.shown) == ("blocked", True)


def test_a_change_of_media_is_kept_and_never_shown() -> None:
    media = policy_pb2.Attempt()
    media.CopyFrom(ATTEMPT)
    media.act = policy_pb2.ACT_SET_MEDIA
    assert not kept(media, policy_pb2.Verdict(outcome=policy_pb2.OUTCOME_UNHEARD), 1.0).shown


def test_an_attempt_of_an_earlier_signaling_gets_an_id_here() -> None:
    nameless = policy_pb2.Attempt(act=policy_pb2.ACT_PLACE, caller_id=ADA, callee_id=BOB)
    rows = [kept(nameless, verdict(STRANGER), 1.0) for _ in range(2)]
    assert all(ids.is_id(row.call_id, "c_") for row in rows) and rows[0].call_id != rows[1].call_id


@pytest.mark.parametrize("standing", [STRANGER, BLOCKED, BLOCKING])
@pytest.mark.parametrize("caller", [NO_CALLS, NO_STRANGERS])
def test_what_a_sanction_says_to_the_caller_does_not_hang_on_the_callee(
    standing: Standing, caller: Sanctioned
) -> None:
    """Blocked, blocking, closed: the same bytes, but for the version of the rules that all have alike."""
    told = verdict(standing, caller=caller)
    assert told == verdict(STRANGER._replace(settings=CallSettings(audiences=frozenset())), caller=caller)
    assert told.outcome == policy_pb2.OUTCOME_REFUSED
    # A contact who blocks looks like a stranger.
    assert verdict(BLOCKED, contact=True, caller=caller) == verdict(STRANGER, caller=caller)


def test_who_may_not_ring_strangers_rings_who_knows_him() -> None:
    assert verdict(STRANGER, contact=True, caller=NO_STRANGERS).outcome == policy_pb2.OUTCOME_ADMITTED
    assert verdict(STRANGER, contact=True, caller=NO_CALLS).outcome == policy_pb2.OUTCOME_REFUSED


def test_an_own_fault_comes_before_a_sanction() -> None:
    two = pair(to_himself=True)
    told = sanctioned(ATTEMPT, decide(ATTEMPT, two, STRANGER), two, STRANGER, NO_CALLS)
    assert decisive(told) == "self"
