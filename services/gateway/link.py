"""The link to signaling: commands of lines, the comparison every two seconds, and wake-ups from the bus."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from google.protobuf.message import DecodeError
from prometheus_client import Counter

from ringline.asker import Asker
from ringline.refusal import Refusal
from ringline.v1 import client_pb2, signaling_pb2, types_pb2
from ringline.v1.reasons_pb2 import Reason
from services.gateway.recent import Recent

COMMAND_SECONDS = 4.0
ARRIVED_SECONDS = 3.0
SYNC_SECONDS = 2.0
BREATH_SECONDS = 0.1
"""Between two comparisons, whatever happens."""
SENDERS = 4_096

GAPS = Counter("ringline_wake_gaps_total", "Gaps in the numbers of wake-ups, each mended by a comparison.")
SYNCS = Counter("ringline_syncs_total", "Comparisons with signaling, by outcome.", ["outcome"])

Held = list[tuple[types_pb2.Line, str, int]]


class Numbers:
    """The numbers of wake-ups by sender. Pure."""

    def __init__(self) -> None:
        self._last: Recent[int] = Recent(keys=SENDERS)

    def skips(self, sender: str, number: int) -> bool:
        """Whether one before this number was lost; 0 is a wake-up to all, which has none."""
        if not number:
            return False
        last = self._last.get(sender, 0.0) or 0
        self._last.put(sender, max(last, number), 0.0)
        return number > last + 1


class Link:
    """What a gateway says to signaling, and hears of it.

    `held` answers what the lines hold for live, `deliver` takes a frame to its lines and `repair` one that
    was missed, `settle` is told what of the held is live, `fence` closes lines that were replaced, `expel`
    those of expelled devices, `renew` has every line opened anew.
    """

    def __init__(
        self,
        asker: "Asker[signaling_pb2.Command, signaling_pb2.CommandReply]",
        gateway_id: str,
        sync_s: float,
    ) -> None:
        self._asker = asker
        self._gateway = types_pb2.Line(gateway_id=gateway_id)
        self._sync_s = sync_s
        self._at_once = asyncio.Event()
        self._numbers = Numbers()
        self.synced_at = float("-inf")
        self.held: Callable[[], Held] = list
        self.deliver: Callable[[signaling_pb2.LineFrame], object] = lambda frame: None
        self.repair: Callable[[signaling_pb2.LineFrame], None] = lambda frame: None
        self.settle: Callable[[Held, frozenset[str]], None] = lambda held, live: None
        self.fence: Callable[[Iterable[types_pb2.Line]], None] = lambda lines: None
        self.expel: Callable[[Iterable[types_pb2.Line]], None] = lambda lines: None
        self.renew: Callable[[], None] = lambda: None
        self._incarnation = 0

    async def command(self, line: types_pb2.Line, frame: client_pb2.ClientFrame) -> client_pb2.ServerFrame:
        """A client's command; answers the frame for it. Raises Refusal."""
        reply = await self._asker.ask(signaling_pb2.Command(line=line, frame=frame), COMMAND_SECONDS)
        return reply.frame

    async def arrived(self, line: types_pb2.Line) -> signaling_pb2.CommandReply:
        """A line was opened: what it must know. Raises Refusal."""
        command = signaling_pb2.Command(line=line, arrived=signaling_pb2.Arrived())
        reply = await self._asker.ask(command, ARRIVED_SECONDS)
        if reply.incarnation < self._incarnation:  # of a process that has not seen yet that it was restored
            raise Refusal(Reason.REASON_UNAVAILABLE)
        self._learn(reply.incarnation)
        return reply

    def _learn(self, incarnation: int) -> None:
        """Where the data was restored while lines are open, what they know is of another server."""
        if incarnation > self._incarnation:
            known, self._incarnation = self._incarnation, incarnation
            if known:
                self.renew()

    async def gone(self, line: types_pb2.Line) -> None:
        """A line was closed. Where nobody hears it, presence's lease says the same a little later."""
        command = signaling_pb2.Command(line=line, gone=signaling_pb2.Gone())
        with suppress(Refusal):
            await self._asker.ask(command, COMMAND_SECONDS)

    def compare(self) -> None:
        """Asks for a comparison at once."""
        self._at_once.set()

    def is_fresh(self, now: float) -> bool:
        """Whether signaling answered lately: what the lines are told to be live is live."""
        return now - self.synced_at <= self._sync_s + 1.0

    async def run(self) -> None:
        """Compares for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._sync_s):
                    await self._at_once.wait()
            self._at_once.clear()
            await self._sync()
            await asyncio.sleep(BREATH_SECONDS)

    async def _sync(self) -> None:
        held = self.held()
        rows = [
            signaling_pb2.Held(
                line=f"{line.device_id}.{line.instance}",
                user_id=line.user_id,
                call_id=call_id,
                version=version,
                epoch=line.epoch,
            )
            for line, call_id, version in held
        ]
        command = signaling_pb2.Command(line=self._gateway, sync=signaling_pb2.Sync(held=rows))
        began = asyncio.get_running_loop().time()
        try:
            reply = await self._asker.ask(command, SYNC_SECONDS)
        except Refusal as refusal:
            SYNCS.labels(refusal.name).inc()
            return
        SYNCS.labels("done").inc()
        self.synced_at = began
        self._learn(reply.incarnation)
        for frame in reply.repairs:
            self.repair(frame)
        self.settle(held, frozenset(one.call_id for one in reply.live))

    def hear(self, data: bytes) -> None:
        """A wake-up came over the bus."""
        try:
            wake = signaling_pb2.Wake.FromString(data)
        except DecodeError:
            return
        if self._numbers.skips(wake.sender, wake.number):
            GAPS.inc()
            self.compare()
        for frame in wake.frames:
            self.deliver(frame)
        self.fence(wake.fenced)
        self.expel(wake.expelled)
