"""The teller: what lines see of a call, and who is told when it changes."""

from collections.abc import Callable

from ringline.v1 import client_pb2
from services.signaling.record import CALLEE, Phase, phase
from services.signaling.relay import RelayDesk
from services.signaling.store import Stored
from services.signaling.verbs import Step
from services.signaling.view import concerned, sight, view
from services.signaling.wakes import Wakes, call_frame, candidates_frame

NOBODY_KNOWN = ""
"""Stands for any line that has no leg."""


class Teller:
    """`now` answers the database's clock, in Unix milliseconds."""

    def __init__(self, wakes: Wakes, desk: RelayDesk, now: Callable[[], int]) -> None:
        self._wakes = wakes
        self._desk = desk
        self._now = now

    def see(self, stored: Stored, side: int, line: str, relay: bool = False) -> client_pb2.Call:
        """The call as a line (device.instance) of this side sees it; `relay` adds fresh credentials."""
        now = self._now()
        fresh = self._desk.credentials(now) if relay else None
        return view(stored.record, side, line, stored.slots[1 - side], fresh, now)

    def renew(self, stored: Stored) -> client_pb2.Relay:
        """Fresh relay credentials; empty, as in every view, where no relay is configured."""
        relay = self._desk.credentials(self._now())
        if relay is None:
            return client_pb2.Relay()
        relay.only = stored.record.relay_only
        return relay

    def ring(self, stored: Stored) -> None:
        """Rings the callee's lines; all of them, wherever they are, where none is known."""
        callee = stored.record.members[CALLEE]
        if phase(stored.record) is Phase.RINGING and not callee.legs:
            # Presence never gates ringing: it may be away, or cold. Whoever has a line of this user rings it.
            self.ring_line(stored, "", "")
        for leg in callee.legs:
            self.ring_line(stored, leg.gateway_id, leg.line)

    def ring_line(self, stored: Stored, gateway_id: str, line: str) -> None:
        """Rings one line of the callee; with neither gateway nor line, every one of them."""
        call = self.see(stored, CALLEE, line, relay=True)
        self._wakes.send(gateway_id, call_frame(stored.record.members[CALLEE].profile.user_id, line, call))

    def tell(self, was: Stored, done: Step, saved: Stored, said_by: str) -> None:
        """Tells every line whose view has changed, but the one that said it: its answer tells it."""
        for side, member in enumerate(saved.record.members):
            before = was.record.members[side]
            if member.version == before.version:
                continue
            user_id, lines = member.profile.user_id, concerned(member) | concerned(before)
            for leg in member.legs:
                if leg.line == said_by or leg.line not in lines:
                    continue
                if done.added is not None and done.added[0] != side:
                    more = client_pb2.PeerCandidates(
                        call_id=saved.record.call_id,
                        generation=saved.record.members[1 - side].described,
                        candidates=done.added[1],
                    )
                    frame = candidates_frame(user_id, leg.line, member.version, more)
                else:
                    frame = call_frame(user_id, leg.line, self.see(saved, side, leg.line))
                self._wakes.send(leg.gateway_id, frame)


def raise_versions(was: Stored, done: Step) -> None:
    """Raises each member's version where what one of his lines sees has changed, and only there: a version
    that rose with something hidden would tell of it. A line may ring without a leg: where presence was away
    all of them are called, whichever they are.
    """
    for side, member in enumerate(done.record.members):
        old = was.record.members[side]
        told = (done.described or done.added or (side, None))[0] != side
        new = {leg.line for leg in member.legs[len(old.legs) :]}
        lines = concerned(member) | concerned(old) | new | {NOBODY_KNOWN}
        if told or any(sight(was.record, side, x) != sight(done.record, side, x) for x in lines):
            member.version += 1
