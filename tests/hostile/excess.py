"""Too much, and too slowly: floods at the door with the limits that are shipped, and those who keep others
waiting. Each ends by a limit, within its time, whatever whoever does it wants.
"""

import asyncio
from collections import Counter
from random import Random

from ringline import ids
from ringline.v1 import client_pb2
from ringline.v1.client_pb2 import ClientFrame
from tests.hostile.attacks import Outcome
from tests.hostile.raw import HANG_SECONDS, Fault, NotLetIn, Raw
from tests.hostile.siege import Siege, network
from tests.hostile.wire import PING, framed, upgrade

TICK_SECONDS = 0.3
FLOOD = 10_000


async def frame_flood(siege: Siege, dice: Random) -> Outcome:
    """Ten thousand commands on a line at once: the line is closed."""
    raw = await siege.line(dice, siege.shipped)
    frame = ClientFrame(id=3, renew_relay=client_pb2.RenewRelay(call_id=ids.mint_call()))
    raw.send(framed(frame.SerializeToString()) * FLOOD)
    await raw.until_closed()
    return _flood("frames", raw.found + _closed_with(raw, 1008))


async def ping_flood(siege: Siege, dice: Random) -> Outcome:
    """Ten thousand pings of the WebSocket: the line is closed."""
    raw = await siege.line(dice, siege.shipped)
    raw.send(framed(b"", PING) * FLOOD)
    await raw.until_closed()
    return _flood("pings", raw.found + _closed_with(raw, 1008))


async def late_flood(siege: Siege, dice: Random) -> Outcome:
    """A frame that ends the line, and a megabyte behind it."""
    raw = await siege.line(dice, siege.shipped)
    raw.send(framed(b"\xff") + framed(bytes(100)) * FLOOD)
    await raw.until_closed()
    return _flood("late", raw.found)


async def knocks(siege: Siege, dice: Random) -> Outcome:
    """Failed hellos from one network, until it is sent away at the door."""
    own, turned, found = f"203.0.113.{dice.randrange(256)}", 0, list[str]()
    request = upgrade(f"{siege.shipped[0]}:{siege.shipped[1]}", own)
    for _ in range(30):
        raw = await Raw.open(siege.shipped)
        raw.send(request)
        await raw.until(lambda raw=raw: bool(raw.server.statuses) or raw.is_closed, "the upgrade")  # type: ignore[misc]
        turned += raw.server.statuses == [429]
        raw.send(framed(b"\xff"))
        await raw.until_closed()
        found += raw.found
    if turned < 10:
        found.append(f"a network was turned away {turned} times of 30")
    return Outcome(Counter(flood_knocks=30), found)


async def slow_head(siege: Siege, dice: Random) -> Outcome:
    """A request that comes byte by byte, or one after a good one."""
    raw = await Raw.open(siege.shipped)
    if dice.random() < 0.5:
        raw.send(b"GET /v1/config HTTP/1.1\r\nHost: x\r\n\r\n")
    await _trickle(raw, b"GET /v1/config HTTP/1.1\r\nX-A: " + b"a" * 10_000)
    return Outcome(Counter(slow_head=1), raw.found)


async def slow_body(siege: Siege, dice: Random) -> Outcome:
    """A body that comes byte by byte, in chunks or not; before it is wanted, and after it was refused."""
    raw = await Raw.open(siege.shipped)
    size = dice.choice(("Content-Length: 60000", "Content-Length: 70000", "Transfer-Encoding: chunked"))
    raw.send(f"POST /v1/sessions HTTP/1.1\r\nHost: x\r\n{size}\r\n\r\n".encode())
    await _trickle(raw, b"1\r\na\r\n" * 2_000)
    return Outcome(Counter(slow_body=1), raw.found)


