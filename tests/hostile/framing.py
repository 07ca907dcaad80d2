"""Byte streams after the upgrade that no client sends, from a seed: each with the name of what is wrong."""

from collections.abc import Callable
from random import Random

from tests.hostile.wire import BINARY, CLOSE, PING, PONG, TEXT, framed

CONTROLS = (CLOSE, PING, PONG)
LONGEST = 65_536


def opcode(dice: Random) -> bytes:
    """An opcode that does not exist."""
    return framed(dice.randbytes(5), dice.choice((3, 4, 5, 6, 7, 11, 12, 13, 14, 15)))


def reserved(dice: Random) -> bytes:
    """Bits that belong to extensions nobody agreed on."""
    return framed(dice.randbytes(5), dice.choice((BINARY, TEXT, PING)), rsv=dice.randint(1, 7))


def unmasked(dice: Random) -> bytes:
    """A client that does not mask."""
    return framed(dice.randbytes(dice.randint(0, 200)), dice.choice((BINARY, TEXT, *CONTROLS)), mask=None)


def text(dice: Random) -> bytes:
    """Text, valid or not."""
    return framed(dice.choice((b"hello", b"\xff\xfe", b"\xed\xa0\x80", b"")), TEXT)


def lone_piece(dice: Random) -> bytes:
    """The rest of a message that never began, or a new one before the old one's end."""
    if dice.random() < 0.5:
        return framed(b"x", 0, fin=dice.random() < 0.5)
    return framed(b"x", BINARY, fin=False) + framed(b"y", dice.choice((BINARY, TEXT)))


def pieces(dice: Random) -> bytes:
    """A message in a great many pieces, with pings between them."""
    data = framed(b"a", BINARY, fin=False)
    for _ in range(dice.choice((3, 63, 64, 65, 300))):
        data += framed(b"b" * dice.randint(0, 3), 0, fin=False)
        if dice.random() < 0.2:
            data += framed(b"p", PING)
    return data + framed(b"", 0)


def oversize(dice: Random) -> bytes:
    """More than a message may have, in one frame or in pieces."""
    if dice.random() < 0.5:
        return framed(bytes(LONGEST + dice.choice((1, 2, 4_096))))
    return framed(bytes(40_000), fin=False) + framed(bytes(40_000), 0)


def lying(dice: Random) -> bytes:
    """A length that is not true: longer than what comes, the longest there is, or written too wide."""
    length = dice.choice((1, 125, 126, 65_535, 65_536, 65_537, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1))
    return framed(b"abc", length=length, wide=length > 65_535 or dice.random() < 0.3)


def big_control(dice: Random) -> bytes:
    """A control frame that is too long, or in pieces."""
    kind = dice.choice(CONTROLS)
    if dice.random() < 0.5:
        return framed(bytes(dice.choice((126, 1_000, 60_000))), kind)
    return framed(b"\x03\xe8", kind, fin=False)


def close(dice: Random) -> bytes:
    """A close with a code that nobody may send, half a code, or a reason that is no text; and more."""
    code = dice.choice((0, 999, 1000, 1001, 1004, 1005, 1006, 1015, 1016, 2999, 3000, 4999, 5000, 65_535))
    reason = dice.choice((b"", b"bye", b"\xff\xff", bytes(123)))
    payload = dice.choice((b"", b"\x03", code.to_bytes(2, "big") + reason))
    return framed(payload, CLOSE) + framed(dice.randbytes(9)) * dice.randint(0, 5)


def pings(dice: Random) -> bytes:
    """A flood of pings or pongs."""
    return framed(b"", dice.choice((PING, PONG))) * dice.choice((65, 300, 5_000))


def random_bytes(dice: Random) -> bytes:
    """Bytes that are nothing."""
    return dice.randbytes(dice.randint(1, 600))


def http_again(dice: Random) -> bytes:
    """Another request, as if nothing had been agreed on."""
    return b"GET /v1/config HTTP/1.1\r\nHost: x\r\n\r\n" * dice.randint(1, 3)


def half(dice: Random) -> bytes:
    """The beginning of a frame, and no more."""
    whole = framed(dice.randbytes(dice.choice((10, 300, 70_000))))
    return whole[: dice.randint(1, 12)]


MAKERS: tuple[Callable[[Random], bytes], ...] = (
    opcode, reserved, unmasked, text, lone_piece, pieces, oversize, lying, big_control, close, pings,
    random_bytes, http_again, half,
)  # fmt: skip


def made(dice: Random) -> tuple[str, bytes]:
    """One of them."""
    make = dice.choice(MAKERS)
    return make.__name__, make(dice)
