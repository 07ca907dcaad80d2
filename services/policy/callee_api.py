"""The gRPC methods of what a callee says about single people, and of previews."""

import asyncio

from grpc import aio

from ringline.asker import Asker
from ringline.refusal import Refusal
from ringline.v1 import callee_pb2, callee_pb2_grpc, directory_pb2, reasons_pb2
from services.policy.call_settings import change_of, check_preview, choices_of, choices_proto
from services.policy.callee_store import CalleeStore, KnownCaller
from services.policy.preview import preview, sample, turned
from services.policy.rules import check_two, check_user

RELATE_SECONDS = 1.8
"""What directory gets; less than the two seconds of whoever asks."""
AT_ONCE = 8
"""Questions for the sake of previews that directory gets at once: calls come first."""

Relations = Asker[directory_pb2.PairQuestion, directory_pb2.PairAnswer]


class CalleeApi(callee_pb2_grpc.CalleeServicer):
    """The servicer."""

    def __init__(self, store: CalleeStore, relations: Relations) -> None:
        self._store = store
        self._relations = relations
        self._room = asyncio.Semaphore(AT_ONCE)

    async def GetPersonSettings(
        self,
        request: callee_pb2.GetPersonSettingsRequest,
        context: aio.ServicerContext[
            callee_pb2.GetPersonSettingsRequest, callee_pb2.GetPersonSettingsResponse
        ],
    ) -> callee_pb2.GetPersonSettingsResponse:
        """Answers what a user says about another."""
        check_two(request.user_id, request.other_user_id)
        choices = await self._store.choices(request.user_id, request.other_user_id)
        return callee_pb2.GetPersonSettingsResponse(settings=choices_proto(choices))

    async def SetPersonSettings(
        self,
        request: callee_pb2.SetPersonSettingsRequest,
        context: aio.ServicerContext[
            callee_pb2.SetPersonSettingsRequest, callee_pb2.SetPersonSettingsResponse
        ],
    ) -> callee_pb2.SetPersonSettingsResponse:
        """Says it, for the next attempt."""
        check_two(request.user_id, request.other_user_id)
        choices = choices_of(request.settings)
        await self._store.choose(request.user_id, request.other_user_id, choices)
        return callee_pb2.SetPersonSettingsResponse(settings=choices_proto(choices))

    async def ResetPersonSettings(
        self,
        request: callee_pb2.ResetPersonSettingsRequest,
        context: aio.ServicerContext[
            callee_pb2.ResetPersonSettingsRequest, callee_pb2.ResetPersonSettingsResponse
        ],
    ) -> callee_pb2.ResetPersonSettingsResponse:
        """Takes it back."""
        check_two(request.user_id, request.other_user_id)
        await self._store.choose(request.user_id, request.other_user_id, KnownCaller().choices)
        return callee_pb2.ResetPersonSettingsResponse()

    async def ListPersonSettings(
        self,
        request: callee_pb2.ListPersonSettingsRequest,
        context: aio.ServicerContext[
            callee_pb2.ListPersonSettingsRequest, callee_pb2.ListPersonSettingsResponse
        ],
    ) -> callee_pb2.ListPersonSettingsResponse:
        """Answers about whom a user says something."""
        check_user(request.user_id)
        people = [
            callee_pb2.SettledPerson(user_id=other, settings=choices_proto(choices))
            for other, choices in await self._store.chosen(request.user_id)
        ]
        return callee_pb2.ListPersonSettingsResponse(people=people)

    async def PreviewCalls(
        self,
        request: callee_pb2.PreviewCallsRequest,
        context: aio.ServicerContext[callee_pb2.PreviewCallsRequest, callee_pb2.PreviewCallsResponse],
    ) -> callee_pb2.PreviewCallsResponse:
        """Answers who could ring a user; nothing is counted, and nothing of a draft is kept."""
        check_preview(request)
        change = change_of(request.draft) if request.HasField("draft") else None
        now, settings = await self._store.settings_now(request.user_id)
        if change is not None:
            settings = change.apply(settings)
        pairs = await asyncio.gather(*(self._pair(request.user_id, one) for one in request.callers))
        there = [pair.user.profile.user_id for pair in pairs if not isinstance(pair, Refusal)]
        known = dict(zip(there, await self._store.callers(request.user_id, there), strict=True))
        at = request.at_ms / 1000 if request.at_ms else now
        return callee_pb2.PreviewCallsResponse(
            previews=[
                callee_pb2.Preview(refused=pair.to_proto())
                if isinstance(pair, Refusal)
                else preview(pair, known[pair.user.profile.user_id], settings, at)
                for pair in pairs
            ]
        )

    async def _pair(
        self, user_id: str, caller: callee_pb2.PreviewCaller
    ) -> directory_pb2.PairAnswer | Refusal:
        """The pair in which the caller calls this user; a refusal where there is no such person."""
        if caller.WhichOneof("who") == "sample":
            return sample(caller.sample)
        question = directory_pb2.PairQuestion(user_id=user_id, other_username=caller.username)
        async with self._room:
            try:
                pair = turned(await self._relations.ask(question, RELATE_SECONDS))
            except Refusal as refusal:
                if refusal.reason != reasons_pb2.REASON_USER_NOT_FOUND:
                    raise
                return refusal
        is_self = pair.user.profile.user_id == user_id
        return Refusal(reasons_pb2.REASON_SELF) if is_self else pair