async def slow_upgrade(siege: Siege, dice: Random) -> Outcome:
    """The request for the upgrade, byte by byte; nothing, or half a hello after it."""
    if dice.random() < 0.5:
        raw = await Raw.open(siege.shipped)
        await _trickle(raw, upgrade("x", network(dice)))
    else:
        raw = await Raw.upgraded(siege.shipped, network(dice))
        await _trickle(raw, framed(bytes(5_000)))
    return Outcome(Counter(slow_upgrade=1), raw.found)


async def empty_lines(siege: Siege, dice: Random) -> Outcome:
    """Empty lines, each before the patience is over."""
    raw = await Raw.open(siege.shipped)
    await _trickle(raw, b"\r\n" * 5_000)
    return Outcome(Counter(slow_lines=1), raw.found)


async def no_reader(siege: Siege, dice: Random) -> Outcome:
    """A line that is asked much and reads nothing: it is cut, at the door without limits too."""
    raw = await siege.line(dice, siege.unlimited, receive_buffer=2_048)
    raw.pause()
    frame = framed(ClientFrame(id=2**63, ping=client_pb2.Ping()).SerializeToString())
    raw.send(frame * 100_000)
    await _trickle(raw, frame, 1_000)
    return Outcome(Counter(slow_reader=1), raw.found)


async def no_reader_of_http(siege: Siege, dice: Random) -> Outcome:
    """Hundreds of documents are asked for, and none is read."""
    raw = await Raw.open(siege.shipped, receive_buffer=2_048)
    raw.pause()
    raw.send(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
    await _trickle(raw, b"GET /", 1_000)
    return Outcome(Counter(slow_reader_of_http=1), raw.found)


async def nothing(siege: Siege, dice: Random) -> Outcome:
    """A connection on which nothing is said."""
    raw = await Raw.open(siege.shipped)
    await raw.until_closed()
    return Outcome(Counter(slow_nothing=1), raw.found)


FLOODS = (frame_flood, ping_flood, late_flood, knocks)
SLOW = (
    slow_head, slow_body, slow_upgrade, empty_lines, no_reader, no_reader_of_http, nothing,
)  # fmt: skip


async def floods(siege: Siege, dice: Random, count: int) -> Outcome:
    """One flood of each kind; more cases than are asked for."""
    done = Outcome()
    for one in FLOODS:
        done.add(await one(siege, dice))
    return done


async def slowness(siege: Siege, dice: Random, count: int) -> Outcome:
    """All who are slow at once, so many of each kind that there are about `count`."""
    done = Outcome()
    seeds = [dice.getrandbits(64) for _ in range(max(1, count // len(SLOW)) * len(SLOW))]

    async def one(number: int) -> Outcome:
        slow = SLOW[number % len(SLOW)]
        try:
            return await slow(siege, Random(seeds[number]))
        except NotLetIn:
            return Outcome(repeated=Counter({"not let in": 1}))
        except (Fault, OSError) as error:
            return Outcome(Counter(), [f"{slow.__name__} {seeds[number]}: {type(error).__name__}: {error}"])

    for outcome in await asyncio.gather(*(one(number) for number in range(len(seeds)))):
        done.add(outcome)
    return done


async def _trickle(raw: Raw, data: bytes, again: int = 1) -> None:
    """Byte by byte, until the server has enough. Raises Hang where it never has. Who reads nothing learns
    of a reset by this alone.
    """
    data *= again
    loop = asyncio.get_running_loop()
    deadline = loop.time() + HANG_SECONDS
    for at in range(len(data)):
        if raw.is_closed or loop.time() > deadline:
            break
        raw.send(data[at : at + 1])
        await asyncio.sleep(TICK_SECONDS)
    await raw.until_closed(max(1.0, deadline - loop.time()))


def _flood(kind: str, found: list[str]) -> Outcome:
    return Outcome(Counter({f"flood_{kind}": 1}), found, Counter({f"frames of floods of {kind}": FLOOD}))


def _closed_with(raw: Raw, code: int) -> list[str]:
    return [] if raw.server.close_code == code else [f"closed with {raw.server.close_code}, not {code}"]
