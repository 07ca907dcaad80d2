"""The rules: may this caller ring this callee, and what may each of them send?

Everything that makes a verdict is looked at in order, and the trace repeats it: own faults and the operator's
word here, then the callee's word (callee.py). Three things can come out: admitted; refused, which is the
caller's own fault or standing and is said at once; unheard, which hangs on the callee. All unheard verdicts
look the same to the caller, and the same as that of an admitted stranger whom nobody answers: what may be
sent follows from the two tiers alone, no device truth, relay only.

**Device truth** (ringing, busy, declined) is shown to those callers whom the callee has as a contact or
follows, in calls that are admitted: to those who may see his presence at any time, by the same rule
(`shows_presence`). For these, media may go the direct way; all others are **relay only**.

**Audio only** is said beside what may be sent, and not by it: a caller who saw in his own call that he may
send no video would know that the callee admits him. Signaling hides it from the caller until the answer.

A running call is not judged by the callee's settings again: who answered has said yes to that person. What
can change during a call is the tier of who turns a kind on, and a block.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1 import directory_pb2, policy_pb2, reasons_pb2, types_pb2
from ringline.v1.policy_pb2 import Audience
from services.policy import callee, operator_word
from services.policy.callee import BLOCKED, BLOCKING, NO_WORD, CallSettings, Choices
from services.policy.ringing import Kept
from services.policy.rule import ADMITS, LIMITS, NOTHING, REFUSES, Rule, look

ANY_TIER = "*"
MOST_TIERS = 100
LONGEST_CLIENT_ID = 40
MOST_OTHERS = 100
"""Users in one question about presence at most."""
LONGEST_USERNAME = 64
"""Characters of a username as typed; directory knows the exact rules."""

_TIER = re.compile(r"[a-z0-9_-]{1,32}")


class Entitled(NamedTuple):
    """What a tier may do: place calls, send video in them."""

    audio: bool
    video: bool


Entitlements = Mapping[str, Entitled]
"""What each tier may do, as the operator says; without any row everything is allowed to all."""


class Standing(NamedTuple):
    """What policy itself knows about a pair."""

    settings: CallSettings
    """Of the callee."""
    blocked: bool
    """The callee blocks the caller."""
    blocking: bool
    """The caller blocks the callee."""
    entitlements: Entitlements
    """What each tier may do, as it is now."""
    choices: Choices = Choices()
    """What the callee says about the caller."""
    now: float = 0.0
    """Unix seconds by the database's clock."""
    tried_at: float | None = None
    """When the caller last tried in vain because it was quiet for the callee; kept where it matters."""
    version: int = 0
    """That of the entitlements."""
    spent: Kept = Kept()
    """Their ring budgets, which no rule here looks at."""
    orders: operator_word.Orders = operator_word.NONE
    """The operator's rules and switches, as they are now."""


class Case(NamedTuple):
    """Everything a rule of this module looks at."""

    is_self: bool
    wants_video: bool
    caller: Entitled
    callee: Entitled
    blocked: bool
    blocking: bool
    receives: bool
    """The operator's rules let the callee be called by this caller."""
    is_strange: bool
    """Calls from strangers are switched off, and the caller is one."""


SELF = Rule("self", REFUSES, lambda case: case.is_self, reasons_pb2.REASON_SELF)
# Whatever the call is to carry: else a call of video alone would ring past who may place none.
NO_AUDIO = Rule(
    "not_entitled.audio",
    REFUSES,
    lambda case: not case.caller.audio,
    reasons_pb2.REASON_NOT_ENTITLED_AUDIO,
)
NO_VIDEO = Rule(
    "not_entitled.video",
    REFUSES,
    lambda case: case.wants_video and not case.caller.video,
    reasons_pb2.REASON_NOT_ENTITLED_VIDEO,
)
CALLER_WITHOUT_VIDEO = Rule("caller.without_video", LIMITS, lambda case: not case.caller.video)
CALLEE_WITHOUT_VIDEO = Rule("callee.without_video", LIMITS, lambda case: not case.callee.video)
NOT_RECEIVING = Rule("operator.receive", REFUSES, lambda case: not case.receives)
STRANGERS_OFF = Rule("switch.strangers", REFUSES, lambda case: case.is_strange)
PLACE = (
    SELF,
    NO_AUDIO,
    NO_VIDEO,
    CALLER_WITHOUT_VIDEO,
    CALLEE_WITHOUT_VIDEO,
    NOT_RECEIVING,
    STRANGERS_OFF,
)
"""For placing a call, before the callee's word."""

SET_MEDIA = (
    SELF,
    NO_VIDEO,
    CALLEE_WITHOUT_VIDEO,
    # Who answered may be called; what may be refused now is what comes on top.
    NOT_RECEIVING._replace(
        holds=lambda case: case.wants_video and not case.receives,
        reason=reasons_pb2.REASON_KIND_NOT_ADMITTED,
    ),
    # Such a call is being severed anyway; who blocked whom is not said.
    BLOCKED._replace(reason=reasons_pb2.REASON_KIND_NOT_ADMITTED),
    BLOCKING._replace(reason=reasons_pb2.REASON_KIND_NOT_ADMITTED),
    Rule("running_call", ADMITS, lambda case: True),
)
"""For sending another kind in a running call, whichever side asks. The last one always holds."""

