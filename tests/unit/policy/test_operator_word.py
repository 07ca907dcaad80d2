"""The operator's word about one attempt: by tiers, by rules, by switches, and where the rules fail."""

from collections.abc import Iterator

import pytest

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1 import accounts_pb2, directory_pb2, policy_pb2, types_pb2
from ringline.v1.operator_pb2 import Feature
from ringline.v1.policy_pb2 import Audience
from services.policy.callee import CallSettings
from services.policy.operator_rules import read
from services.policy.operator_word import (
    DAY_MS,
    FORGIVEN_AFTER,
    NONE,
    SHADOW_PER_SECOND,
    STRIKES,
    Case,
    Difference,
    Orders,
    Standing,
    Words,
)
from services.policy.rules import Standing as Known
from services.policy.rules import decide, operator_case

ADA, BOB = ids.mint_user(), ids.mint_user()
NOW_MS = 100 * DAY_MS
VIDEO_OFF = frozenset({Feature.FEATURE_VIDEO})
STRANGERS_OFF = frozenset({Feature.FEATURE_STRANGERS})

PLUS_ONLY = """
[[rule]]
name = "plus-only"
refuses = ["video"]
when = 'caller.tier != "plus"'
missing = "plus"
"""
WEEK = """
[[rule]]
name = "week"
refuses = ["audio"]
when = 'caller.age_days < 7 && !callee.verified'
"""
CLOSED = """
[[rule]]
name = "closed"
refuses = ["receive"]
when = 'callee.tier == "closed" && call.video'
"""
BY_ZERO = """
[[rule]]
name = "by-zero"
refuses = ["receive"]
when = '1 / callee.age_days == 1'
"""
TEN = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
SLOW = "".join(
    f"""
[[rule]]
name = "slow-{number}"
refuses = ["receive"]
when = '{TEN}.exists(a, {TEN}.exists(b, {TEN}.exists(c, {TEN}.exists(d, a + b + c + d + {number} < 0))))'
"""
    for number in range(40)
).replace(f"{TEN}.exists(d, a + b + c + d", "[0].exists(d, a + b + c + d")
"""Of an older release, that knew no bounds: some 44,000 rounds."""


def orders(live: str = "", shadow: str = "", off: frozenset[Feature.ValueType] = frozenset()) -> Orders:
    """What is in force."""
    return Orders(
        1, Standing(3, read(live)) if live else None, Standing(4, read(shadow)) if shadow else None, off
    )


def pair(
    ada: str = "free", bob: str = "free", ada_days: int = 50, bob_days: int = 50, **edges: bool
) -> directory_pb2.PairAnswer:
    """Ada calls Bob."""
    return directory_pb2.PairAnswer(
        user=accounts_pb2.Account(
            profile=types_pb2.Profile(user_id=ADA), tier=ada, created_at_ms=NOW_MS - ada_days * DAY_MS
        ),
        other=accounts_pb2.Account(
            profile=types_pb2.Profile(user_id=BOB), tier=bob, created_at_ms=NOW_MS - bob_days * DAY_MS
        ),
        other_to_user=directory_pb2.Edges(**edges),
    )


def verdict(
    orders: Orders,
    pair: directory_pb2.PairAnswer,
    video: bool = False,
    act: policy_pb2.Act.ValueType = policy_pb2.ACT_PLACE,
    words: Words | None = None,
    audio: bool = True,
) -> policy_pb2.Verdict:
    """What becomes of it, where the callee takes calls from everyone."""
    attempt = policy_pb2.Attempt(act=act, caller_id=ADA, kinds=types_pb2.Kinds(audio=audio, video=video))
    settings = CallSettings(frozenset({Audience.AUDIENCE_EVERYONE}))
    known = Known(settings, False, False, {}, orders=orders)
    case = operator_case(attempt, pair, known, NOW_MS)
    word, _ = (words or Words()).word(orders, case)
    return decide(attempt, pair, known, word)


def said(verdict: policy_pb2.Verdict) -> str:
    """The outcome as a word, and what is missing."""
    if verdict.outcome == policy_pb2.OUTCOME_REFUSED:
        refusal = Refusal.from_proto(verdict.refused)
        return f"{refusal.name}:{refusal.missing}"
    return "admitted" if verdict.outcome == policy_pb2.OUTCOME_ADMITTED else "unheard"


