"""The world of the model: devices, a lossy network and the server; what can happen next in it.

Frames lie in `flight` and are delivered in any order or never: what is never delivered is lost. That a
frame which comes twice, or late, changes nothing is looked at when it is let go (properties.py). A command
lies with its device until it is answered: the server takes the commands of a line in their order, as a
gateway does, then any of them again and again; answers lie in flight too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ringline.v1 import client_pb2, policy_pb2, signaling_pb2
from services.signaling.record import live
from tests.model import device as screen
from tests.model.device import NEVER, PLACE, Device, Local, Word
from tests.model.server import Done, Frame, Line, Pod, Reply, Server, admitted, records
from tests.model.store import Tables

START_MS = 1_000_000
LEASE_MS = 6_000
AWAITED = ("place", "answer")
"""Commands whose answers lie in flight: what is refused late matters to these alone."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is explored: who has which lines, who does what, and how often what goes wrong."""

    name: str
    lines: tuple[tuple[str, str, str], ...]
    """User, line, gateway."""
    dials: tuple[tuple[str, str], ...]
    """Line and the username it dials, once."""
    verbs: frozenset[str] = frozenset({"answer", "decline", "hang_up"})
    crashes: int = 0
    """How often a line goes away without a word."""
    weak: tuple[str, ...] = ()
    """The lines to which that happens; all where none is named."""
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
    rings: bool = False
    """It begins when every device rings."""


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


def order(one: Flying | Late) -> tuple[str, int, str, bytes]:
    """An order that is always the same: so is the first story that is found."""
    return one.line, one.epoch, one.word.command_id if one.word else "", getattr(one, "data", b"")


class World(NamedTuple):
    """Everything."""

    server: Server
    devices: tuple[Device, ...]
    flight: frozenset[Flying] = frozenset()
    lates: frozenset[Late] = frozenset()
    dialled: frozenset[str] = frozenset()
    blocked: frozenset[tuple[str, str]] = frozenset()
    carried: frozenset[str] = frozenset()
    """Commands that were carried out."""
    tried: frozenset[str] = frozenset()
    """Commands that the server has heard at all."""
    crashes: int = 0
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


