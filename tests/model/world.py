"""The world of the model: devices, a lossy network and the server.

Frames lie in `flight` and are delivered in any order or never: what is never delivered is lost. That a
frame which comes twice, or late, changes nothing is looked at when it is let go (properties.py). The server
takes the commands of a line in their order, as a gateway does, and may take any of them again and again
(`echoes`); answers lie in flight too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from ringline.v1 import client_pb2, policy_pb2
from tests.model.local import Device, Word, call_of
from tests.model.server import Done, Line, Server, admitted

START_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is explored: who has which lines, who does what, and how often what goes wrong."""

    name: str
    lines: tuple[tuple[str, str, str], ...]
    """User, line, gateway."""
    dials: tuple[tuple[str, str], ...]
    """Line and the username it dials, once."""
    verbs: frozenset[str] = frozenset({"answer", "decline", "hang_up"})
    weak: tuple[str, ...] = ()
    """The lines that go away without a word, each as often as it is named."""
    toggles: int = 0
    """How often somebody puts a call on hold, or takes it back."""
    revokes: tuple[str, ...] = ()
    """Lines whose device may be revoked."""
    moments: tuple[int, ...] = ()
    """Times that may come, in milliseconds after the beginning, besides each deadline."""
    blocks: tuple[tuple[str, str], ...] = ()
    """Users who may block a user."""
    fails: int = 0
    """How often media fails."""
    knows_lines: bool = True
    """Presence knows where the lines are; else rings go to every gateway."""
    verdict: Callable[[], policy_pb2.Verdict] = field(default=admitted)
    waits: int = 0
    """How often time passes."""
    mute: bool = False
    """No page describes or reports anything."""
    begins: str = ""
    """It begins when every device rings ("ringing"), or when the first two talk ("talking")."""


class Flying(NamedTuple):
    """A frame on its way to a line, or the answer to one of its commands."""

    line: str
    data: bytes
    epoch: int = 0
    word: Word | None = None
    refused: str = ""


class Late(NamedTuple):
    """What the server will still hear of a connection that is gone: a command, or that it is gone."""

    line: str
    epoch: int
    gateway_id: str
    word: Word | None = None


class Echo(NamedTuple):
    """A command that the server has heard and may hear again, of the same connection or of a later one."""

    line: str
    word: Word


Some = Flying | Late | Echo


def order(one: Some) -> tuple[str, int, str, bytes]:
    """An order that is always the same: so is the first story that is found."""
    word = one.word.command_id if one.word else ""
    return one.line, getattr(one, "epoch", 0), word, getattr(one, "data", b"")


class World(NamedTuple):
    """Everything."""

    server: Server
    devices: tuple[Device, ...]
    flight: frozenset[Flying] = frozenset()
    lates: frozenset[Late] = frozenset()
    echoes: frozenset[Echo] = frozenset()
    dialled: frozenset[str] = frozenset()
    blocked: frozenset[tuple[str, str]] = frozenset()
    carried: frozenset[str] = frozenset()
    """Commands that were carried out."""
    tried: frozenset[str] = frozenset()
    """Commands that the server has heard, and whose answer the device waits for."""
    crashed: tuple[str, ...] = ()
    toggles: int = 0
    fails: int = 0
    waits: int = 0

    def device(self, key: str) -> Device:
        """The device of a line."""
        return next(one for one in self.devices if one.key == key)


class Move(NamedTuple):
    """Something that happens, as a sentence of the story; and the world after it."""

    what: str
    world: World
    done: Done | None = None
    """What the server did in it."""
    again: bool = False
    """The server had carried this command out before."""
    word: str = ""
    """What was said, where somebody said something."""
    late: Late | None = None
    """What an old connection had left behind."""
    by: str = ""
    """The line that the server heard."""
    back: str = ""
    """The line that was opened anew."""


def with_device(world: World, device: Device) -> World:
    """The world in which a device is this one now."""
    if world.device(device.key) is device:
        return world
    return world._replace(devices=tuple(device if one.key == device.key else one for one in world.devices))


def with_lines(world: World, lines: tuple[Line, ...]) -> World:
    """The world in which presence knows these lines."""
    return world._replace(server=world.server._replace(lines=lines))


@cache
def kind_of(word: Word) -> str:
    """What kind of command it is."""
    return str(client_pb2.ClientFrame.FromString(word.frame).WhichOneof("body"))


def said_of(flying: Flying) -> str:
    """A frame, as the story names it."""
    if flying.word is not None:
        return f"the answer to {kind_of(flying.word)}" + (f" ({flying.refused})" if flying.refused else "")
    call = call_of(flying.data)
    return f"a view ({client_pb2.Phase.Name(call.phase)[6:].lower()}, version {call.version})"
