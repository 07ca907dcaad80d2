"""Wake-ups: frames for lines, gathered per gateway and loop tick, numbered per sender so that a gap shows."""

import asyncio
from collections import defaultdict

from ringline.bus import ALL, Bus
from ringline.v1 import client_pb2, signaling_pb2


class Wakes:
    """The sending half. What is lost on the way is repaired by the gateways' anti-entropy."""

    def __init__(self, bus: Bus, sender: str) -> None:
        self._bus = bus
        self._sender = sender
        self._numbers: defaultdict[str, int] = defaultdict(int)
        self._frames: defaultdict[str, list[signaling_pb2.LineFrame]] = defaultdict(list)
        self._sending: asyncio.Task[None] | None = None

    def send(self, gateway_id: str, frame: signaling_pb2.LineFrame) -> None:
        """Sends a frame to a gateway with the others of this tick; an empty id means all gateways."""
        self._frames[gateway_id or ALL].append(frame)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._flush(), name="wakes")

    async def _flush(self) -> None:
        while self._frames:
            gateway_id, frames = self._frames.popitem()
            number = 0
            if gateway_id != ALL:
                self._numbers[gateway_id] += 1
                number = self._numbers[gateway_id]
            wake = signaling_pb2.Wake(sender=self._sender, number=number, frames=frames)
            await self._bus.publish_wake(gateway_id, wake.SerializeToString())


def call_frame(user_id: str, line: str, call: client_pb2.Call) -> signaling_pb2.LineFrame:
    """The frame that shows a line its view of a call."""
    return signaling_pb2.LineFrame(
        user_id=user_id,
        line=line,
        frame=client_pb2.ServerFrame(call=call).SerializeToString(),
        call_id=call.call_id,
        version=call.version,
        live=call.phase != client_pb2.PHASE_ENDED,
    )


def candidates_frame(
    user_id: str, line: str, version: int, candidates: client_pb2.PeerCandidates
) -> signaling_pb2.LineFrame:
    """The frame that brings a line more candidates of the other side, as its view of this version."""
    return signaling_pb2.LineFrame(
        user_id=user_id,
        line=line,
        frame=client_pb2.ServerFrame(peer_candidates=candidates).SerializeToString(),
        call_id=candidates.call_id,
        version=version,
        live=True,
    )