class Stage:
    """The moves of a configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.pod = Pod(configuration.verdict(), configuration.knows_lines)
        self.weak = configuration.weak or tuple(line for _, line, _ in configuration.lines)

    def close(self) -> None:
        """Ends the pod."""
        self.pod.close()

    def first(self) -> World:
        """The world in which nothing has happened."""
        devices = tuple(Device(line, user, gateway) for user, line, gateway in self.configuration.lines)
        lines = tuple(Line(one.user_id, one.key, one.epoch, one.gateway_id) for one in devices)
        world = World(Server(Tables(START_MS), lines), devices)
        if self.configuration.rings:
            (key, username), *_ = self.configuration.dials
            world = with_device(world, screen.does(world.device(key), PLACE, username))
            world = self.calm(world._replace(dialled=frozenset({key})))
        return world

    def calm(self, world: World) -> World:
        """Everything that is said is heard, in order, until nothing more is said."""
        for _ in range(40):
            before = world
            for device in world.devices:
                if device.up:
                    for move in list(self.commands(world, device))[:1]:
                        world = move.world
            for flying in sorted(world.flight, key=order):
                world = self.deliver(world, flying)
            for gateway_id in sorted({device.gateway_id for device in world.devices}):
                world = self.sync(world, gateway_id)
            for device in world.devices:
                local = device.live
                if local is not None and local.open and not local.flowed and self.flows(world, device, local):
                    world = with_device(world, screen.take(device, local, "media.flowing"))
            if world == before:
                return world
        raise AssertionError("the model does not come to rest")

    def moves(self, world: World) -> Iterator[Move]:
        """All that can happen next."""
        for device in world.devices:
            if device.up:
                yield from self._gestures(world, device)
                yield from self.commands(world, device)
        for flying in sorted(world.flight, key=order):
            yield Move(f"{_said(flying)} reaches {flying.line}", self.deliver(world, flying))
        for late in sorted(world.lates, key=order):
            yield self.hear_late(world, late)
        yield from self._media(world)
        yield from self._faults(world)
        yield from self._time(world)

    # ------------------------------------------------------------ people

    def _gestures(self, world: World, device: Device) -> Iterator[Move]:
        for key, username in self.configuration.dials:
            if key == device.key and key not in world.dialled and screen.can(device, PLACE):
                now = with_device(world, screen.does(device, PLACE, username))
                yield Move(f"{key} dials @{username}", now._replace(dialled=world.dialled | {key}))
        for verb in ("answer", "decline", "hang_up"):
            if verb in self.configuration.verbs and screen.can(device, verb):
                yield Move(f"{device.key}: {verb}", with_device(world, screen.does(device, verb)))

    # ------------------------------------------------------------ the server

    def commands(self, world: World, device: Device) -> Iterator[Move]:
        """The server takes what a device has said, and its answer comes at once, later, or never."""
        for word in device.words:
            kind = _named(word)
            frame = client_pb2.ClientFrame.FromString(word.frame)
            line = Line(device.user_id, device.key, device.epoch, device.gateway_id)
            tried = world.tried | {word.command_id}
            done = self.pod.command(world.server, line, device.epoch, frame=frame)
            again = word.command_id in world.carried
            after = self._after(world, done)
            after = after._replace(carried=_carried(world, word, done.reply), tried=tried)
            reply = Flying(device.key, done.reply.view, device.epoch, word, done.reply.refused)
            what = f"signaling takes {kind} of {device.key}"
            if word.posted:
                yield Move(what, self.deliver(after, reply), done, again, kind)
            elif kind in AWAITED:
                yield Move(what, after._replace(flight=after.flight | {reply}), done, again, kind)
            else:
                yield Move(f"{what} and answers", self.deliver(after, reply), done, again, kind)
                yield Move(f"{what}; the answer is lost", after, done, again, kind)
            if word.command_id not in world.tried:
                break  # what was said after it waits

    def hear_late(self, world: World, late: Late) -> Move:
        """The server hears of a connection that is gone."""
        device = world.device(late.line)
        line = Line(device.user_id, late.line, late.epoch, late.gateway_id)
        rest = world._replace(lates=world.lates - {late})
        if late.word is not None:
            frame = client_pb2.ClientFrame.FromString(late.word.frame)
            done = self.pod.command(world.server, line, late.epoch, frame=frame)
            again = late.word.command_id in world.carried
            after = self._after(rest, done)._replace(carried=_carried(world, late.word, done.reply))
            what = f"signaling takes {_named(late.word)} of {late.line}, late"
            return Move(what, after, done, again, _named(late.word), late)
        done = self.pod.command(world.server, line, late.epoch, gone=signaling_pb2.Gone())
        after = self._after(rest, done)
        lines = tuple(
            one for one in after.server.lines if not (one.key == late.line and one.epoch == late.epoch)
        )
        return Move(f"{late.line} is said to be gone", _lines(after, lines), done, late=late)

    def sync(self, world: World, gateway_id: str) -> World:
        """A gateway compares, and beats its lines."""
        held = []
        devices = [one for one in world.devices if one.up and one.gateway_id == gateway_id]
        for device in devices:
            calls = [one for one in device.locals if one.call_id and not one.over]
            for local in calls or [Local("")]:
                held.append(
                    signaling_pb2.Held(
                        line=device.key,
                        user_id=device.user_id,
                        call_id=local.call_id,
                        version=local.version,
                        epoch=device.epoch,
                    )
                )
        done = self.pod.sync(world.server, gateway_id, held)
        world = self._after(world, done)
        for device in devices:
            world = with_device(world, screen.beaten(world.device(device.key), frozenset(done.reply.live)))
        return world

    def _after(self, world: World, done: Done) -> World:
        world = world._replace(server=done.server)
        for frame in done.frames:
            world = self._send(world, frame)
        return world

    def _send(self, world: World, frame: Frame) -> World:
        """Puts a frame into flight; one that goes where its line is not any more is lost."""
        for device in world.devices:
            is_there = device.up and frame.gateway_id in (device.gateway_id, "", "*")
            is_meant = frame.user_id == device.user_id and frame.line in ("", device.key)
            if is_there and is_meant:
                data = client_pb2.ServerFrame.FromString(frame.data).call.SerializeToString(
                    deterministic=True
                )
                if frame.gateway_id == "*":
                    world = with_device(world, screen.sees(device, data, world.server.tables.now))
                else:
                    world = world._replace(flight=world.flight | {Flying(device.key, data)})
        return world

    # ------------------------------------------------------------ the network

    def deliver(self, world: World, flying: Flying) -> World:
        """A frame reaches its line, if it is the same line still."""
        device, now = world.device(flying.line), world.server.tables.now
        world = world._replace(flight=world.flight - {flying})
        if not device.up or (flying.epoch and flying.epoch != device.epoch):
            return world
        if flying.word is not None:
            return with_device(world, screen.answered(device, flying.word, flying.data, flying.refused, now))
        return with_device(world, screen.sees(device, flying.data, now))

    def _faults(self, world: World) -> Iterator[Move]:
        for device in world.devices:
            if not device.up:
                for page in ("the same page", "a reloaded page"):
                    yield Move(f"{device.key} is back, {page}", self.back(world, device, page))
            elif world.crashes < self.configuration.crashes and device.key in self.weak:
                yield Move(f"{device.key} goes away without a word", _down(world, device))
        for user_id, other_id in self.configuration.blocks:
            if (user_id, other_id) not in world.blocked:
                done = self.pod.sever(world.server, user_id, other_id)
                blocked = world.blocked | {(user_id, other_id)}
                now = self._after(world, done)._replace(blocked=blocked)
                yield Move(f"{user_id} blocks {other_id}", now, done, word="block")

    def back(self, world: World, device: Device, page: str) -> World:
        """A line is opened again: a new epoch, and the snapshot."""
        if page == "a reloaded page":
            device = screen.reloaded(device)
        elsewhere = "g2" if device.gateway_id == "g1" else "g1"
        device = device._replace(up=True, epoch=device.epoch + 1, gateway_id=elsewhere)
        lines = tuple(one for one in world.server.lines if one.key != device.key)
        mine = Line(device.user_id, device.key, device.epoch, device.gateway_id)
        world = _lines(with_device(world, device), (*lines, mine))
        done = self.pod.command(world.server, mine, mine.epoch, arrived=signaling_pb2.Arrived())
        world = self._after(world, done)
        now = world.server.tables.now
        return with_device(world, screen.welcomed(world.device(device.key), done.reply.calls, now))

    # ------------------------------------------------------------ media and time

    def _media(self, world: World) -> Iterator[Move]:
        for device in world.devices:
            local = device.live
            if local is None or not local.open:
                continue
            if self.flows(world, device, local) and not local.flowed:
                now = with_device(world, screen.take(device, local, "media.flowing"))
                yield Move(f"media reaches {device.key}", now)
            if world.fails < self.configuration.fails:
                now = with_device(world, screen.take(device, local, "media.failed"))
                yield Move(f"media fails at {device.key}", now._replace(fails=world.fails + 1))

    def flows(self, world: World, device: Device, local: Local) -> bool:
        """Whether the two ends of a call have each other's newest description."""
        for other in world.devices:
            theirs = other.local(local.call_id) if other.user_id != device.user_id else None
            if theirs is not None and other.up and theirs.open and local.heard and theirs.heard:
                if (theirs.heard, local.heard) == (local.offered, theirs.offered):
                    return True
        return False

    def _time(self, world: World) -> Iterator[Move]:
        if world.waits < self.configuration.waits:
            now = self.next_moment(world)
            if now < NEVER:
                yield self.wait(world, now)

    def next_moment(self, world: World) -> int:
        """When something is due."""
        now = world.server.tables.now
        calls = [
            row.due_ms
            for (_, row), record in zip(world.server.tables.rows, records(world.server), strict=True)
            if live(record)
        ]
        own = [START_MS + offset for offset in self.configuration.moments]
        clocks = [one.ring_until for device in world.devices for one in device.locals if not one.over]
        return min((one for one in [*calls, *own, *clocks] if one > now), default=NEVER)

    def wait(self, world: World, now: int) -> Move:
        """Time passes: leases end, the sweeper looks, every page looks at its clock."""
        waited = now - world.server.tables.now
        gone = {one.key for one in world.devices if not one.up} if waited >= LEASE_MS else set()
        world = _lines(world, tuple(one for one in world.server.lines if one.key not in gone))
        tables = world.server.tables._replace(now=now)
        done = self.pod.sweep(world.server._replace(tables=tables))
        world = self._after(world, done)._replace(waits=world.waits + 1)
        for device in world.devices:
            world = with_device(world, screen.ticked(world.device(device.key), now))
        return Move(f"{waited / 1000:g} s pass", world, done)


