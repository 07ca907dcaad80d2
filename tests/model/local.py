"""A line and its calls, as a page knows them: state alone, moved by device.py."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from ringline.v1 import client_pb2
from tests.unit.signaling.screens import TABLE

STATES = TABLE["states"]
NEVER = 1 << 60
ENGAGED = frozenset(
    {"dialling", "calling", "answering", "connecting", "connected", "mending", "holding", "held"}
)


class Word(NamedTuple):
    """A command that the client has said and that was not answered yet."""

    command_id: str
    frame: bytes
    posted: bool = False
    """Nobody waits for its answer, and it is said once."""


class Local(NamedTuple):
    """A call as a line lives it."""

    call_id: str
    state: str = "new"
    version: int = 0
    view: bytes = b""
    ring_until: int = NEVER
    missing: int = 0
    offered: int = 0
    """The generation of the newest description that this line has made."""
    heard: int = 0
    """The generation of the other side's newest description that this line has taken."""
    flowed: bool = False
    wish: bool | None = None
    """Whether the user wishes it to be on hold; None where he never said."""
    holds: bool = False
    """The server says that this side holds it."""
    peer_holds: bool = False
    waits: bool = False
    """It rings behind another call, and was said to."""
    told: int = 0
    """How often the wish was said."""

    @property
    def over(self) -> bool:
        return self.state == "ended"

    @property
    def open(self) -> bool:
        """Whether media may pass."""
        return bool(STATES[self.state]["media"] == "open")

    @property
    def bound(self) -> bool:
        """Whether there is a connection: media passes, or is silent."""
        return STATES[self.state]["media"] in ("open", "silent")

    @property
    def engaged(self) -> bool:
        """Whether the user is in it, or on the way into it."""
        return self.state in ENGAGED

    @property
    def asks(self) -> bool:
        """Whether it asks the user to answer."""
        return self.state in ("incoming", "silenced")

    @property
    def on_hold(self) -> bool:
        """Whether it stays silent by the user's own wish."""
        return self.state == "holding" or (self.state == "held" and self.wish is True)


class Device(NamedTuple):
    """One line of a user."""

    key: str
    user_id: str
    gateway_id: str
    up: bool = True
    epoch: int = 1
    locals: tuple[Local, ...] = ()
    parked: tuple[bytes, ...] = ()
    consents: frozenset[str] = frozenset()
    mute: bool = False
    """It describes and reports nothing: what is explored is who is in the call, not what they hear."""
    wishes: frozenset[tuple[str, bool]] = frozenset()
    """What the user wished about the hold of a call, kept over a reload as consents are."""
    words: tuple[Word, ...] = ()
    """What was said and not answered, in the order in which it was said."""

    @property
    def lives(self) -> tuple[Local, ...]:
        """The calls that the user is in, or is being asked to."""
        return tuple(one for one in self.locals if not one.over)

    def other(self, local: Local) -> Local | None:
        """The call that is talked in beside this one."""
        return next(
            (one for one in self.locals if one is not local and one.engaged and not one.on_hold), None
        )

    def room(self, call_id: str) -> str:
        """What the other calls leave for one: to talk in it, to hold it, or none."""
        others = [one for one in self.locals if one.call_id != call_id and one.engaged]
        if len(others) > 1:
            return "none"
        return "talk" if all(one.on_hold for one in others) else "hold"

    def telling(self, call_id: str) -> bool:
        """Whether the server has not answered yet what the user wishes."""
        frames = [client_pb2.ClientFrame.FromString(word.frame) for word in self.words]
        return any(one.hold.call_id == call_id for one in frames if one.HasField("hold"))

    def local(self, call_id: str) -> Local | None:
        """A call by id."""
        return next((one for one in self.locals if one.call_id == call_id), None)


@cache
def call_of(view: bytes) -> client_pb2.Call:
    """A view, read; never to be changed."""
    return client_pb2.Call.FromString(view)


@cache
def about(word: Word) -> str:
    """The call that a command is about; "" for Place."""
    frame = client_pb2.ClientFrame.FromString(word.frame)
    return str(getattr(getattr(frame, str(frame.WhichOneof("body"))), "call_id", ""))
