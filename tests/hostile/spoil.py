"""Good bytes made bad, from a seed: what a fuzzer does, where nothing guides it."""

from random import Random

NASTY = (
    b"\r\n",
    b"\0",
    b"*",
    b">",
    b"\r\nPUB ringline.wake.x 1\r\nx\r\n",
    b"'; DROP TABLE call; --",
    b"\xff\xfe",
    b"\xed\xa0\x80",  # half of a pair, encoded as if it were a character
    b"\xc0\x80",  # NUL in two bytes
    b"\xf4\x90\x80\x80",  # beyond the last character
    "\u202e\u2066\u200f".encode(),
    "\ufeff".encode(),
    "e\u0301".encode() * 40,
    "ﷺ".encode() * 20,  # eighteen letters each, in normal form
    b"[" * 1_500,
    b"W1tb" * 500,
    b'{"a":' * 600,
    b"9" * 5_000,
    b"%00%0d%0a%ff",
    b"..%2f..%2f",
    b"\x80" * 12,  # a varint without an end
    b"\xff" * 9 + b"\x01",
    b"\xff" * 9 + b"\x7f",
    b"\x0b" * 200,  # groups in groups
    b"\x08\x80\x80\x80\x80\x10",
)
"""What has broken parsers before."""


def spoilt(dice: Random, good: bytes, most: int = 6) -> bytes:
    """`good` after one to `most` changes."""
    data = bytearray(good)
    for _ in range(dice.randint(1, most)):
        at = dice.randint(0, len(data))
        change = dice.randrange(8)
        if change == 0:
            data[at : at + 1] = bytes([dice.randrange(256)])
        elif change == 1 and at < len(data):
            data[at] ^= 1 << dice.randrange(8)
        elif change == 2:
            del data[at : at + dice.randint(1, 8)]
        elif change == 3:
            data[at:at] = dice.randbytes(dice.randint(1, 8))
        elif change == 4:
            data[at:at] = data[at : at + dice.randint(1, 40)]
        elif change == 5:
            data[at:at] = dice.choice(NASTY)
        elif change == 6:
            del data[at:]
        else:
            other = dice.randint(0, len(data))
            data[at : at + 4], data[other : other + 4] = data[other : other + 4], data[at : at + 4]
    return bytes(data)


def noise(dice: Random, longest: int = 300) -> bytes:
    """Bytes that are nothing at all, or one thing again and again."""
    if dice.random() < 0.3:
        return dice.choice(NASTY) * dice.randint(1, 6)
    return dice.randbytes(dice.randrange(longest))
