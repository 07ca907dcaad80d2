"""Presence's gRPC methods."""

from collections.abc import AsyncIterator, Iterable, Sequence

from grpc import aio

from ringline import ids
from ringline.answerer import Draining, answer_batches
from ringline.bus import Bus
from ringline.gather import Gather
from ringline.refusal import Refusal
from ringline.telemetry import log
from ringline.v1 import presence_pb2, presence_pb2_grpc, reasons_pb2, types_pb2
from services.presence.lease import LEASE, MOST_USERS, check_id, check_line, fences
from services.presence.store import Store


class PresenceApi(presence_pb2_grpc.PresenceServicer):
    """The servicer."""

    def __init__(self, store: Store, bus: Bus, draining: Draining) -> None:
        self._store = store
        self._bus = bus
        self._draining = draining
        self._open_lines: Gather[list[str], list[types_pb2.Line]] = Gather(store.open_lines)

    async def Claim(
        self,
        request: presence_pb2.ClaimRequest,
        context: aio.ServicerContext[presence_pb2.ClaimRequest, presence_pb2.ClaimResponse],
    ) -> presence_pb2.ClaimResponse:
        """Registers a line, by its ticket or, without one, by the epoch it has already."""
        line = request.line
        check_line(line)
        if not request.ticket_id:
            return await self._claim_anew(line)
        check_id(request.ticket_id, "t_")
        claimed = await self._store.claim(line, request.ticket_id, request.ticket_expires_at_ms)
        if claimed is None:
            raise Refusal(reasons_pb2.REASON_TICKET_INVALID)
        if claimed.displaced is not None:
            await self._fence([claimed.displaced])
        line.epoch = claimed.epoch
        return presence_pb2.ClaimResponse(line=line)

    async def _claim_anew(self, line: types_pb2.Line) -> presence_pb2.ClaimResponse:
        if not line.epoch:
            raise Refusal(reasons_pb2.REASON_TICKET_INVALID)
        if await self._store.reclaim(line) is None:
            raise Refusal(reasons_pb2.REASON_LINE_FENCED)
        return presence_pb2.ClaimResponse(line=line)

    async def Release(
        self,
        request: presence_pb2.ReleaseRequest,
        context: aio.ServicerContext[presence_pb2.ReleaseRequest, presence_pb2.ReleaseResponse],
    ) -> presence_pb2.ReleaseResponse:
        """Takes lines off."""
        for line in request.lines:
            check_line(line)
        return presence_pb2.ReleaseResponse(released=await self._store.release(request.lines))

    async def Renew(
        self,
        request: presence_pb2.RenewRequest,
        context: aio.ServicerContext[presence_pb2.RenewRequest, presence_pb2.RenewResponse],
    ) -> presence_pb2.RenewResponse:
        """Renews a gateway's lease."""
        check_id(request.gateway_id, "g_")
        lines = await self._store.renew(request.gateway_id)
        if lines != request.lines:
            # A claim or a release on its way, most of the time.
            log(__name__).debug(
                "lines differ", gateway=request.gateway_id, held=request.lines, registered=lines
            )
        return presence_pb2.RenewResponse(lines=lines, lease_ms=round(LEASE.total_seconds() * 1000))

    async def Expel(
        self,
        request: presence_pb2.ExpelRequest,
        context: aio.ServicerContext[presence_pb2.ExpelRequest, presence_pb2.ExpelResponse],
    ) -> presence_pb2.ExpelResponse:
        """Takes a device off."""
        check_id(request.user_id, "u_")
        check_id(request.device_id, "d_")
        lines = await self._store.expel(request.user_id, request.device_id)
        await self._fence(lines)
        return presence_pb2.ExpelResponse(lines=lines)

    def Locate(
        self, request_iterator: AsyncIterator[presence_pb2.LocateRequest], context: object
    ) -> AsyncIterator[presence_pb2.LocateResponse]:
        """Answers where the lines of users are; what is asked in one turn is one statement."""
        return answer_batches(
            request_iterator,
            unpack=lambda request: request.questions,
            handle=self._locate,
            pack=lambda answers: presence_pb2.LocateResponse(answers=answers),
            refuse=lambda refused: presence_pb2.LocateAnswer(refused=refused),
            draining=self._draining,
            where="Locate",
        )

    async def ListOnline(
        self,
        request: presence_pb2.ListOnlineRequest,
        context: aio.ServicerContext[presence_pb2.ListOnlineRequest, presence_pb2.ListOnlineResponse],
    ) -> presence_pb2.ListOnlineResponse:
        """Answers who has an open line."""
        _check_count(request.user_ids)
        asked = [user_id for user_id in request.user_ids if ids.is_id(user_id, "u_")]
        lines = await self._open_lines.ask(asked)
        return presence_pb2.ListOnlineResponse(user_ids=dict.fromkeys(line.user_id for line in lines))

    async def _locate(self, question: presence_pb2.LocateQuestion) -> presence_pb2.LocateAnswer:
        _check_count(question.user_ids)
        lines = await self._open_lines.ask(list(question.user_ids))
        return presence_pb2.LocateAnswer(lines=lines)

    async def _fence(self, lines: Iterable[types_pb2.Line]) -> None:
        """Tells gateways to close lines. Where the bus is away, they find out at their next renewal."""
        for gateway_id, wake in fences(lines).items():
            await self._bus.publish_wake(gateway_id, wake.SerializeToString())


def _check_count(user_ids: Sequence[str]) -> None:
    if len(user_ids) > MOST_USERS:
        raise Refusal(reasons_pb2.REASON_INVALID, f"A question is about {MOST_USERS} users at most.")
