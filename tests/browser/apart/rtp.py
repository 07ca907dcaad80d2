"""The sound in a capture: RTP packets (RFC 3550), also as a relay passes them on (RFC 8656). Pure."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.browser.apart.packets import UDP, Packet, attributes

OPUS = 111
"""The payload type that every browser gives to the sound of a call."""
_DATA = 0x0013
_AROUND = 1 << 16


@dataclass(frozen=True)
class Sound:
    """One packet of sound. `at` is when it passed, in Unix seconds."""

    at: float
    source: int
    sequence: int
    by: str
    to: str
    """The hosts between which it passed: the other person or the relay, and one's own address."""


def sound_at(packets: Iterable[Packet], addresses: Sequence[str]) -> list[Sound]:
    """The packets of sound that arrived at these addresses, in order."""
    found = []
    for packet in packets:
        if packet.protocol == UDP and packet.target in addresses:
            payload = _unwrapped(packet.payload)
            if len(payload) >= 12 and payload[0] >> 6 == 2 and payload[1] & 0x7F == OPUS:
                sequence, source = struct.unpack_from("!H4xI", payload, 2)
                found.append(Sound(packet.at, source, sequence, packet.source, packet.target))
    return found


def _unwrapped(payload: bytes) -> bytes:
    if len(payload) >= 4 and payload[0] >> 6 == 1:  # ChannelData
        return payload[4:]
    return next((value for kind, value in attributes(payload) if kind == _DATA), payload)


def missing(sounds: Sequence[Sound]) -> int:
    """How many packets between the first and the last of each source never came."""
    numbers: dict[int, list[int]] = {}
    for sound in sounds:
        known = numbers.setdefault(sound.source, [sound.sequence])
        ahead = (sound.sequence - known[-1] + _AROUND // 2) % _AROUND - _AROUND // 2
        known.append(known[-1] + ahead)
    return sum(max(those) - min(those) + 1 - len(set(those)) for those in numbers.values())


def longest_silence(sounds: Sequence[Sound]) -> float:
    """Seconds between two packets, of whatever source, where they are furthest apart."""
    moments = sorted(sound.at for sound in sounds)
    return max((after - before for before, after in zip(moments, moments[1:], strict=False)), default=0.0)
