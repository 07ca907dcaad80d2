"""The rules: may this caller ring this callee, and what may each of them send?

Everything that makes a verdict is here, in the order in which it is looked at; the trace repeats it. Three
things can come out: admitted; refused, which is the caller's own fault or standing and is said at once;
unheard, which hangs on the callee. All unheard verdicts look the same to the caller, and the same as that
of an admitted stranger whom nobody answers: what may be sent follows from the two tiers alone, no device
truth, relay only.

**Device truth** (ringing, busy, declined) is shown to those callers whom the callee has as a contact or
follows, in calls that are admitted. For these, media may go the direct way; all others are **relay only**.

A running call is not judged by audiences again: who answered has said yes to that person. What can change
during a call is the tier of who turns a kind on, and a block.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1 import directory_pb2, policy_pb2, reasons_pb2, types_pb2
from ringline.v1.policy_pb2 import Audience
from ringline.v1.reasons_pb2 import Reason

DEFAULT_AUDIENCES = frozenset({Audience.AUDIENCE_CONTACTS, Audience.AUDIENCE_FOLLOWING})
"""Of a user who never chose."""
ANY_TIER = "*"
MOST_TIERS = 100
LONGEST_USERNAME = 64
"""Characters of a username as typed; directory knows the exact rules."""

ADMITS, REFUSES, LIMITS = "admits", "refuses", "limits"

_TIER = re.compile(r"[a-z0-9_-]{1,32}")


class Entitled(NamedTuple):
    """What a tier may do: place audio calls, send video."""

    audio: bool
    video: bool


Entitlements = Mapping[str, Entitled]
"""What each tier may do, as the operator says; without any row everything is allowed to all."""


class Standing(NamedTuple):
    """What policy itself knows about a pair."""

    audiences: frozenset[Audience.ValueType]
    """Who may call the callee."""
    blocked: bool
    """The callee blocks the caller."""
    blocking: bool
    """The caller blocks the callee."""
    entitlements: Entitlements
    """The operator's word, as it is now."""


class Case(NamedTuple):
    """Everything a rule looks at."""

    wanted: types_pb2.Kinds
    pair: directory_pb2.PairAnswer
    standing: Standing
    caller: Entitled
    callee: Entitled


class Rule(NamedTuple):
    """One rule: what follows where it holds. Without a reason, a refusal is unheard rather than said."""

    name: str
    effect: str
    holds: Callable[[Case], bool]
    reason: Reason.ValueType | None = None


def _is_known(case: Case) -> bool:
    """Whether the callee has the caller as a contact or follows him."""
    return case.pair.other_to_user.contact or case.pair.other_to_user.follows


SELF = Rule(
    "self",
    REFUSES,
    lambda case: case.pair.user.profile.user_id == case.pair.other.profile.user_id,
    reasons_pb2.REASON_SELF,
)
NO_VIDEO = Rule(
    "not_entitled.video",
    REFUSES,
    lambda case: case.wanted.video and not case.caller.video,
    reasons_pb2.REASON_NOT_ENTITLED_VIDEO,
)

PLACE = (
    SELF,
    Rule(
        "not_entitled.audio",
        REFUSES,
        lambda case: case.wanted.audio and not case.caller.audio,
        reasons_pb2.REASON_NOT_ENTITLED_AUDIO,
    ),
    NO_VIDEO,
    Rule("caller.without_video", LIMITS, lambda case: not case.caller.video),
    Rule("callee.without_video", LIMITS, lambda case: not case.callee.video),
    Rule("blocked", REFUSES, lambda case: case.standing.blocked),
    Rule("blocking", REFUSES, lambda case: case.standing.blocking),
    Rule(
        "audience.contacts",
        ADMITS,
        lambda case: (
            Audience.AUDIENCE_CONTACTS in case.standing.audiences and case.pair.other_to_user.contact
        ),
    ),
    Rule(
        "audience.following",
        ADMITS,
        lambda case: (
            Audience.AUDIENCE_FOLLOWING in case.standing.audiences and case.pair.other_to_user.follows
        ),
    ),
    Rule(
        "audience.verified",
        ADMITS,
        lambda case: (
            Audience.AUDIENCE_VERIFIED in case.standing.audiences and case.pair.user.profile.verified
        ),
    ),
    Rule("audience.everyone", ADMITS, lambda case: Audience.AUDIENCE_EVERYONE in case.standing.audiences),
    Rule("audience.none", REFUSES, lambda case: True),
)
"""For placing a call. The last one always holds."""

SET_MEDIA = (
    SELF,
    NO_VIDEO,
    Rule("callee.without_video", LIMITS, lambda case: not case.callee.video),
    # Such a call is being severed anyway; who blocked whom is not said.
    Rule("blocked", REFUSES, lambda case: case.standing.blocked, reasons_pb2.REASON_KIND_NOT_ADMITTED),
    Rule("blocking", REFUSES, lambda case: case.standing.blocking, reasons_pb2.REASON_KIND_NOT_ADMITTED),
    Rule("running_call", ADMITS, lambda case: True),
)
"""For sending another kind in a running call, whichever side asks. The last one always holds."""

RULES = {policy_pb2.ACT_PLACE: PLACE, policy_pb2.ACT_SET_MEDIA: SET_MEDIA}