def held(verdict: policy_pb2.Verdict) -> list[str]:
    """Which of the operator's rules held."""
    return [step.rule for step in verdict.trace if step.held and step.rule.startswith(("rules.", "switch."))]


def slow_clock(seconds: float) -> Iterator[float]:
    """A clock that shows so many seconds for every judgement."""
    now = 0.0
    while True:
        yield now
        now += seconds


def test_without_rules_the_trace_is_as_ever() -> None:
    assert held(verdict(NONE, pair())) == []
    assert said(verdict(NONE, pair(), video=True)) == "admitted"


def test_a_refused_caller_is_told_what_is_missing() -> None:
    found = verdict(orders(PLUS_ONLY), pair(), video=True)
    assert said(found) == "not_entitled_video:plus"
    assert held(found) == ["rules.3.plus-only"]
    assert said(verdict(orders(PLUS_ONLY), pair(ada="plus"), video=True)) == "admitted"
    assert said(verdict(orders(WEEK), pair(ada_days=6))) == "not_entitled_audio:week"
    assert said(verdict(orders(WEEK), pair(ada_days=7))) == "admitted"


def test_who_may_not_place_calls_places_none_of_video_alone_either() -> None:
    silent = verdict(orders(WEEK), pair(ada_days=6), video=True, audio=False)
    assert said(silent) == "not_entitled_audio:week"
    assert said(verdict(orders(WEEK), pair(ada_days=7), video=True, audio=False)) == "admitted"


def test_an_audio_call_is_placed_and_its_video_is_what_the_rules_leave_to_either() -> None:
    found = verdict(orders(PLUS_ONLY), pair(bob="plus"))
    assert said(found) == "admitted"
    assert not found.caller_may_send.video and found.callee_may_send.video
    asked = verdict(orders(PLUS_ONLY), pair(), video=True, act=policy_pb2.ACT_SET_MEDIA)
    assert said(asked) == "not_entitled_video:plus"


def test_who_may_not_be_called_is_not_heard_and_nothing_is_said() -> None:
    closed = verdict(orders(CLOSED), pair(bob="closed"), video=True)
    assert (said(closed), held(closed)) == ("unheard", ["rules.3.closed"])
    assert not closed.refused.missing
    assert said(verdict(orders(CLOSED), pair(bob="closed"))) == "admitted"
    asked = verdict(orders(CLOSED), pair(bob="closed"), video=True, act=policy_pb2.ACT_SET_MEDIA)
    assert said(asked) == "kind_not_admitted:"


def test_a_caller_sees_the_same_of_a_callee_who_may_not_be_called_as_of_one_who_may() -> None:
    closed = verdict(orders(CLOSED), pair(bob="closed"), video=True)
    stranger = verdict(orders(CLOSED), pair(bob="free"), video=True)
    assert said(stranger) == "admitted"
    for found in (closed, stranger):
        found.ClearField("trace")
        found.ClearField("outcome")
    assert closed == stranger


def test_the_callees_own_graph_shows_in_nothing_that_the_caller_sees() -> None:
    rule = PLUS_ONLY.replace('caller.tier != "plus"', "!caller.contact")
    known, unknown = (verdict(orders(rule), pair(contact=contact)) for contact in (True, False))
    assert known.callee_may_send == unknown.callee_may_send
    assert known.callee_may_send.video


def test_the_list_of_tiers_is_a_fact_for_the_rules() -> None:
    rule = PLUS_ONLY.replace('caller.tier != "plus"', "!caller.entitled_video")
    for is_entitled in (True, False):
        case = Case(pair(), True, (True, is_entitled), (True, True), NOW_MS)
        assert Words().word(orders(rule), case)[0].caller == (True, is_entitled)


def test_switched_off_video_is_sent_by_nobody() -> None:
    for rules in ("", PLUS_ONLY):
        found = verdict(orders(rules, off=VIDEO_OFF), pair(ada="plus", bob="plus"), video=True)
        assert said(found) == "not_entitled_video:switched_off"
        assert "switch.video" in held(found)
        audio = verdict(orders(rules, off=VIDEO_OFF), pair(ada="plus", bob="plus"))
        assert said(audio) == "admitted"
        assert not audio.caller_may_send.video and not audio.callee_may_send.video


def test_switched_off_strangers_are_not_heard_and_those_one_knows_are() -> None:
    off = orders(off=STRANGERS_OFF)
    assert said(verdict(off, pair())) == "unheard"
    assert said(verdict(off, pair(messaged=True))) == "unheard"
    assert said(verdict(off, pair(contact=True))) == said(verdict(off, pair(follows=True))) == "admitted"
    running = verdict(off, pair(), video=True, act=policy_pb2.ACT_SET_MEDIA)
    assert said(running) == "admitted"