def _down(world: World, device: Device) -> World:
    lates = {Late(device.key, device.epoch, device.gateway_id, word) for word in device.words}
    gone = Late(device.key, device.epoch, device.gateway_id)
    said = tuple(word for word in device.words if not word.posted)
    world = with_device(world, device._replace(up=False, words=said))
    flight = frozenset(one for one in world.flight if one.line != device.key or one.word is None)
    return world._replace(flight=flight, lates=world.lates | lates | {gone}, crashes=world.crashes + 1)


def with_device(world: World, device: Device) -> World:
    if world.device(device.key) is device:
        return world
    return world._replace(devices=tuple(device if one.key == device.key else one for one in world.devices))


def _lines(world: World, lines: tuple[Line, ...]) -> World:
    return world._replace(server=world.server._replace(lines=lines))


def _carried(world: World, word: Word, reply: Reply) -> frozenset[str]:
    return world.carried if reply.refused else world.carried | {word.command_id}


def _named(word: Word) -> str:
    return str(client_pb2.ClientFrame.FromString(word.frame).WhichOneof("body"))


def _said(flying: Flying) -> str:
    if flying.word is not None:
        return f"the answer to {_named(flying.word)}" + (f" ({flying.refused})" if flying.refused else "")
    call = screen.call_of(flying.data)
    return f"a view ({client_pb2.Phase.Name(call.phase)[6:].lower()}, version {call.version})"
