"""What has no effect any more is taken out of the world: worlds that differ by it alone are one."""

from __future__ import annotations

from typing import NamedTuple

from ringline.v1 import client_pb2
from services.signaling.record import live
from tests.model import device as screen
from tests.model.device import Device, Word
from tests.model.server import records
from tests.model.world import Flying, Late, World, with_device


class Stale(NamedTuple):
    """What can change nothing any more: frames, and commands about calls that are over on both ends."""

    frames: frozenset[Flying]
    words: frozenset[Late]


def tidied(world: World) -> tuple[World, Stale]:
    """The world without what can change nothing any more; and that."""
    frames = frozenset(one for one in world.flight if _is_stale(world.device(one.line), one))
    words = set()
    if any(device.words for device in world.devices):
        over = frozenset(one.call_id for one in records(world.server) if not live(one))
        for device in world.devices if over else ():
            idle = {word for word in device.words if _is_over(device, word, over)}
            if idle:
                rest = tuple(word for word in device.words if word not in idle)
                world = with_device(world, device._replace(words=rest))
                words |= {Late(device.key, device.epoch, device.gateway_id, word) for word in idle}
    said = {word.command_id for device in world.devices for word in device.words}
    said |= {late.word.command_id for late in world.lates if late.word is not None}
    carried, tried = world.carried & said, world.tried & said
    if frames or carried != world.carried or tried != world.tried:
        world = world._replace(flight=world.flight - frames, carried=carried, tried=tried)
    return world, Stale(frames, frozenset(words))


def _is_over(device: Device, word: Word, over: frozenset[str]) -> bool:
    frame = client_pb2.ClientFrame.FromString(word.frame)
    call_id = getattr(getattr(frame, str(frame.WhichOneof("body"))), "call_id", "")
    local = device.local(call_id)
    return call_id in over and (local is None or local.over)


def _is_stale(device: Device, flying: Flying) -> bool:
    if flying.word is not None:
        return flying.word not in device.words or flying.epoch != device.epoch
    call = screen.call_of(flying.data)
    local = device.local(call.call_id)
    if local is None:
        return False
    return call.version < local.version or (local.over and call.phase == client_pb2.PHASE_ENDED)


def still(world: World) -> World:
    """The world when everything in flight is lost, as far as it matters to how it goes on without anybody."""
    nothing: frozenset[str] = frozenset()
    return world._replace(
        flight=frozenset(), dialled=nothing, blocked=frozenset(), carried=nothing, crashes=0, fails=0, waits=0
    )