@pytest.mark.parametrize("row", [(True, True), (False, True)])
def test_a_rule_that_fails_leaves_audio_by_tier_and_no_video(row: tuple[bool, bool]) -> None:
    case = Case(pair(bob_days=0), True, row, (True, True), NOW_MS)
    word, judged = Words().word(orders(PLUS_ONLY + BY_ZERO), case)
    assert judged.is_failed
    assert (word.caller, word.callee, word.receives) == ((row[0], False), (True, False), True)
    found = verdict(orders(BY_ZERO), pair(bob_days=0), video=True)
    assert said(found) == "not_entitled_video:rules_failed"
    assert held(found) == ["rules.3.failed.by-zero"]
    assert said(verdict(orders(BY_ZERO), pair(bob_days=0))) == "admitted"


def test_a_text_that_is_none_here_fails_closed() -> None:
    newer = Orders(1, Standing(9, None), None, frozenset())
    assert said(verdict(newer, pair(ada="plus"), video=True)) == "not_entitled_video:rules_failed"
    assert said(verdict(newer, pair())) == "admitted"


def test_a_really_slow_rule_set_fails_closed_and_is_given_up() -> None:
    words = Words()
    found = verdict(orders(SLOW), pair(), video=True, words=words)
    assert said(found) == "not_entitled_video:rules_failed"
    for _ in range(STRIKES):
        verdict(orders(SLOW), pair(), words=words)
    assert words.is_given_up(3)
    assert said(verdict(orders(SLOW), pair(), words=words)) == "admitted"
    assert held(verdict(orders(SLOW), pair(), words=words)) == ["rules.3.failed"]


def test_strikes_are_forgotten_where_they_are_rare() -> None:
    clock = slow_clock(0.003)
    slow = [True]
    quick = slow_clock(0.0)
    words = Words(lambda: next(clock if slow[0] else quick))
    for is_slow in [True] * (STRIKES - 1) + [False] * FORGIVEN_AFTER + [True] * (STRIKES - 1):
        slow[0] = is_slow
        verdict(orders(WEEK), pair(), words=words)
    assert not words.is_given_up(3)
    verdict(orders(WEEK), pair(), words=words)
    assert words.is_given_up(3)


def compared(
    words: Words, orders: Orders, pair: directory_pb2.PairAnswer, times: int = 1, now_ms: int = NOW_MS
) -> None:
    """Real attempts with video."""
    case = Case(pair, True, (True, True), (True, True), now_ms)
    for _ in range(times):
        _, judged = words.word(orders, case)
        words.compare(orders, case, judged)


def test_the_shadow_counts_and_keeps_what_it_says_otherwise_and_nothing_follows() -> None:
    words, both = Words(), orders(PLUS_ONLY, PLUS_ONLY + CLOSED)
    compared(words, both, pair(ada="plus", bob="closed"), 3)
    compared(words, both, pair(), 2)
    tally, samples = words.take()
    assert tally == {(4, "compared", True): 5, (4, "receive", False): 3}
    assert samples == {4: [Difference(ADA, BOB, "receive", False)] * 3}
    assert words.take() == ({}, {})
    assert said(verdict(both, pair(ada="plus", bob="closed"), video=True)) == "admitted"


def test_the_shadow_is_compared_with_the_tiers_where_there_are_no_rules() -> None:
    words = Words()
    compared(words, orders("", PLUS_ONLY), pair())
    assert words.take()[0][4, "video", False] == 1


def test_a_shadow_that_fails_is_counted_and_nothing_else() -> None:
    words = Words()
    compared(words, orders(WEEK, BY_ZERO), pair(bob_days=0), 2)
    compared(words, Orders(1, None, Standing(4, None), frozenset()), pair(), 1)
    assert words.take() == ({(4, "failed", False): 3}, {})


def test_what_the_shadow_costs_is_bounded() -> None:
    words, both = Words(), orders(PLUS_ONLY, CLOSED)
    compared(words, both, pair(), SHADOW_PER_SECOND + 50)
    assert words.take()[0][4, "compared", True] == SHADOW_PER_SECOND
    compared(words, both, pair(), 3, NOW_MS + 1000)
    assert words.take()[0][4, "compared", True] == 3
