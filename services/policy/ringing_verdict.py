"""The ring budget and a verdict: what of both the budget looks at, and what it makes of the verdict."""

from typing import NamedTuple

from ringline.refusal import Refusal
from ringline.v1 import directory_pb2, policy_pb2, reasons_pb2
from services.policy.ringing import Distance, Try
from services.policy.ringing_store import Rings
from services.policy.rule import REFUSES
from services.policy.rules import Standing, shows_presence

NEW_ACCOUNT = "A new account rings only people who know it, until it has talked with somebody."


class Case(NamedTuple):
    """What a verdict was made of."""

    pair: directory_pb2.PairAnswer
    standing: Standing


def is_counted(attempt: policy_pb2.Attempt, verdict: policy_pb2.Verdict) -> bool:
    """Whether it costs something: calls that are placed, heard or not, unless they are refused already."""
    return attempt.act == policy_pb2.ACT_PLACE and verdict.outcome != policy_pb2.OUTCOME_REFUSED


async def count(
    rings: Rings, case: Case, attempt: policy_pb2.Attempt, verdict: policy_pb2.Verdict
) -> policy_pb2.Verdict:
    """Counts the attempt; the verdict as it is then: refused where the caller's own budget is used up,
    unheard where the callee's is. Raises Refusal(UNAVAILABLE).
    """
    spent = await rings.spend(_try_of(case, attempt, verdict), case.standing.spent)
    if spent.refused_by:
        sentence = NEW_ACCOUNT if spent.refused_by == "budget.new_account" else ""
        budget = spent.refused_by.removeprefix("budget.")
        refusal = Refusal(reasons_pb2.REASON_LIMITED, sentence, spent.retry_after, budget=budget)
        verdict.outcome = policy_pb2.OUTCOME_REFUSED
        verdict.refused.CopyFrom(refusal.to_proto())
        verdict.trace.add(rule=spent.refused_by, held=True, effect=REFUSES)
    elif spent.unheard_by:
        verdict.outcome = policy_pb2.OUTCOME_UNHEARD
        verdict.device_truth, verdict.relay_only = False, True
        verdict.trace.add(rule=spent.unheard_by, held=True, effect=REFUSES)
    return verdict


def explain(
    rings: Rings, case: Case, attempt: policy_pb2.Attempt, verdict: policy_pb2.Verdict
) -> list[policy_pb2.RingBudget]:
    """The budgets that this attempt would be counted in; nothing is counted."""
    kept = case.standing.spent
    return [
        policy_pb2.RingBudget(
            name=share.name,
            spent=share.spent,
            limit=share.limit,
            free_in_ms=max(0, share.free_at - kept.now),
        )
        for share in rings.explain(_try_of(case, attempt, verdict), kept)
    ]


def _try_of(case: Case, attempt: policy_pb2.Attempt, verdict: policy_pb2.Verdict) -> Try:
    edges = case.pair.other_to_user
    # By what the caller can see: whoever blocks is as far as one who took him off the contacts.
    knows = shows_presence(edges, case.standing.blocked or case.standing.blocking)
    return Try(
        caller=case.pair.user.profile.user_id,
        callee=case.pair.other.profile.user_id,
        distance=Distance.NEAR if knows else Distance.WROTE if edges.messaged else Distance.STRANGER,
        made_at=case.pair.user.created_at_ms,
        name=attempt.call_id,
        heard=verdict.outcome == policy_pb2.OUTCOME_ADMITTED,
    )
