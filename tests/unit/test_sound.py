"""The judge of the sound in a capture: what it counts, and what it misses."""

import struct

from tests.browser.apart.packets import UDP, Packet
from tests.browser.apart.rtp import OPUS, Sound, longest_silence, missing, sound_at

ADA, BOB, RELAY = "198.51.100.10", "203.0.113.10", "198.51.100.200"
COOKIE = 0x2112A442


def datagram(payload: bytes, source: str = ADA, at: float = 0.0) -> Packet:
    """A datagram to Bob."""
    return Packet(at, UDP, source, 4000, BOB, 5000, 0, payload)


def rtp(sequence: int, payload_type: int = OPUS) -> bytes:
    """An RTP packet."""
    return struct.pack("!BBHII", 0x80, payload_type, sequence, 960, 77) + b"sealed"


def through_the_relay(payload: bytes) -> bytes:
    """The same in a Data indication."""
    attribute = struct.pack("!HH", 0x0013, len(payload)) + payload + bytes(-len(payload) % 4)
    return struct.pack("!HHI12s", 0x0017, len(attribute), COOKIE, b"transaction!") + attribute


def sounds(*numbers: int, source: int = 77) -> list[Sound]:
    """Packets of one source with these numbers, 20 ms apart."""
    return [Sound(n * 0.02, source, number, ADA, BOB) for n, number in enumerate(numbers)]


def test_sound_is_found_as_it_is_and_as_a_relay_passes_it_on() -> None:
    channel = struct.pack("!HH", 0x4001, len(rtp(3))) + rtp(3)
    packets = [
        datagram(rtp(1)),
        datagram(through_the_relay(rtp(2)), RELAY),
        datagram(channel, RELAY),
    ]
    found = sound_at(packets, [BOB])
    assert [(one.sequence, one.by) for one in found] == [(1, ADA), (2, RELAY), (3, RELAY)]


def test_pictures_reports_and_what_went_elsewhere_are_no_sound() -> None:
    packets = [
        datagram(rtp(1, 96)),
        datagram(rtp(2, 200 - 128)),
        datagram(through_the_relay(b"")),
        datagram(b""),
    ]
    assert sound_at(packets, [BOB]) == []
    assert sound_at([datagram(rtp(1))], [ADA]) == []


def test_packets_that_never_came_are_missed_and_those_that_came_late_are_not() -> None:
    assert missing(sounds(5, 6, 8, 7)) == 0
    assert missing(sounds(5, 6, 9)) == 2
    assert missing(sounds(65_534, 65_535, 0, 2)) == 1
    assert missing(sounds(5, 6, 6, 7)) == 0
    assert missing([*sounds(5, 6), *sounds(900, 902, source=78)]) == 1, "another source has its own numbers"


def test_the_longest_silence_is_between_any_two_packets() -> None:
    assert longest_silence([]) == 0.0
    late = [*sounds(1, 2), Sound(1.02, 78, 1, ADA, BOB)]
    assert round(longest_silence(late), 3) == 1.0
