"""Policy's gRPC methods about the operator's rules and switches."""

from typing import TypeVar

from grpc import aio

from ringline.refusal import Refusal
from ringline.v1 import operator_pb2, policy_pb2_grpc
from ringline.v1.operator_pb2 import Feature, RulePlace
from ringline.v1.reasons_pb2 import Reason
from services.policy.audit import operator_of
from services.policy.operator_rules import Malformed, check
from services.policy.operator_store import OperatorStore, Who

LONGEST_BY = 64
LONGEST_COMMENT = 500
USUAL_CHANGES, MOST_CHANGES = 50, 500

Q = TypeVar("Q")
A = TypeVar("A")
Context = aio.ServicerContext[Q, A]


class OperatorApi(policy_pb2_grpc.PolicyServicer):
    """The methods of the operator, and the one in which a gateway asks for the switches."""

    _operator: OperatorStore

    async def PutRules(
        self,
        request: operator_pb2.PutRulesRequest,
        context: Context[operator_pb2.PutRulesRequest, operator_pb2.PutRulesResponse],
    ) -> operator_pb2.PutRulesResponse:
        """Puts a rule set that holds."""
        who, is_live = _who(request.by, request.comment), _is_live(request.place)
        try:
            check(request.text)
        except Malformed as malformed:
            raise Refusal(Reason.REASON_INVALID, str(malformed)) from None
        version, revision = await self._operator.put(request.text, is_live, who)
        return operator_pb2.PutRulesResponse(version=version, revision=revision)

    async def UseRules(
        self,
        request: operator_pb2.UseRulesRequest,
        context: Context[operator_pb2.UseRulesRequest, operator_pb2.UseRulesResponse],
    ) -> operator_pb2.UseRulesResponse:
        """Puts a version that is there already, or none."""
        who, is_live = _who(request.by, request.comment), _is_live(request.place)
        revision = await self._operator.use(request.version, is_live, who)
        if revision is None:
            raise Refusal(Reason.REASON_INVALID, "There is no such version.")
        return operator_pb2.UseRulesResponse(revision=revision)

    async def GetRules(
        self,
        request: operator_pb2.GetRulesRequest,
        context: Context[operator_pb2.GetRulesRequest, operator_pb2.GetRulesResponse],
    ) -> operator_pb2.GetRulesResponse:
        """Answers what is in force."""
        now = await self._operator.newest()
        text = await self._operator.text(request.version or now.live)
        if text is None and request.version:
            raise Refusal(Reason.REASON_INVALID, "There is no such version.")
        return operator_pb2.GetRulesResponse(
            live=now.live, shadow=now.shadow, revision=now.revision, text=text or "", off=sorted(now.off)
        )

    async def ListRuleChanges(
        self,
        request: operator_pb2.ListRuleChangesRequest,
        context: Context[operator_pb2.ListRuleChangesRequest, operator_pb2.ListRuleChangesResponse],
    ) -> operator_pb2.ListRuleChangesResponse:
        """Answers the history."""
        changes = await self._operator.changes(min(request.limit or USUAL_CHANGES, MOST_CHANGES))
        rows = [
            operator_pb2.RuleChange(
                revision=one.revision,
                at_ms=one.at_ms,
                by=one.who.by,
                what=one.what,
                comment=one.who.comment,
                live=one.live,
                shadow=one.shadow,
                off=sorted(one.off),
            )
            for one in changes
        ]
        return operator_pb2.ListRuleChangesResponse(changes=rows)

    async def GetShadowReport(
        self,
        request: operator_pb2.GetShadowReportRequest,
        context: Context[operator_pb2.GetShadowReportRequest, operator_pb2.GetShadowReportResponse],
    ) -> operator_pb2.GetShadowReportResponse:
        """Answers what was found in the shadow. Its samples say who called whom: the look is in the audit."""
        operator = operator_of(request.by, request.why)
        version = request.version or (await self._operator.newest()).shadow
        await self._operator.looked(operator, "rules.shadow", str(version))
        tally, samples = await self._operator.found(version)
        compared, failed = tally.pop(("compared", True), 0), tally.pop(("failed", False), 0)
        differences = [
            operator_pb2.ShadowDifference(kind=kind, allows=allows, count=count)
            for (kind, allows), count in tally.items()
        ]
        return operator_pb2.GetShadowReportResponse(
            version=version,
            compared=compared,
            failed=failed,
            differences=differences,
            samples=[operator_pb2.ShadowSample(**one._asdict()) for one in samples],
        )

    async def SetSwitch(
        self,
        request: operator_pb2.SetSwitchRequest,
        context: Context[operator_pb2.SetSwitchRequest, operator_pb2.SetSwitchResponse],
    ) -> operator_pb2.SetSwitchResponse:
        """Switches a feature."""
        if request.feature == Feature.FEATURE_UNSPECIFIED or request.feature not in Feature.values():
            raise Refusal(Reason.REASON_INVALID, "There is no such feature.")
        who = _who(request.by, request.comment)
        return operator_pb2.SetSwitchResponse(
            revision=await self._operator.switch(request.feature, request.off, who)
        )

    async def GetSwitches(
        self,
        request: operator_pb2.GetSwitchesRequest,
        context: Context[operator_pb2.GetSwitchesRequest, operator_pb2.GetSwitchesResponse],
    ) -> operator_pb2.GetSwitchesResponse:
        """Answers what is switched off."""
        return operator_pb2.GetSwitchesResponse(off=sorted((await self._operator.newest()).off))


def _who(by: str, comment: str) -> Who:
    if not by.strip() or len(by) > LONGEST_BY or len(comment) > LONGEST_COMMENT:
        raise Refusal(
            Reason.REASON_INVALID,
            f"Say who makes the change, in at most {LONGEST_BY} characters, and why, in {LONGEST_COMMENT}.",
        )
    return Who(by, comment)


def _is_live(place: RulePlace.ValueType) -> bool:
    if place not in (RulePlace.RULE_PLACE_LIVE, RulePlace.RULE_PLACE_SHADOW):
        raise Refusal(Reason.REASON_INVALID, "A rule set stands live or in the shadow.")
    return place == RulePlace.RULE_PLACE_LIVE
