"""What can happen next in a world."""

from __future__ import annotations

from collections.abc import Iterator

from ringline.v1 import client_pb2, signaling_pb2
from services.signaling.record import device_of, live
from tests.model import device as screen
from tests.model.gestures import gestures, places
from tests.model.local import NEVER, Device, Local, Word, call_of
from tests.model.server import Done, Frame, Line, Pod, Reply, Server, records
from tests.model.store import Tables
from tests.model.world import (
    START_MS,
    Configuration,
    Echo,
    Flying,
    Late,
    Move,
    World,
    kind_of,
    order,
    said_of,
    with_device,
    with_lines,
)

LEASE_MS = 6_000
TOGGLES = ("hold", "resume", "hold and answer")
AWAITED = ("place", "answer", "hold")
"""Commands whose answers matter: to all others the answer is one more view."""


class Stage:
    """The moves of a configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.pod = Pod(configuration.verdict(), configuration.knows_lines)
        self.settled: set[World] = set()
        """Worlds from which all goes well when nobody does anything more."""

    def close(self) -> None:
        """Ends the pod."""
        self.pod.close()

    def first(self) -> World:
        """The world in which nothing has happened."""
        mute = self.configuration.mute
        devices = tuple(Device(line, user, at, mute=mute) for user, line, at in self.configuration.lines)
        lines = tuple(Line(one.user_id, one.key, one.epoch, one.gateway_id) for one in devices)
        world = World(Server(Tables(START_MS), lines), devices)
        if self.configuration.begins:
            (key, username), *_ = self.configuration.dials
            dialling = places(world.device(key), username)
            assert dialling is not None
            world = self.calm(with_device(world, dialling)._replace(dialled=frozenset({key})))
        if self.configuration.begins == "talking":
            callee = next(one for one in world.devices if one.lives and one.key != key)
            for _, _, answering in gestures(callee, frozenset({"answer"})):
                world = self.calm(with_device(world, answering))
            # That what was said until here is heard again is explored where they begin to talk.
            world = world._replace(echoes=frozenset())
        return world

    def calm(self, world: World) -> World:
        """Everything that is said is heard, in order, until nothing more is said."""
        for _ in range(40):
            before = world
            for device in world.devices:
                if device.up:
                    move = next(self.commands(world, device), None)
                    world = move.world if move is not None else world
            for flying in sorted(world.flight, key=order):
                world = self.deliver(world, flying)
            for gateway_id in sorted({device.gateway_id for device in world.devices}):
                world = self.sync(world, gateway_id)
            for device in world.devices:
                for local in world.device(device.key).lives:
                    if local.bound and not local.flowed and self.flows(world, device, local):
                        flowing = screen.take(world.device(device.key), local, "media.flowing")
                        world = with_device(world, flowing)
            if world == before:
                return world
        raise AssertionError("the model does not come to rest")

    def moves(self, world: World) -> Iterator[Move]:
        """All that can happen next."""
        for device in world.devices:
            if device.up:
                yield from self._gestures(world, device)
                yield from self.commands(world, device)
        yield from self.echoed(world)
        for flying in sorted(world.flight, key=order):
            yield Move(f"{said_of(flying)} reaches {flying.line}", self.deliver(world, flying))
        for late in sorted(world.lates, key=order):
            yield self.hear_late(world, late)
        yield from self._media(world)
        yield from self._faults(world)
        yield from self._time(world)

    # ------------------------------------------------------------ people

    def _gestures(self, world: World, device: Device) -> Iterator[Move]:
        for key, username in self.configuration.dials:
            if key == device.key and key not in world.dialled:
                dialling = places(device, username)
                if dialling is not None:
                    now = with_device(world, dialling)
                    yield Move(f"{key} dials @{username}", now._replace(dialled=world.dialled | {key}))
        for verb, call_id, after in gestures(device, self.configuration.verbs):
            toggles = world.toggles + int(verb in TOGGLES)
            if toggles <= self.configuration.toggles:
                which = f" {call_id}" if len(device.lives) > 1 else ""
                yield Move(
                    f"{device.key}: {verb}{which}", with_device(world, after)._replace(toggles=toggles)
                )

    # ------------------------------------------------------------ the server

    def commands(self, world: World, device: Device) -> Iterator[Move]:
        """The server takes what a device has said; the answer is one more frame on its way."""
        for word in device.words:
            kind = kind_of(word)
            done, again, after = self._take(world, device, word)
            view, refused = done.reply.view, done.reply.refused
            if kind in AWAITED:
                reply = Flying(device.key, view, device.epoch, word, refused)
                after = after._replace(flight=after.flight | {reply}, tried=world.tried | {word.command_id})
            else:
                rest = tuple(one for one in device.words if one is not word)
                after = with_device(after, after.device(device.key)._replace(words=rest))
                if not word.posted:
                    after = after._replace(echoes=after.echoes | {Echo(device.key, word)})
                    after = self._reply(after, device, view)
            yield Move(f"signaling takes {kind} of {device.key}", after, done, again, kind, by=device.key)
            if word.command_id not in world.tried:
                break  # what was said after it waits

    def echoed(self, world: World) -> Iterator[Move]:
        """The server hears again what it has heard."""
        for echo in sorted(world.echoes, key=order):
            device = world.device(echo.line)
            if device.up:
                done, again, after = self._take(world, device, echo.word)
                after = self._reply(after, device, done.reply.view)
                kind = kind_of(echo.word)
                what = f"signaling takes {kind} of {device.key} again"
                yield Move(what, after, done, again, kind, by=device.key)

    def _take(self, world: World, device: Device, word: Word) -> tuple[Done, bool, World]:
        frame = client_pb2.ClientFrame.FromString(word.frame)
        line = Line(device.user_id, device.key, device.epoch, device.gateway_id)
        done = self.pod.command(world.server, line, device.epoch, frame=frame)
        after = self._after(world, done)._replace(carried=_carried(world, word, done.reply))
        return done, word.command_id in world.carried, after

    def _reply(self, world: World, device: Device, view: bytes) -> World:
        """The answer to a command for which nobody waits: a view like any other."""
        is_known = view and device.local(call_of(view).call_id) is not None
        return world._replace(flight=world.flight | {Flying(device.key, view)}) if is_known else world

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
            what = f"signaling takes {kind_of(late.word)} of {late.line}, late"
            return Move(what, after, done, again, kind_of(late.word), late, late.line)
        done = self.pod.command(world.server, line, late.epoch, gone=signaling_pb2.Gone())
        after = self._after(rest, done)
        lines = tuple(
            one for one in after.server.lines if not (one.key == late.line and one.epoch == late.epoch)
        )
        return Move(f"{late.line} is said to be gone", with_lines(after, lines), done, late=late)

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
            if self.is_revoked(world, device):
                if device.up:
                    yield Move(f"{device.key} is closed", self.closed(world, device))
            elif not device.up:
                for page in ("the same page", "a reloaded page"):
                    now, done = self.back(world, device, page)
                    yield Move(f"{device.key} is back, {page}", now, done, back=device.key)
            elif world.crashed.count(device.key) < self.configuration.weak.count(device.key):
                crashed = tuple(sorted((*world.crashed, device.key)))
                now = _down(world, device)._replace(crashed=crashed)
                yield Move(f"{device.key} goes away without a word", now)
        for user_id, other_id in self.configuration.blocks:
            if (user_id, other_id) not in world.blocked:
                done = self.pod.sever(world.server, user_id, other_id)
                blocked = world.blocked | {(user_id, other_id)}
                now = self._after(world, done)._replace(blocked=blocked)
                yield Move(f"{user_id} blocks {other_id}", now, done, word="block")

        for key in self.configuration.revokes:
            device = world.device(key)
            if not self.is_revoked(world, device):
                done = self.pod.drop(world.server, device.user_id, device_of(key))
                yield Move(f"the device of {key} is revoked", self._after(world, done), done, word="revoke")

    def is_revoked(self, world: World, device: Device) -> bool:
        """Whether the device of a line was revoked."""
        return (device.user_id, device_of(device.key)) in world.server.tables.revoked

    def closed(self, world: World, device: Device) -> World:
        """The gateway closes the line of a revoked device for good: the page leaves its calls."""
        world = _down(world, device)
        return with_device(world, screen.reloaded(world.device(device.key)))

    def back(self, world: World, device: Device, page: str) -> tuple[World, Done]:
        """A line is opened again: a new epoch, and the snapshot, which is what the server did."""
        if page == "a reloaded page":
            device = screen.reloaded(device)
            echoes = frozenset(one for one in world.echoes if one.line != device.key)
            world = world._replace(echoes=echoes)
        elsewhere = "g2" if device.gateway_id == "g1" else "g1"
        device = device._replace(up=True, epoch=device.epoch + 1, gateway_id=elsewhere)
        lines = tuple(one for one in world.server.lines if one.key != device.key)
        mine = Line(device.user_id, device.key, device.epoch, device.gateway_id)
        world = with_lines(with_device(world, device), (*lines, mine))
        done = self.pod.command(world.server, mine, mine.epoch, arrived=signaling_pb2.Arrived())
        world = self._after(world, done)
        now = world.server.tables.now
        return with_device(world, screen.welcomed(world.device(device.key), done.reply.calls, now)), done

    # ------------------------------------------------------------ media and time

    def _media(self, world: World) -> Iterator[Move]:
        for device in world.devices:
            for local in device.lives:
                if not local.bound:
                    continue
                if self.flows(world, device, local) and not local.flowed:
                    now = with_device(world, screen.take(device, local, "media.flowing"))
                    yield Move(f"media reaches {device.key}", now)
                if world.fails < self.configuration.fails:
                    now = with_device(world, screen.take(device, local, "media.failed"))
                    yield Move(f"media fails at {device.key}", now._replace(fails=world.fails + 1))

    def flows(self, world: World, device: Device, local: Local) -> bool:
        """Whether the two ends of a call have each other's newest description."""
        if device.mute:
            return False
        for other in world.devices:
            theirs = other.local(local.call_id) if other.user_id != device.user_id else None
            if theirs is not None and other.up and theirs.bound and local.heard and theirs.heard:
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
        world = with_lines(world, tuple(one for one in world.server.lines if one.key not in gone))
        tables = world.server.tables._replace(now=now)
        done = self.pod.sweep(world.server._replace(tables=tables))
        world = self._after(world, done)._replace(waits=world.waits + 1)
        for device in world.devices:
            world = with_device(world, screen.ticked(world.device(device.key), now))
        return Move(f"{waited / 1000:g} s pass", world, done)


def _down(world: World, device: Device) -> World:
    """A line goes away; what it has said may still be heard, and so may that it is gone."""
    said = {*device.words, *(one.word for one in world.echoes if one.line == device.key)}
    lates = {Late(device.key, device.epoch, device.gateway_id, word) for word in said}
    gone = Late(device.key, device.epoch, device.gateway_id)
    kept = tuple(word for word in device.words if not word.posted)
    world = with_device(world, device._replace(up=False, words=kept))
    flight = frozenset(one for one in world.flight if one.line != device.key)
    return world._replace(flight=flight, lates=world.lates | lates | {gone})


def _carried(world: World, word: Word, reply: Reply) -> frozenset[str]:
    return world.carried if reply.refused else world.carried | {word.command_id}
