"""The client's call table, executed: what the web client does with what the server shows."""

import json
from pathlib import Path

from ringline.v1 import client_pb2, types_pb2
from ringline.v1.client_pb2 import Phase, Role
from ringline.v1.types_pb2 import Ending

TABLE = json.loads(
    (Path(__file__).parents[3] / "web/packages/client/src/call/table.json").read_text(encoding="utf-8")
)
_ANSWERED = (Phase.PHASE_CONNECTING, Phase.PHASE_CONNECTED)
_MISSED = (Ending.ENDING_CANCELLED, Ending.ENDING_NO_ANSWER)
_ENDED = {
    Ending.ENDING_DECLINED: "Declined",
    Ending.ENDING_NO_ANSWER: "No answer",
    Ending.ENDING_BUSY: "Busy",
    Ending.ENDING_LOST: "Connection lost",
    Ending.ENDING_MEDIA_FAILED: "Connection lost",
    Ending.ENDING_ANSWERED_ELSEWHERE: "Answered on another device",
    Ending.ENDING_DECLINED_ELSEWHERE: "Declined on another device",
}
_WORDS = {
    "answering": "Connecting…",
    "connecting": "Connecting…",
    "connected": "Connected",
    "mending": "Reconnecting…",
    "holding": "On hold",
}


def _mine(view: client_pb2.Call) -> str:
    """What a view of a call that this line is in means."""
    if view.phase not in _ANSWERED:
        return "view.calling"
    if view.holds:
        return "view.holding"
    return "view.held" if view.peer_holds else "view.bound"


class Screen:
    """One line's side of a call: the state of its table, and the newest view."""

    def __init__(self) -> None:
        self.state = "new"
        self.view = client_pb2.Call()
        self.consented = False
        self.ignored = 0

    @property
    def media(self) -> str:
        """ "none", "prepared", "silent" or "open"."""
        return str(TABLE["states"][self.state]["media"])

    def does(self, verb: str) -> bool:
        """The user's gesture; False where it does not belong to the state."""
        if not self._take(f"user.{verb}"):
            return False
        self.consented |= verb in ("place", "answer")
        return True

    def hears(self, input_: str) -> None:
        """Anything else that happens: see `inputs` of the table."""
        self._take(input_)

    def sees(self, view: client_pb2.Call) -> None:
        """A view arrives; one that is older than what is known changes nothing."""
        if view.version >= self.view.version:
            self.view = view
            self._take(self._classify(view))

    @property
    def reads(self) -> str:
        """The words on it."""
        if self.state == "incoming":
            return f"Incoming {'video' if self.view.asked.video else 'audio'} call"
        if self.state == "ended":
            if self.view.role == Role.ROLE_CALLEE and self.view.ending in _MISSED:
                return "Missed call"
            return _ENDED.get(self.view.ending, "Call ended")
        if self.state == "calling" and self.view.phase == Phase.PHASE_RINGING:
            return "Ringing…"
        if self.state == "held":
            return "You are on hold" if self.view.peer_holds else "Resuming…"
        return _WORDS.get(self.state, "Calling…")

    def _classify(self, view: client_pb2.Call) -> str:
        """As web/packages/client/src/call/view.ts does."""
        if view.phase == Phase.PHASE_ENDED:
            return "view.ended"
        if view.ending != types_pb2.ENDING_UNSPECIFIED:
            return "view.elsewhere"
        answered = view.phase in _ANSWERED
        if view.here:
            return _mine(view) if self.consented else "view.unwanted"
        return "view.elsewhere" if answered or view.role != Role.ROLE_CALLEE else "view.incoming"

    def _take(self, input_: str) -> bool:
        cell = TABLE["states"][self.state]["on"].get(input_)
        if cell is None:
            self.ignored += 1
            return False
        self.state = cell["to"]
        return True
