"""Policy's gRPC methods."""

import asyncio
import functools
import time
from collections.abc import AsyncIterator

from grpc import aio
from prometheus_client import Counter

from ringline.answerer import Draining, answer_batches
from ringline.asker import Asker
from ringline.gather import Gather
from ringline.refusal import Refusal
from ringline.v1 import blocks_pb2, directory_pb2, policy_pb2, reasons_pb2
from services.policy import messages
from services.policy.audit import operator_of
from services.policy.budget import Budgets
from services.policy.call_settings import change_of, settings_proto
from services.policy.callee_store import CalleeStore
from services.policy.gates import Gates
from services.policy.operator_api import OperatorApi
from services.policy.operator_store import OperatorStore
from services.policy.operator_word import Words
from services.policy.quiet_attempts import QuietAttempts
from services.policy.ringing import BLOCKED
from services.policy.ringing_store import Rings
from services.policy.ringing_verdict import Case, count, explain, is_counted
from services.policy.rules import (
    check_attempt,
    check_audiences,
    check_client_id,
    check_entitlements,
    check_others,
    check_two,
    check_user,
    decide,
    operator_case,
    shows_presence,
    unknown,
    was_quiet,
)
from services.policy.sanctions import Sanctions, sanctioned
from services.policy.store import Pair, Store
from services.policy.verdicts import Verdicts

VERDICTS = Counter("ringline_verdicts_total", "Verdicts by act and outcome.", ["act", "outcome"])

MESSAGES = Counter("ringline_message_verdicts_total", "Verdicts on messages by outcome.", ["outcome"])

OWN_FAULTS = {
    reasons_pb2.REASON_SELF,
    reasons_pb2.REASON_USER_NOT_FOUND,
    reasons_pb2.REASON_LIMITED,
}
"""What is said to who writes; the rest is no verdict."""

RELATE_SECONDS = 1.8
"""What directory gets; less than the two seconds of whoever asks for the verdict."""

LOOKS_AT_ONCE = 64
"""Questions for the sake of presence that directory gets at once: calls need the same window, and come
first."""

Relations = Asker[directory_pb2.PairQuestion, directory_pb2.PairAnswer]