def decide(
    attempt: policy_pb2.Attempt, pair: directory_pb2.PairAnswer, standing: Standing
) -> policy_pb2.Verdict:
    """The verdict on a well-formed attempt (see `check_attempt`), with every rule that was looked at."""
    case = Case(
        attempt.kinds,
        pair,
        standing,
        entitled(standing.entitlements, pair.user.tier),
        entitled(standing.entitlements, pair.other.tier),
    )
    verdict = policy_pb2.Verdict(caller=pair.user.profile, callee=pair.other.profile)
    # Who talks in a running call was settled when it was placed; and whoever is called may always talk.
    is_placing = attempt.act == policy_pb2.ACT_PLACE
    verdict.caller_may_send.audio = case.caller.audio or not is_placing
    verdict.caller_may_send.video = case.caller.video
    verdict.callee_may_send.audio = True
    verdict.callee_may_send.video = case.callee.video
    decisive = _look(RULES[attempt.act], case, verdict)
    if decisive.effect == ADMITS:
        verdict.outcome = policy_pb2.OUTCOME_ADMITTED
    elif decisive.reason is not None:
        verdict.outcome = policy_pb2.OUTCOME_REFUSED
        verdict.refused.CopyFrom(Refusal(decisive.reason).to_proto())
    else:
        verdict.outcome = policy_pb2.OUTCOME_UNHEARD
    is_trusted = is_placing and decisive.effect == ADMITS and _is_known(case)
    verdict.device_truth = is_trusted
    verdict.relay_only = not is_trusted
    return verdict


def _look(rules: Iterable[Rule], case: Case, verdict: policy_pb2.Verdict) -> Rule:
    """Looks at one rule after the other, notes each, and answers the one that settles it."""
    for rule in rules:
        held = rule.holds(case)
        verdict.trace.add(rule=rule.name, held=held, effect=rule.effect)
        if held and rule.effect != LIMITS:
            return rule
    raise AssertionError("the last rule always holds")


def unknown(refusal: Refusal) -> policy_pb2.Verdict:
    """The verdict where directory does not know one of the two."""
    verdict = policy_pb2.Verdict(outcome=policy_pb2.OUTCOME_REFUSED, refused=refusal.to_proto())
    verdict.trace.add(rule="unknown", held=True, effect=REFUSES)
    return verdict


def entitled(entitlements: Entitlements, tier: str) -> Entitled:
    """What a tier may do: its own row, else that of "*", else nothing; without any row everything."""
    if not entitlements:
        return Entitled(audio=True, video=True)
    return entitlements.get(tier) or entitlements.get(ANY_TIER) or Entitled(audio=False, video=False)


def check_attempt(attempt: policy_pb2.Attempt) -> None:
    """Raises Refusal(INVALID) where an attempt is malformed."""
    by_name, by_id = bool(attempt.callee_username), bool(attempt.callee_id)
    is_callee_named = by_name != by_id and len(attempt.callee_username) <= LONGEST_USERNAME
    if by_id:
        is_callee_named = is_callee_named and ids.is_id(attempt.callee_id, "u_")
    if not is_callee_named or not ids.is_id(attempt.caller_id, "u_"):
        raise Refusal(reasons_pb2.REASON_INVALID, "An attempt has a caller and one callee, by name or by id.")
    if attempt.act not in RULES:
        raise Refusal(reasons_pb2.REASON_INVALID, "An attempt says what is wanted.")
    if attempt.act == policy_pb2.ACT_PLACE and not (attempt.kinds.audio or attempt.kinds.video):
        raise Refusal(reasons_pb2.REASON_INVALID, "A call has at least one kind of media.")


def check_audiences(audiences: Iterable[int]) -> frozenset[Audience.ValueType]:
    """The audiences as a set. Raises Refusal(INVALID) where one is not known here."""
    known = frozenset(Audience.values()) - {Audience.AUDIENCE_UNSPECIFIED}
    chosen = frozenset(audiences)
    if not chosen <= known:
        raise Refusal(reasons_pb2.REASON_INVALID, "There is no such audience.")
    return frozenset(audience for audience in known if audience in chosen)


def check_entitlements(rows: Iterable[policy_pb2.Entitlement]) -> dict[str, Entitled]:
    """What each tier may do. Raises Refusal(INVALID) on a malformed or repeated tier, or too many of them."""
    by_tier: dict[str, Entitled] = {}
    for row in rows:
        if row.tier != ANY_TIER and not _TIER.fullmatch(row.tier):
            raise Refusal(reasons_pb2.REASON_INVALID, 'A tier is 1 to 32 characters of [a-z0-9_-], or "*".')
        if row.tier in by_tier:
            raise Refusal(reasons_pb2.REASON_INVALID, "A tier stands in one row.")
        by_tier[row.tier] = Entitled(row.place_audio, row.place_video)
    if len(by_tier) > MOST_TIERS:
        raise Refusal(reasons_pb2.REASON_INVALID, f"There are {MOST_TIERS} tiers at most.")
    return by_tier


def check_two(user_id: str, other_user_id: str) -> None:
    """Raises Refusal unless these are the ids of two different users."""
    if not ids.is_id(user_id, "u_") or not ids.is_id(other_user_id, "u_"):
        raise Refusal(reasons_pb2.REASON_INVALID, "Two users' ids are needed.")
    if user_id == other_user_id:
        raise Refusal(reasons_pb2.REASON_SELF)


def check_user(user_id: str) -> None:
    """Raises Refusal(INVALID) unless this is a user's id."""
    if not ids.is_id(user_id, "u_"):
        raise Refusal(reasons_pb2.REASON_INVALID, "A user's id is needed.")
