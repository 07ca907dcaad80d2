"""What is done to an installation, family by family: each attack is made of a seed, counts its cases, and
says what no server may do. Every wait has a deadline, so that what hangs is found.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from ringline.v1.client_pb2 import ClientFrame
from ringline.v1.reasons_pb2 import Reason
from services.gateway.socket import LATER
from tests.hostile import frames, framing, requests
from tests.hostile.raw import Fault, NotLetIn, Raw
from tests.hostile.siege import Siege, network
from tests.hostile.wire import framed

MANNERS = (1000, 1002, 1003, 1005, 1007, 1008, 1009, 1013)
"""The codes with which a line may be closed to whoever breaks a rule."""
SLICE = 100
"""Frames between two barriers."""
AT_ONCE = 64
"""Connections at the same time."""


@dataclass
class Outcome:
    """What became of an attack."""

    cases: Counter[str] = field(default_factory=Counter)
    """By what was wrong with them."""
    found: list[str] = field(default_factory=list)
    repeated: Counter[str] = field(default_factory=Counter)
    """What is no case of its own: frames of floods, which are the same one again and again (a flood is one
    case), what was not sent, and who was not let in.
    """

    def add(self, other: "Outcome") -> None:
        """Takes another one in."""
        self.cases += other.cases
        self.repeated += other.repeated
        self.found += other.found


Attack = Callable[[Siege, Random, int], Awaitable[Outcome]]


async def on_a_line(siege: Siege, dice: Random, count: int) -> Outcome:
    """Frames on an open line: those that protobuf reads one after the other, and one that it does not as the
    last word.
    """
    done = Outcome()
    made = frames.made(dice, siege.known, 2 * count)
    good = [one for one in made if frames.is_frame(one[1])][:count]
    raw = await siege.line(dice)
    for at in range(0, len(good), SLICE):
        batch = good[at : at + SLICE]
        raw.send(b"".join(framed(data) for _, data in batch))
        if not await raw.barrier():
            done.found.append(f"a line was closed with {raw.server.close_code} after {_hex(batch)}")
            break
        done.cases.update(name for name, _ in batch)
    last = next((one for one in made if not frames.is_frame(one[1])), None)
    if last is not None and not raw.is_closed:
        raw.send(framed(last[1]))
        await raw.until_closed()
        done.cases[last[0]] += 1
        done.found += _judged(raw, last[1], (1003,))
    raw.abort()
    done.found += raw.found
    return done


async def as_strangers(siege: Siege, dice: Random, count: int) -> Outcome:
    """First messages that are no hello, or a hello that is worth nothing: each ends its connection."""
    made = frames.made(dice, siege.known, count)

    async def one(number: int) -> Outcome:
        name, data = made[number]
        own = Random(dice.getrandbits(64) + number)
        if number % 3 == 0:
            name, data = "forged_hello", _forged(own)
        raw = await siege.stranger(own)
        raw.send(framed(data))
        await raw.until_closed()
        return Outcome(Counter({f"first_{name}": 1}), raw.found + _judged(raw, data, (1003, 1008)))

    return await _each(count, one)


async def badly_framed(siege: Siege, dice: Random, count: int) -> Outcome:
    """WebSocket frames that break RFC 6455, and some that only look as if they did."""
    seeds = [dice.getrandbits(64) for _ in range(count)]

    async def one(number: int) -> Outcome:
        own = Random(seeds[number])
        name, data = framing.made(own)
        raw = await siege.stranger(own)
        chunk = own.choice((1, 3, 1 << 20)) if len(data) < 400 else 1 << 20
        for at in range(0, len(data), chunk):
            raw.send(data[at : at + chunk])
            if chunk < 1 << 20:
                await asyncio.sleep(0)
        if own.random() < 0.7:
            raw.finish()  # else the time until hello must end it
        await raw.until_closed()
        told = raw.found
        if name != "close":  # a good close is answered with its own code
            told = told + _judged(raw, data, MANNERS)
        return Outcome(Counter({f"framing_{name}": 1}), told)

    return await _each(count, one)


async def bad_requests(siege: Siege, dice: Random, count: int) -> Outcome:
    """HTTP that breaks RFC 9112, or the rules of the upgrade: answered with less than 500, or not at all."""
    seeds = [dice.getrandbits(64) for _ in range(count)]
    host = f"{siege.unlimited[0]}:{siege.unlimited[1]}"

    async def one(number: int) -> Outcome:
        own = Random(seeds[number])
        name, data, most = requests.made(own, host, network(own))
        raw = await Raw.open(siege.unlimited)
        raw.send(data)
        if own.random() < 0.9:
            # Ends the connection where the server still reads requests; where it does not, time does.
            raw.send(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            most += 1
        await raw.until_closed()
        found = list(raw.found)
        if len(raw.server.statuses) > most:
            found.append(f"{len(raw.server.statuses)} answers to {most} requests: {data[:2000]!r}")
        kinds = zip(raw.server.statuses, raw.server.kinds, strict=True)
        if any(status == 422 and "problem+json" not in kind for status, kind in kinds):
            found.append(f"a refusal that is no problem: {data[:2000]!r}")
        return Outcome(Counter({f"http_{name}": 1}), found)

    return await _each(count, one)


async def _each(count: int, one: Callable[[int], Awaitable[Outcome]]) -> Outcome:
    """So many of them, some at a time. One that hangs or is not let in is found, and the others go on."""
    done = Outcome()
    numbers = iter(range(count))

    async def some() -> None:
        for number in numbers:
            try:
                done.add(await one(number))
            except NotLetIn:
                done.repeated["not let in"] += 1
            except (Fault, OSError) as error:
                done.found.append(f"case {number}: {type(error).__name__}: {error}")

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return done


def _forged(dice: Random) -> bytes:
    """A hello of the right form and no worth."""
    frame = ClientFrame(id=1)
    token = ".".join(
        dice.choice(("e30", "eyJhbGciOiJIUzI1NiJ9", "eyJhbGciOiJub25lIn0", "W1tb" * 200, "", "\u202e"))
        for _ in range(dice.choice((1, 3, 3, 3, 5)))
    )
    frame.hello.ticket = token or "x"
    frame.hello.signature = dice.randbytes(64)
    frame.hello.instance = "hostile-instance"
    return frame.SerializeToString()


def _judged(raw: Raw, data: bytes, codes: tuple[int, ...]) -> list[str]:
    """What is wrong with how a connection was closed to whoever sent this."""
    code = raw.server.close_code
    if raw.has_no_hello and code in (0, LATER):
        return []  # what was sent is a part of a frame, or none that says anything
    if code not in codes and not (code == 0 and raw.has_left):
        return [f"closed with {code} and not {codes} after {data[:2000].hex()}"]
    if raw.goodbye not in (
        Reason.REASON_UNSPECIFIED,
        Reason.REASON_INVALID,
        Reason.REASON_TICKET_INVALID,
        Reason.REASON_LIMITED,
    ):
        return [f"the goodbye says {Reason.Name(raw.goodbye)} after {data[:2000].hex()}"]
    return []


def _hex(batch: list[tuple[str, bytes]]) -> str:
    return " ".join(data.hex()[:600] for _, data in batch[-3:])