RULES = {policy_pb2.ACT_PLACE: PLACE, policy_pb2.ACT_SET_MEDIA: SET_MEDIA}


def decide(
    attempt: policy_pb2.Attempt,
    pair: directory_pb2.PairAnswer,
    standing: Standing,
    order: operator_word.Word | None = None,
) -> policy_pb2.Verdict:
    """The verdict on a well-formed attempt (see `check_attempt`), with every rule that was looked at. `order`
    is the operator's word; without one the list of tiers holds.
    """
    case = _case(attempt, pair, standing, order)
    trace = [] if order is None else list(operator_word.trace(order))
    decisive = look(RULES[attempt.act], case, trace)
    word = NO_WORD
    if decisive is NOTHING:
        word = _word(pair, standing, trace)
        decisive = word.rule
    admitted = decisive.effect == ADMITS
    is_placing = attempt.act == policy_pb2.ACT_PLACE
    is_known = shows_presence(pair.other_to_user, standing.blocked or standing.blocking)
    is_trusted = is_placing and admitted and is_known
    verdict = policy_pb2.Verdict(
        outcome=policy_pb2.OUTCOME_ADMITTED if admitted else policy_pb2.OUTCOME_UNHEARD,
        # Who talks in a running call was settled when it was placed; and whoever is called may always talk.
        caller_may_send=types_pb2.Kinds(audio=case.caller.audio or not is_placing, video=case.caller.video),
        callee_may_send=types_pb2.Kinds(audio=True, video=case.callee.video),
        device_truth=is_trusted,
        relay_only=not is_trusted or word.always_relay,
        caller=pair.user.profile,
        callee=pair.other.profile,
        trace=trace,
        audio_only=word.audio_only,
        rules_version=standing.orders.revision,
        entitlements_version=standing.version,
    )
    if decisive.reason is not None:
        verdict.outcome = policy_pb2.OUTCOME_REFUSED
        verdict.refused.CopyFrom(Refusal(decisive.reason).to_proto())
    if order is not None and decisive in (NO_AUDIO, NO_VIDEO):
        verdict.refused.missing = order.missing_audio if decisive is NO_AUDIO else order.missing_video
    return verdict


def was_quiet(verdict: policy_pb2.Verdict) -> bool:
    """Whether an attempt is unheard because of quiet hours."""
    is_unheard = verdict.outcome == policy_pb2.OUTCOME_UNHEARD
    return is_unheard and verdict.trace[-1].rule == callee.QUIET_HOURS.name


def _word(
    pair: directory_pb2.PairAnswer, standing: Standing, trace: list[policy_pb2.TraceStep]
) -> callee.Word:
    blocks = standing.blocked, standing.blocking
    approach = callee.approach(
        pair, standing.settings, standing.choices, blocks, standing.now, standing.tried_at
    )
    return callee.answer(approach, trace)


def shows_presence(edges: directory_pb2.Edges, is_blocked: bool) -> bool:
    """Whether one shows another what his devices do, now and in calls: `edges` lead from him to the other."""
    return (edges.contact or edges.follows) and not is_blocked


def _case(
    attempt: policy_pb2.Attempt,
    pair: directory_pb2.PairAnswer,
    standing: Standing,
    order: operator_word.Word | None,
) -> Case:
    caller, other = pair.user, pair.other
    is_known = pair.other_to_user.contact or pair.other_to_user.follows
    return Case(
        is_self=caller.profile.user_id == other.profile.user_id,
        wants_video=attempt.kinds.video,
        caller=Entitled(*order.caller) if order else entitled(standing.entitlements, caller.tier),
        callee=Entitled(*order.callee) if order else entitled(standing.entitlements, other.tier),
        blocked=standing.blocked,
        blocking=standing.blocking,
        receives=order is None or order.receives,
        is_strange=order is not None and order.is_strangers_off and not is_known,
    )


def operator_case(
    attempt: policy_pb2.Attempt, pair: directory_pb2.PairAnswer, standing: Standing, now_ms: int
) -> operator_word.Case:
    """What the operator's rules are asked about."""
    rows = standing.entitlements
    return operator_word.Case(
        pair, attempt.kinds.video, entitled(rows, pair.user.tier), entitled(rows, pair.other.tier), now_ms
    )


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


def check_client_id(client_id: str) -> None:
    """Raises Refusal(INVALID) where it is longer than a sender's id for a message may be."""
    if len(client_id) > LONGEST_CLIENT_ID:
        raise Refusal(reasons_pb2.REASON_INVALID, f"client_id has at most {LONGEST_CLIENT_ID} characters.")


def check_others(user_id: str, others: Sequence[str]) -> list[str]:
    """The ids among `others`, each once. Raises Refusal(INVALID) on too many, or where nobody asks."""
    check_user(user_id)
    if len(others) > MOST_OTHERS:
        raise Refusal(reasons_pb2.REASON_INVALID, f"A question is about {MOST_OTHERS} users at most.")
    return [other for other in dict.fromkeys(others) if ids.is_id(other, "u_")]


def check_user(user_id: str) -> None:
    """Raises Refusal(INVALID) unless this is a user's id."""
    if not ids.is_id(user_id, "u_"):
        raise Refusal(reasons_pb2.REASON_INVALID, "A user's id is needed.")
