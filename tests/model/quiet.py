"""What has no effect any more is taken out of the world: worlds that differ by it alone are one."""

from __future__ import annotations

from typing import NamedTuple

from services.signaling.record import live
from tests.model import device as screen
from tests.model.local import Device, Local, Word, about, call_of
from tests.model.server import records
from tests.model.stage import AWAITED, Stage
from tests.model.world import Echo, Flying, Late, World, kind_of, with_device


class Stale(NamedTuple):
    """What can change nothing any more: frames, and commands about calls that are over on both ends."""

    frames: frozenset[Flying]
    words: frozenset[Late]


def tidied(stage: Stage, world: World) -> tuple[World, Stale]:
    """The world without what can change nothing any more; and that."""
    frames = frozenset(one for one in world.flight if _is_stale(stage, world, one))
    words: set[Late] = set()
    over = frozenset(one.call_id for one in records(world.server) if not live(one))
    echoes = frozenset(one for one in world.echoes if not _is_over(world.device(one.line), one.word, over))
    words |= {_late(world.device(one.line), one.word) for one in world.echoes - echoes}
    for device in world.devices:
        now, idle = _device(device, over), [word for word in device.words if _is_over(device, word, over)]
        heard = [word for word in device.words if word not in idle and _is_heard(world, device, word)]
        echoes |= {Echo(device.key, word) for word in heard}
        words |= {_late(device, word) for word in idle}
        if idle or heard:
            now = now._replace(words=tuple(one for one in now.words if one not in idle and one not in heard))
        world = with_device(world, now) if now is not device else world
    waited = {word.command_id for device in world.devices for word in device.words}
    said = waited | {late.word.command_id for late in world.lates if late.word is not None}
    said |= {echo.word.command_id for echo in echoes}
    world = world._replace(
        flight=world.flight - frames, echoes=echoes, carried=world.carried & said, tried=world.tried & waited
    )
    return world, Stale(frames, frozenset(words))


def _late(device: Device, word: Word) -> Late:
    return Late(device.key, device.epoch, device.gateway_id, word)


def _device(device: Device, over: frozenset[str]) -> Device:
    """A call that is over on a page is nothing but over; of the newest view of any other all is known."""
    locals_ = tuple(
        Local(one.call_id, one.state) if one.over else one._replace(view=b"") for one in device.locals
    )
    return device if locals_ == device.locals else device._replace(locals=locals_)


def _is_over(device: Device, word: Word, over: frozenset[str]) -> bool:
    if not over:
        return False
    call_id = about(word)
    local = device.local(call_id)
    return call_id in over and (local is None or local.over)


def _is_heard(world: World, device: Device, word: Word) -> bool:
    """Whether nothing depends on the answer to a command any more."""
    return kind_of(word) in AWAITED and word.command_id in world.tried and not screen.awaits(device, word)


def _is_stale(stage: Stage, world: World, flying: Flying) -> bool:
    device = world.device(flying.line)
    if flying.word is not None:
        return flying.word not in device.words or flying.epoch != device.epoch
    call = call_of(flying.data)
    local = device.local(call.call_id)
    if local is None or local.state == "new":
        return False
    if local.over or call.version < local.version:
        return True
    if call.ring_left_ms and stage.configuration.waits:
        return False  # the same view may move the end of the ring
    # What it has just seen, again: nothing that it does until it sees something newer makes this view news.
    return call.version == local.version and screen.sees(device, flying.data, world.server.tables.now) == (
        _put_view(device, local, flying.data)
    )


def _put_view(device: Device, local: Local, view: bytes) -> Device:
    now = tuple(one._replace(view=view) if one is local else one for one in device.locals)
    return device._replace(locals=now)


def still(world: World) -> World:
    """The world when everything in flight is lost, as far as it matters to how it goes on without anybody."""
    return World(world.server, world.devices)
