"""Messages for a line, from a seed: nearly right, wrong in every way that protobuf knows, of every size."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from ringline import ids
from ringline.v1.client_pb2 import ClientFrame
from tests.hostile.spoil import NASTY, noise, spoilt

KINDS = tuple(field.name for field in ClientFrame.DESCRIPTOR.oneofs_by_name["body"].fields)
TEXTS = (
    "",
    "@",
    "k" * 16,
    "k" * 41,
    "n" * 5_000,
    "\r\n",
    "a\r\nPUB ringline.wake.* 1\r\nx",
    "*",
    ">",
    "a.b.c",
    "nul\0nul",
    "\u202eadmin",
    "\u2066\u2067\u2068",
    "ﷺ" * 30,
    "é" * 199,
    "e\u0301" * 60,
    "\U0010ffff",
    "' OR 1=1 --",
    "../../etc",
    "%00",
)
LONGEST = 65_536
NUMBERS = (0, 1, 2, 63, 64, 127, 128, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1)


class Known:
    """What whoever attacks has found out: ids of calls that are not his, names of people."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.names: list[str] = []


Make = Callable[[Random, Known], bytes]


def strange(dice: Random, known: Known) -> bytes:
    """A frame of the right form, with contents of every kind."""
    frame = ClientFrame(id=dice.choice((0, dice.getrandbits(32), 2**64 - 1)))
    frame.command_id = dice.choice(("", "k" * 16, dice.choice(TEXTS), ids.mint("x_")[:40]))
    body = getattr(frame, dice.choice(KINDS))
    body.SetInParent()
    _fill(dice, body, known, 3)
    return frame.SerializeToString()


def _fill(dice: Random, message: Message, known: Known, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if dice.random() < 0.2:
            continue
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            if depth and not field.is_repeated:
                _fill(dice, getattr(message, field.name), known, depth - 1)
            continue
        if field.is_repeated:
            getattr(message, field.name).extend(
                _value(dice, field, known) for _ in range(dice.choice((1, 2, 33, 65)))
            )
        else:
            setattr(message, field.name, _value(dice, field, known))


def _value(dice: Random, field: Any, known: Known) -> object:
    if field.type == FieldDescriptor.TYPE_STRING:
        if field.name == "call_id":
            return dice.choice((ids.mint_call(), "c_*.>", *known.calls[-3:], dice.choice(TEXTS)))
        return dice.choice((*TEXTS, *known.names[:4]))
    if field.type == FieldDescriptor.TYPE_BYTES:
        return dice.randbytes(dice.choice((0, 1, 63, 64, 65, 512, 513)))
    if field.type == FieldDescriptor.TYPE_BOOL:
        return dice.random() < 0.5
    return dice.choice(NUMBERS[:10] if field.type == FieldDescriptor.TYPE_ENUM else NUMBERS)


def broken(dice: Random, known: Known) -> bytes:
    """A frame that was spoilt: truncated, flipped, doubled, with other bytes in it."""
    return spoilt(dice, strange(dice, known))


def unknown(dice: Random, known: Known) -> bytes:
    """A frame with fields that nobody knows, of every wire type."""
    data = strange(dice, known)
    for _ in range(dice.randint(1, 20)):
        number, wire = dice.choice((16, 99, 2_047, 2**28, 2**29 - 1)), dice.choice((0, 1, 2, 5))
        data += varint(number << 3 | wire)
        if wire == 0:
            data += varint(dice.getrandbits(64))
        elif wire == 2:
            payload = dice.randbytes(dice.choice((0, 10, 300, 3_000)))
            data += varint(len(payload)) + payload
        else:
            data += dice.randbytes(8 if wire == 1 else 4)
    return data


def nested(dice: Random, known: Known) -> bytes:
    """Groups in groups, or messages in messages, deep."""
    depth = dice.choice((5, 50, 99, 100, 101, 500, 20_000))
    if dice.random() < 0.5:
        return b"\xfb\x01" * depth + b"\xfc\x01" * dice.choice((depth, depth - 1, 0))
    data = b""
    for _ in range(min(depth, 500)):
        data = b"\x52" + varint(len(data)) + data  # describe, in describe, in describe
    return data


def long_numbers(dice: Random, known: Known) -> bytes:
    """Varints of every length, where ids, kinds and lengths stand."""
    number = dice.choice((b"\xff" * 9 + b"\x01", b"\xff" * 9 + b"\x7f", b"\x80" * 9 + b"\0", b"\xff" * 11))
    return dice.choice((b"\x08", b"\x70", b"\x78", b"\x22\x02\x10")) + number + strange(dice, known)


def lying(dice: Random, known: Known) -> bytes:
    """Lengths that are not those of what follows."""
    length = dice.choice((0, 1, 7, 127, 128, 65_536, 2**31 - 1, 2**32, 2**63))
    return dice.choice((b"\x12", b"\x1a", b"\x22", b"\x52\x0a")) + varint(length) + strange(dice, known)


def two_bodies(dice: Random, known: Known) -> bytes:
    """Several bodies in one frame: the last one counts, and nothing of the others."""
    return b"".join(strange(dice, known) for _ in range(dice.randint(2, 5)))


def no_text(dice: Random, known: Known) -> bytes:
    """Bytes that are no UTF-8 where text belongs."""
    text = dice.choice(NASTY) + bytes([dice.choice((0xC0, 0xED, 0xF8, 0xFF))])
    where = dice.choice((b"\x12", b"\x22", b"\x32"))
    inner = b"\x0a" + varint(len(text)) + text if where != b"\x12" else text
    return where + varint(len(inner)) + inner


def big(dice: Random, known: Known) -> bytes:
    """A frame of every size up to, and a little over, what a message may have."""
    frame = ClientFrame(id=1)
    frame.describe.call_id = dice.choice((ids.mint_call(), *known.calls[-2:]))
    frame.describe.description.generation = 1
    frame.describe.description.body = bytes(dice.choice((32_767, 32_768, 32_769, 65_000)))
    frame.describe.description.candidates.extend([b"c" * dice.choice((1, 512))] * dice.choice((1, 64)))
    return frame.SerializeToString()[:65_536]


def nothing(dice: Random, known: Known) -> bytes:
    """No frame at all."""
    return noise(dice)


MAKERS: tuple[tuple[Make, int], ...] = (
    (strange, 30), (broken, 20), (unknown, 12), (two_bodies, 10), (long_numbers, 8), (lying, 6), (nested, 5),
    (no_text, 4), (nothing, 4), (big, 1),
)  # fmt: skip
"""With how often each is made."""


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])


def made(dice: Random, known: Known, count: int) -> list[tuple[str, bytes]]:
    """So many messages, each with the name of what is wrong with it."""
    makers, weights = zip(*MAKERS, strict=True)
    return [(make.__name__, make(dice, known)[:LONGEST]) for make in dice.choices(makers, weights, k=count)]


def is_frame(data: bytes) -> bool:
    """Whether protobuf reads it: what it does not read ends the line."""
    try:
        ClientFrame.FromString(data)
    except DecodeError:
        return False
    return True


def sorted_out(messages: Sequence[tuple[str, bytes]]) -> tuple[list[bytes], list[bytes]]:
    """Those that a line survives, and the others."""
    good = [data for _, data in messages if is_frame(data)]
    return good, [data for _, data in messages if not is_frame(data)]
