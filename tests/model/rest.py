"""What must be so in the end: liveness, looked at from every state, as if nobody did anything more."""

from __future__ import annotations

from collections.abc import Iterator

from ringline.v1 import signaling_pb2
from services.signaling.record import CALLEE, CALLER, Phase, bound, live, phase
from tests.model import device as screen
from tests.model.local import Device, Local
from tests.model.properties import Found
from tests.model.server import records, row_of
from tests.model.stage import Stage
from tests.model.store import record_of
from tests.model.world import World, with_device

GENTLE_MS = 120_000
"""By then every call is over that nobody is in: 45 s to connect, 45 s of absence, and the looks between."""


def unsettled(stage: Stage, world: World, returning: bool) -> Iterator[Found]:
    """What is still wrong when nobody does anything more, what was in flight is lost, and all is whole again.

    `returning` says that lines which are away come back, with their pages.
    """
    for device in world.devices:
        if device.up and stage.is_revoked(world, device):
            world = stage.closed(world, device)
    if returning:
        for device in world.devices:
            if not device.up and not stage.is_revoked(world, device):
                world, _ = stage.back(world, device, "the same page")
    latest = world.server.tables.now + GENTLE_MS
    while world.server.tables.now < latest:
        world = _bare(stage.calm(world))
        if world in stage.settled:
            return  # from here on it was looked at before
        stage.settled.add(world)
        yield from _parted(world)
        yield from _on_screens(world)
        if not any(live(record) for record in records(world.server)) or _all_talk(world):
            break
        world = _silent(stage.wait(world, stage.next_moment(world)).world)
    else:
        yield "L2", "a call neither ends nor connects"
    world = stage.calm(world)
    yield from _at_rest(world)


def _bare(world: World) -> World:
    """The world without what nobody takes any more, once all is said."""
    locals_ = [tuple(one._replace(view=b"") for one in device.locals) for device in world.devices]
    devices = tuple(one._replace(locals=kept) for one, kept in zip(world.devices, locals_, strict=True))
    return World(world.server, devices)


def _silent(world: World) -> World:
    """By now whoever hears nothing of the other side says so."""
    for device in world.devices:
        for local in device.lives if device.up else ():
            if local.bound and len(_ends(world, local.call_id)) < 2:
                world = with_device(world, screen.take(world.device(device.key), local, "media.failed"))
    return world


def _ends(world: World, call_id: str) -> list[str]:
    """The lines that are there and have media open in a call."""
    open_ = [(one.key, one.local(call_id)) for one in world.devices if one.up]
    return [key for key, local in open_ if local is not None and local.bound]


def _parted(world: World) -> Iterator[Found]:
    """Two whose lines are there and whose network is whole hear each other at once."""
    if any(device.mute for device in world.devices):
        return  # nobody says how to be reached: such a call ends by itself
    for record in records(world.server):
        if phase(record) is not Phase.TALKING or record.connected_at_ms:
            continue
        lines = [leg.line for member in record.members for leg in [bound(member)] if leg is not None]
        if len(lines) == 2 and all(world.device(line).up for line in lines):
            yield "L2", f"{' and '.join(lines)} are not brought together"


def talking(world: World) -> bool:
    """Whether some call has a bound line on both sides."""
    return any(live(one) and all(bound(member) for member in one.members) for one in records(world.server))


def _all_talk(world: World) -> bool:
    if not talking(world):
        return False
    if any(one.bound and not one.flowed for device in world.devices if device.up for one in device.lives):
        return False
    return all(
        all(member.flowing for member in record.members) and record.connected_at_ms
        for record in records(world.server)
        if live(record)
    )


def _on_screens(world: World) -> Iterator[Found]:
    now = world.server.tables.now
    for record in records(world.server):
        if phase(record) is Phase.RINGING and now > record.ring_until_ms + 5_000:
            yield "L1", f"{record.call_id} rings for ever"
    for device in world.devices:
        for local in device.locals:
            if device.up and local.state == "incoming":
                rung = record_of(row_of(world.server, local.call_id))
                if now > rung.ring_until_ms + 5_000:
                    yield "L1", f"{device.key} rings for ever"
                if phase(rung) is not Phase.RINGING:
                    yield "L3", f"{device.key} rings, and the call is {phase(rung)}"


def _at_rest(world: World) -> Iterator[Found]:
    for device in world.devices:
        if not device.up:
            continue
        for local in device.locals:
            record = record_of(row_of(world.server, local.call_id)) if local.call_id else None
            if record is None:
                if not local.over:
                    yield "L4", f"{device.key} waits for an answer that does not come"
            elif not live(record) and not local.over:
                yield "L4", f"{device.key} is not told that {record.call_id} is over: {local.state}"
            elif live(record) and phase(record) is Phase.TALKING:
                mine = [leg.line for member in record.members for leg in [bound(member)] if leg is not None]
                on_hold = any(member.holds for member in record.members)
                if device.key in mine and not on_hold and local.state != "connected":
                    number = "S9" if local.state in ("holding", "held") else "L2"
                    yield number, f"{device.key} is in the call and {local.state}"
                if device.key in mine and on_hold:
                    yield from _agree(record, device, local)
                if device.key not in mine and not local.over:
                    yield "L4", f"{device.key} is not in the call and {local.state}"


def _agree(record: signaling_pb2.CallRecord, device: Device, local: Local) -> Iterator[Found]:
    """A call on hold is silent on both ends, and both know who can take it back."""
    side = CALLER if record.members[CALLER].profile.user_id == device.user_id else CALLEE
    if not local.bound or local.open:
        yield "S9", f"{device.key} is in a call on hold and {local.state}"
    if (local.holds, local.peer_holds) != (record.members[side].holds, record.members[1 - side].holds):
        yield "S9", f"{device.key} does not know who holds the call"
    if local.on_hold and not record.members[side].holds:
        yield "S9", f"the server does not know that {device.key} holds the call"
