"""What a user can do, as calls.ts offers it: at most one call is talked in, one on hold, one waits (S8)."""

from __future__ import annotations

from collections.abc import Iterator

from ringline.v1 import client_pb2
from tests.model.device import say, take, wish
from tests.model.local import STATES, Device, Local
from tests.model.server import AUDIO

Gesture = tuple[str, str, Device]
"""Its name, the call, and the device after it."""


def places(device: Device, username: str) -> Device | None:
    """The user dials; None where this device has no room for it."""
    if any(not one.on_hold for one in device.lives) or len(device.lives) > 1:
        return None
    frame = client_pb2.ClientFrame(place=client_pb2.Place(username=username, kinds=AUDIO))
    return say(device._replace(locals=(*device.locals, Local("", "dialling"))), frame)


def gestures(device: Device, verbs: frozenset[str]) -> Iterator[Gesture]:
    """All that the page offers now, of these verbs."""
    for local in device.lives:
        for verb in ("decline", "hang_up"):
            if verb in verbs and _has(local, verb):
                yield verb, local.call_id, take(device, local, f"user.{verb}")
        if "answer" in verbs and local.state == "incoming":
            yield from _answers(device, local, verbs)
        if "hold" in verbs and _may_hold(device, local):
            yield "hold", local.call_id, _hold(device, local)
        if "resume" in verbs and may_resume(device, local):
            other = device.other(local)
            if other is None or _may_hold(device, other):
                held = _hold(device, other) if other is not None else device
                now = held.local(local.call_id)
                if now is not None and held.room(now.call_id) == "talk":
                    held = wish(held, now, False)
                    resumed = take(held, held.local(local.call_id) or now, "user.resume")
                    yield "resume", local.call_id, resumed


def _answers(device: Device, local: Local, verbs: frozenset[str]) -> Iterator[Gesture]:
    other = device.other(local)
    if other is None:
        yield "answer", local.call_id, _answer(device, local.call_id)
        return
    if "hold" in verbs and _may_hold(device, other):
        yield "hold and answer", local.call_id, _answer(_hold(device, other), local.call_id)
    if "hang_up" in verbs and _has(other, "hang_up"):
        yield "end and answer", local.call_id, _answer(take(device, other, "user.hang_up"), local.call_id)


def _answer(device: Device, call_id: str) -> Device:
    local = device.local(call_id)
    if local is None or not _has(local, "answer") or device.room(call_id) != "talk":
        return device
    return take(device._replace(consents=device.consents | {call_id}), local, "user.answer")


def _hold(device: Device, local: Local) -> Device:
    held = wish(device, local, True)
    return take(held, held.local(local.call_id) or local, "user.hold")


def _has(local: Local, verb: str) -> bool:
    return f"user.{verb}" in STATES[local.state]["on"]


def _may_hold(device: Device, local: Local) -> bool:
    others = [one for one in device.locals if one is not local and one.on_hold]
    return _has(local, "hold") and not may_resume(device, local) and not others


def may_resume(device: Device, local: Local) -> bool:
    """Whether it is this user who can end the silence."""
    if local.state != "held" or local.on_hold:
        return local.on_hold
    return not device.telling(local.call_id) and (local.holds or not local.peer_holds)
