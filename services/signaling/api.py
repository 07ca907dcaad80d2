"""Signaling's gRPC methods."""

import asyncio
from collections.abc import AsyncIterator

from grpc import aio

from ringline.answerer import Draining, answer_batches
from ringline.refusal import Refusal
from ringline.v1 import client_pb2, reasons_pb2, signaling_pb2, signaling_pb2_grpc, types_pb2
from services.signaling.anti_entropy import Repairs
from services.signaling.call import step
from services.signaling.exchange import Exchange
from services.signaling.record import Phase, ended_event, line_key, phase, side_of
from services.signaling.teller import raise_versions
from services.signaling.verbs import EndByOperator, Sever

MOST_ENDED = 500
"""Calls that are over on one page."""
MOST_CALLS = 32
"""Live calls shown to a line; nobody waits in more."""
IN_CALL = (
    "ringing", "answer", "decline", "hang_up", "set_media", "hold", "describe", "add_candidates", "report",
)  # fmt: skip


class SignalingApi(signaling_pb2_grpc.SignalingServicer):
    """The servicer."""

    def __init__(self, exchange: Exchange, repairs: Repairs, draining: Draining, incarnation: int) -> None:
        self._exchange = exchange
        self._repairs = repairs
        self._draining = draining
        self.incarnation = incarnation
        """What lines are told with their calls; a restore raises it under a process that was not stopped."""

    def Link(
        self, request_iterator: AsyncIterator[signaling_pb2.LinkRequest], context: object
    ) -> AsyncIterator[signaling_pb2.LinkResponse]:
        """Serves the commands of a gateway."""
        return answer_batches(
            request_iterator,
            unpack=lambda request: request.commands,
            handle=self.command,
            pack=lambda replies: signaling_pb2.LinkResponse(replies=replies),
            refuse=lambda refused: signaling_pb2.CommandReply(refused=refused),
            draining=self._draining,
            where="Link",
        )

    async def command(self, command: signaling_pb2.Command) -> signaling_pb2.CommandReply:
        """Carries one command of a gateway out. Raises Refusal."""
        kind = command.WhichOneof("body")
        if kind == "frame":
            return signaling_pb2.CommandReply(frame=await self._frame(command.line, command.frame))
        if kind == "arrived":
            calls = await self._arrived(command.line)
            return signaling_pb2.CommandReply(calls=calls, incarnation=self.incarnation)
        if kind == "gone":
            await self._gone(command.line)
            return signaling_pb2.CommandReply()
        if kind == "sync":
            repairs, live = await self._repairs.repair(command.line.gateway_id, command.sync.held)
            return signaling_pb2.CommandReply(repairs=repairs, live=live, incarnation=self.incarnation)
        raise Refusal(reasons_pb2.REASON_INVALID)

    async def _frame(self, line: types_pb2.Line, frame: client_pb2.ClientFrame) -> client_pb2.ServerFrame:
        kind = frame.WhichOneof("body")
        if kind == "place":
            call = await self._exchange.placement.place(line, frame.command_id, frame.place)
        elif kind == "renew_relay":
            stored = await self._exchange.read(frame.renew_relay.call_id)
            if not self._exchange.is_in(stored, line):
                raise Refusal(reasons_pb2.REASON_CALL_NOT_FOUND)
            return client_pb2.ServerFrame(relay=self._exchange.teller.renew(stored))
        elif kind in IN_CALL:
            verb = getattr(frame, kind)
            call = await self._exchange.command(line, frame.command_id, verb.call_id, verb)
        else:
            raise Refusal(reasons_pb2.REASON_INVALID)
        return client_pb2.ServerFrame(done=client_pb2.Done(call=call))

    async def _arrived(self, line: types_pb2.Line) -> list[client_pb2.Call]:
        exchange = self._exchange
        # Calls that this user never hears of are no work for his devices, however many there are.
        live = [
            stored
            for stored in await exchange.store.live_of([line.user_id])
            if phase(stored.record) is not Phase.VEILED or side_of(stored.record, line.user_id) == 0
        ][:MOST_CALLS]
        arrivals = (exchange.arrive(line, stored.record.call_id) for stored in live)
        calls = [call for call in await asyncio.gather(*arrivals) if call is not None]
        for stored in await exchange.store.past_of(line.user_id):
            if side_of(stored.record, line.user_id) == 0 or not stored.record.shadow:
                calls.append(exchange.see(stored, line.user_id, line_key(line)))
        return calls

    async def _gone(self, line: types_pb2.Line) -> None:
        for stored in await self._exchange.store.live_of([line.user_id]):
            if self._exchange.concerns(stored, line):
                try:
                    await self._exchange.command(line, "", stored.record.call_id, signaling_pb2.Gone())
                except Refusal as refusal:
                    if refusal.reason == reasons_pb2.REASON_UNAVAILABLE:
                        raise

    async def Sever(
        self,
        request: signaling_pb2.SeverRequest,
        context: aio.ServicerContext[signaling_pb2.SeverRequest, signaling_pb2.SeverResponse],
    ) -> signaling_pb2.SeverResponse:
        """Closes or opens a gate; what it ends is ended in the same transaction."""
        store = self._exchange.store
        ended = None
        async with store.transaction() as con:
            stored = await store.gate(
                con, request.user_id, request.other_user_id, request.closed, request.generation
            )
            if (
                request.closed
                and stored is not None
                and phase(stored.record) in (Phase.RINGING, Phase.TALKING)
            ):
                done = step(stored.record, None, Sever(request.user_id), store.now(), self._exchange.times)
                raise_versions(stored, done)
                saved = await store.save(stored, done, con)
                if saved is None:
                    raise Refusal(reasons_pb2.REASON_UNAVAILABLE)
                ended = (stored, done, saved)
        if ended is None:
            return signaling_pb2.SeverResponse()
        self._exchange.settle(*ended, who=None)
        return signaling_pb2.SeverResponse(ended_call_id=ended[2].record.call_id)

    async def DropDevice(
        self,
        request: signaling_pb2.DropDeviceRequest,
        context: aio.ServicerContext[signaling_pb2.DropDeviceRequest, signaling_pb2.DropDeviceResponse],
    ) -> signaling_pb2.DropDeviceResponse:
        """Takes a revoked device out of every call."""
        if not request.user_id or not request.device_id:
            raise Refusal(reasons_pb2.REASON_INVALID, "user_id and device_id are needed.")
        ended = await self._exchange.drop(request.user_id, request.device_id)
        return signaling_pb2.DropDeviceResponse(ended_call_ids=ended)

    async def FindCall(
        self,
        request: signaling_pb2.FindCallRequest,
        context: aio.ServicerContext[signaling_pb2.FindCallRequest, signaling_pb2.FindCallResponse],
    ) -> signaling_pb2.FindCallResponse:
        """Answers a call as it is kept."""
        stored = await self._exchange.read(request.call_id)
        return signaling_pb2.FindCallResponse(call=stored.record)

    async def ListEnded(
        self,
        request: signaling_pb2.ListEndedRequest,
        context: aio.ServicerContext[signaling_pb2.ListEndedRequest, signaling_pb2.ListEndedResponse],
    ) -> signaling_pb2.ListEndedResponse:
        """Answers calls that are over, as the events that ended them."""
        if not 1 <= request.limit <= MOST_ENDED:
            raise Refusal(reasons_pb2.REASON_INVALID, f"limit is 1 to {MOST_ENDED}.")
        records = [one.record for one in await self._exchange.store.ended_after(request.after, request.limit)]
        return signaling_pb2.ListEndedResponse(
            events=[ended_event(record) for record in records],
            next=records[-1].call_id if len(records) == request.limit else "",
        )

    async def EndCall(
        self,
        request: signaling_pb2.EndCallRequest,
        context: aio.ServicerContext[signaling_pb2.EndCallRequest, signaling_pb2.EndCallResponse],
    ) -> signaling_pb2.EndCallResponse:
        """Ends a call."""
        stored = await self._exchange.serve(request.call_id, EndByOperator())
        return signaling_pb2.EndCallResponse(call=stored.record)
