"""Opaque, prefixed, time-ordered ids.

An id is its prefix and 26 characters: 128 bits (48 of Unix milliseconds, 80 random) in lower-case base32hex
(RFC 4648 section 7), so that ids sort by the time they were made and indexes grow at one end. Nobody reads
the time out of an id: it is opaque to everybody else.
"""

import os
import re
import time
from base64 import b32hexencode
from typing import NewType

UserId = NewType("UserId", str)
DeviceId = NewType("DeviceId", str)
CallId = NewType("CallId", str)
GatewayId = NewType("GatewayId", str)
EventId = NewType("EventId", str)
TicketId = NewType("TicketId", str)
BugId = NewType("BugId", str)
LineId = NewType("LineId", str)

_PREFIX = re.compile(r"[a-z]{1,4}_")
_ID = re.compile(r"[a-z]{1,4}_[0-9a-v]{26}[0-9a-z]{0,8}")
_INSTANCE = re.compile(r"[A-Za-z0-9_-]{8,32}")


def mint(prefix: str) -> str:
    """A new id: `prefix` (such as "u_") and 26 characters.

    >>> mint("u_")  # doctest: +SKIP
    'u_0ck6p9v2l8...'
    """
    stamp = (time.time_ns() // 1_000_000).to_bytes(6, "big")
    return prefix + b32hexencode(stamp + os.urandom(10)).decode("ascii").rstrip("=").lower()


def mint_user() -> UserId:
    """A new id of a user, prefix "u_"."""
    return UserId(mint("u_"))


def mint_device() -> DeviceId:
    """A new id of a device, prefix "d_"."""
    return DeviceId(mint("d_"))


def mint_call() -> CallId:
    """A new id of an attempt to call, prefix "c_"; signaling appends digits of the pair's hash."""
    return CallId(mint("c_"))


def attempt_of(call_id: str) -> CallId:
    """The id of the attempt from which a call came: the call's, without the digits of the pair's hash."""
    return CallId(call_id[:28])


def mint_gateway() -> GatewayId:
    """A new id of a gateway process, prefix "g_"; minted at each start."""
    return GatewayId(mint("g_"))


def mint_event() -> EventId:
    """A new id of an event, prefix "e_"."""
    return EventId(mint("e_"))


def mint_ticket() -> TicketId:
    """A new id of a ticket, prefix "t_"."""
    return TicketId(mint("t_"))


def is_id(text: str, prefix: str = "") -> bool:
    """Whether `text` has the form of an id, and of this prefix where one is given."""
    return text.startswith(prefix) and _ID.fullmatch(text) is not None


def is_instance(text: str) -> bool:
    """Whether `text` may be an instance: 8 to 32 characters of [A-Za-z0-9_-], chosen by the client."""
    return _INSTANCE.fullmatch(text) is not None


def line_id(device: DeviceId, instance: str) -> LineId:
    """The line of one instance of a device: `device.instance`.

    Raises ValueError where the instance is malformed.
    """
    if not is_instance(instance):
        raise ValueError("an instance is 8 to 32 characters of [A-Za-z0-9_-]")
    return LineId(f"{device}.{instance}")


def split_line(line: LineId) -> tuple[DeviceId, str]:
    """The device and the instance of a line. Raises ValueError where the line is malformed."""
    device, _, instance = line.partition(".")
    if not is_id(device, "d_") or not is_instance(instance):
        raise ValueError("a line is a device's id, a dot and an instance")
    return DeviceId(device), instance