class PolicyApi(OperatorApi):
    """The servicer."""

    def __init__(
        self,
        store: Store,
        callees: CalleeStore,
        relations: Relations,
        gates: Gates,
        budgets: Budgets,
        rings: Rings,
        quiet: QuietAttempts,
        verdicts: Verdicts,
        sanctions: Sanctions,
        operator: OperatorStore,
        words: Words,
        draining: Draining,
    ) -> None:
        self._store = store
        self._callees = callees
        self._quiet = quiet
        self._operator = operator
        self._words = words
        self._relations = relations
        self._gates = gates
        self._budgets = budgets
        self._verdicts = verdicts
        self._sanctions = Gather(sanctions.in_force)
        self._rings = rings
        self._draining = draining
        self._standings = Gather(store.standings)
        self._message_standings = Gather(store.message_standings)
        self._looks = asyncio.Semaphore(LOOKS_AT_ONCE)

    def Decide(
        self, request_iterator: AsyncIterator[policy_pb2.DecideRequest], context: object
    ) -> AsyncIterator[policy_pb2.DecideResponse]:
        """Answers verdicts; what is asked in one turn is one question to directory and one statement."""
        return answer_batches(
            request_iterator,
            unpack=lambda request: request.attempts,
            handle=self._counted,
            pack=lambda verdicts: policy_pb2.DecideResponse(verdicts=verdicts),
            refuse=lambda refused: policy_pb2.Verdict(outcome=policy_pb2.OUTCOME_REFUSED, refused=refused),
            draining=self._draining,
            where="Decide",
        )

    async def _counted(self, attempt: policy_pb2.Attempt) -> policy_pb2.Verdict:
        verdict, case = await self._judged(attempt, is_real=True)
        if case is not None and is_counted(attempt, verdict):
            verdict = await count(self._rings, case, attempt, verdict)
        if was_quiet(verdict):
            self._quiet.note(verdict.callee.user_id, verdict.caller.user_id, attempt.call_id)
        _counter(attempt.act, verdict.outcome).inc()
        self._verdicts.keep(attempt, verdict)
        return verdict

    async def _judged(
        self, attempt: policy_pb2.Attempt, is_real: bool
    ) -> tuple[policy_pb2.Verdict, Case | None]:
        """The verdict, and what it was made of, where directory knows both; nothing is counted. Of a real
        attempt the rules in the shadow hear, too.
        """
        check_attempt(attempt)
        question = directory_pb2.PairQuestion(
            user_id=attempt.caller_id,
            other_username=attempt.callee_username,
            other_user_id=attempt.callee_id,
        )
        try:
            pair = await self._relations.ask(question, RELATE_SECONDS)
        except Refusal as refusal:
            if refusal.reason != reasons_pb2.REASON_USER_NOT_FOUND:
                raise
            return unknown(refusal), None
        two = Pair(pair.user.profile.user_id, pair.other.profile.user_id, attempt.call_id)
        standing, caller = await asyncio.gather(self._standings.ask(two), self._sanctions.ask(two.caller_id))
        case = operator_case(attempt, pair, standing, int(time.time() * 1000))
        order, judged = self._words.word(standing.orders, case)
        if is_real:
            self._words.compare(standing.orders, case, judged)
        verdict = sanctioned(attempt, decide(attempt, pair, standing, order), pair, standing, caller)
        return verdict, Case(pair, standing)

    async def Explain(
        self,
        request: policy_pb2.ExplainRequest,
        context: aio.ServicerContext[policy_pb2.ExplainRequest, policy_pb2.ExplainResponse],
    ) -> policy_pb2.ExplainResponse:
        """Answers a verdict with its trace, and the ring budgets; nothing is counted, the look is noted."""
        operator = operator_of(request.by, request.why)
        verdict, case = await self._judged(request.attempt, is_real=False)
        two = verdict.caller.user_id or request.attempt.caller_id, verdict.callee.user_id
        await self._operator.looked(operator, "explain", " ".join(two).strip())
        answer = policy_pb2.ExplainResponse(verdict=verdict)
        if case is not None and is_counted(request.attempt, verdict):
            answer.budgets.extend(explain(self._rings, case, request.attempt, verdict))
        return answer

    async def GetCallSettings(
        self,
        request: policy_pb2.GetCallSettingsRequest,
        context: aio.ServicerContext[policy_pb2.GetCallSettingsRequest, policy_pb2.GetCallSettingsResponse],
    ) -> policy_pb2.GetCallSettingsResponse:
        """Answers who may call, when and how."""
        check_user(request.user_id)
        settings = await self._callees.settings(request.user_id)
        return policy_pb2.GetCallSettingsResponse(settings=settings_proto(settings))

    async def SetCallSettings(
        self,
        request: policy_pb2.SetCallSettingsRequest,
        context: aio.ServicerContext[policy_pb2.SetCallSettingsRequest, policy_pb2.SetCallSettingsResponse],
    ) -> policy_pb2.SetCallSettingsResponse:
        """Sets who may call, when and how; what is not said stays."""
        check_user(request.user_id)
        settings = await self._callees.change(request.user_id, change_of(request.settings))
        return policy_pb2.SetCallSettingsResponse(settings=settings_proto(settings))

    async def MayMessage(
        self,
        request: policy_pb2.MayMessageRequest,
        context: aio.ServicerContext[policy_pb2.MayMessageRequest, policy_pb2.MayMessageResponse],
    ) -> policy_pb2.MayMessageResponse:
        """Answers what becomes of a message, and counts it."""
        try:
            check_two(request.user_id, request.other_user_id)
            check_client_id(request.client_id)
            verdict = await self._message_verdict(request)
            message = f"{request.other_user_id}:{request.client_id}" if request.client_id else ""
            await self._budgets.spend(request.user_id, verdict.is_new, message)
            answer = policy_pb2.MayMessageResponse(outcome=verdict.outcome, stranger=verdict.stranger)
        except Refusal as refusal:
            if refusal.reason not in OWN_FAULTS:
                raise
            answer = policy_pb2.MayMessageResponse(
                outcome=policy_pb2.OUTCOME_REFUSED, refused=refusal.to_proto()
            )
        MESSAGES.labels(_outcome(answer.outcome)).inc()
        return answer

    async def _message_verdict(self, request: policy_pb2.MayMessageRequest) -> messages.Verdict:
        question = directory_pb2.PairQuestion(user_id=request.user_id, other_user_id=request.other_user_id)
        pair = await self._relations.ask(question, RELATE_SECONDS)
        standing = await self._message_standings.ask(Pair(request.user_id, request.other_user_id))
        return messages.decide(pair, standing, request.first)

    async def GetMessageSettings(
        self,
        request: policy_pb2.GetMessageSettingsRequest,
        context: aio.ServicerContext[
            policy_pb2.GetMessageSettingsRequest, policy_pb2.GetMessageSettingsResponse
        ],
    ) -> policy_pb2.GetMessageSettingsResponse:
        """Answers who may write."""
        check_user(request.user_id)
        audiences = sorted(await self._store.message_audiences(request.user_id))
        settings = policy_pb2.MessageSettings(audiences=audiences)
        return policy_pb2.GetMessageSettingsResponse(settings=settings)

    async def SetMessageSettings(
        self,
        request: policy_pb2.SetMessageSettingsRequest,
        context: aio.ServicerContext[
            policy_pb2.SetMessageSettingsRequest, policy_pb2.SetMessageSettingsResponse
        ],
    ) -> policy_pb2.SetMessageSettingsResponse:
        """Sets who may write."""
        check_user(request.user_id)
        audiences = check_audiences(request.settings.audiences)
        await self._store.set_message_audiences(request.user_id, audiences)
        settings = policy_pb2.MessageSettings(audiences=sorted(audiences))
        return policy_pb2.SetMessageSettingsResponse(settings=settings)

    async def MaySeePresence(
        self,
        request: policy_pb2.MaySeePresenceRequest,
        context: aio.ServicerContext[policy_pb2.MaySeePresenceRequest, policy_pb2.MaySeePresenceResponse],
    ) -> policy_pb2.MaySeePresenceResponse:
        """Answers whose presence a user may see; who does not exist is left out."""
        user_id, others = request.user_id, check_others(request.user_id, request.other_user_ids)
        edges = await asyncio.gather(*(self._edges_to(user_id, other) for other in others))
        blocked = await self._store.blocked_among(user_id, others)
        seen = [
            other
            for other, known in zip(others, edges, strict=True)
            if shows_presence(known, other in blocked)
        ]
        return policy_pb2.MaySeePresenceResponse(user_ids=seen)

    async def _edges_to(self, user_id: str, other_user_id: str) -> directory_pb2.Edges:
        """How the other is related to the user; not at all where there is no such other."""
        question = directory_pb2.PairQuestion(user_id=user_id, other_user_id=other_user_id)
        async with self._looks:
            try:
                return (await self._relations.ask(question, RELATE_SECONDS)).other_to_user
            except Refusal as refusal:
                if refusal.reason != reasons_pb2.REASON_USER_NOT_FOUND:
                    raise
                return directory_pb2.Edges()

    async def Block(
        self,
        request: blocks_pb2.BlockRequest,
        context: aio.ServicerContext[blocks_pb2.BlockRequest, blocks_pb2.BlockResponse],
    ) -> blocks_pb2.BlockResponse:
        """Blocks: for verdicts at once, acknowledged when signaling has closed the gate."""
        check_two(request.user_id, request.other_user_id)
        await self._store.block(request.user_id, request.other_user_id)
        await self._rings.unwelcome(request.other_user_id, request.user_id, BLOCKED)
        await self._gates.settle(request.user_id, request.other_user_id)
        return blocks_pb2.BlockResponse()

    async def Unblock(
        self,
        request: blocks_pb2.UnblockRequest,
        context: aio.ServicerContext[blocks_pb2.UnblockRequest, blocks_pb2.UnblockResponse],
    ) -> blocks_pb2.UnblockResponse:
        """Lifts a block; the other one's own block of this user stays."""
        check_two(request.user_id, request.other_user_id)
        await self._store.unblock(request.user_id, request.other_user_id)
        await self._gates.settle(request.user_id, request.other_user_id)
        return blocks_pb2.UnblockResponse()

    async def ListBlocks(
        self,
        request: blocks_pb2.ListBlocksRequest,
        context: aio.ServicerContext[blocks_pb2.ListBlocksRequest, blocks_pb2.ListBlocksResponse],
    ) -> blocks_pb2.ListBlocksResponse:
        """Answers whom a user blocks."""
        check_user(request.user_id)
        return blocks_pb2.ListBlocksResponse(user_ids=await self._store.blocks(request.user_id))

    async def GetEntitlements(
        self,
        request: policy_pb2.GetEntitlementsRequest,
        context: aio.ServicerContext[policy_pb2.GetEntitlementsRequest, policy_pb2.GetEntitlementsResponse],
    ) -> policy_pb2.GetEntitlementsResponse:
        """Answers what each tier may do."""
        version, by_tier = await self._store.entitlements()
        rows = [
            policy_pb2.Entitlement(tier=tier, place_audio=row.audio, place_video=row.video)
            for tier, row in by_tier.items()
        ]
        now = await self._operator.newest()
        return policy_pb2.GetEntitlementsResponse(
            entitlements=rows, version=version, by_rules=now.live != 0, off=sorted(now.off)
        )

    async def SetEntitlements(
        self,
        request: policy_pb2.SetEntitlementsRequest,
        context: aio.ServicerContext[policy_pb2.SetEntitlementsRequest, policy_pb2.SetEntitlementsResponse],
    ) -> policy_pb2.SetEntitlementsResponse:
        """Replaces what each tier may do; the next verdict of every replica reads it."""
        made_of = request.made_of if request.HasField("made_of") else None
        operator = operator_of(request.by, request.why)
        rows = check_entitlements(request.entitlements)
        version = await self._store.set_entitlements(rows, operator, made_of)
        return policy_pb2.SetEntitlementsResponse(version=version)


@functools.cache
def _counter(act: policy_pb2.Act.ValueType, outcome: policy_pb2.Outcome.ValueType) -> Counter:
    return VERDICTS.labels(policy_pb2.Act.Name(act).removeprefix("ACT_").lower(), _outcome(outcome))


def _outcome(number: policy_pb2.Outcome.ValueType) -> str:
    return policy_pb2.Outcome.Name(number).removeprefix("OUTCOME_").lower()
