"""A stream of calls and messages that goes on while something is done to the processes behind it.

Pairs of friends call each other again and again, in every way a call can go, and say what went wrong for a
person: a step that did not come about, a request that failed, or a frame that refused a command.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from traceback import extract_tb

from ringline.client import Call, Phone, mint_command
from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from tests.suite.people import People, at

PATIENCE = 10.0
"""Seconds that a step may take while a process stops or starts."""
PAUSE_SECONDS = 0.02
CALL_PAUSE_SECONDS = 0.2
"""Between two calls: a line may send twenty commands a second."""

OF_SERVERS = frozenset({Reason.REASON_UNAVAILABLE, Reason.REASON_OVERLOADED})
"""Refusals that are no fault of the client's. (Its acknowledgement of a ring may come after its answer.)"""

Ends = Callable[[Call, Call], Awaitable[None]]


@dataclass
class Log:
    """What was done, and what went wrong."""

    calls: int = 0
    messages: int = 0
    troubles: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    gateway_stops: bool = False
    """A request may find its connection closed: there is no load balancer here that would know before."""


@asynccontextmanager
async def traffic(
    stage: People, pairs: Sequence[tuple[Phone, Phone]], writes: bool = True
) -> AsyncIterator[Log]:
    """Calls (and messages, where `writes`) of the pairs; at its end each call that was begun is finished, and
    what each phone was refused is looked at.
    """
    log = Log()
    before = {phone: len(stage.heard(phone)) for pair in pairs for phone in pair}
    tasks = [asyncio.create_task(_call_again_and_again(log, *pair)) for pair in pairs]
    if writes:
        tasks += [asyncio.create_task(_write_again_and_again(log, *pair)) for pair in pairs]
    try:
        yield log
    finally:
        log.over.set()
        await asyncio.gather(*tasks)
    for phone, seen in before.items():
        log.troubles += [
            f"refused: {frame.refused.reason} {frame.refused.sentence}"
            for frame in stage.heard(phone)[seen:]
            if frame.HasField("refused") and frame.refused.reason in OF_SERVERS
        ]


async def moves(log: Log, calls: int = 3, within: float = PATIENCE) -> None:
    """Waits until so many more calls went well, or one did not. Raises AssertionError where none moves."""
    goal, deadline = log.calls + calls, asyncio.get_running_loop().time() + within
    while log.calls < goal and not log.troubles:
        assert asyncio.get_running_loop().time() < deadline, f"only {log.calls} of {goal} calls"
        await asyncio.sleep(PAUSE_SECONDS)


async def _call_again_and_again(log: Log, ada: Phone, bob: Phone) -> None:
    kinds = (_talked_and_hung_up, _declined, _cancelled, _toggled_and_hung_up)
    for number, ends in enumerate(itertools.cycle(kinds)):
        if log.over.is_set():
            return
        try:
            await _one_call(ada, bob, ends)
        except (AssertionError, Refusal, ConnectionError, TimeoutError) as trouble:
            step = next(
                one.line for one in reversed(extract_tb(trouble.__traceback__)) if one.filename == __file__
            )
            log.troubles.append(f"call {number}, {ends.__name__}, {step}: {type(trouble).__name__} {trouble}")
            return  # what would follow may be of this one
        log.calls += 1
        await _until_over(log, CALL_PAUSE_SECONDS)


async def _one_call(ada: Phone, bob: Phone, ends: Ends) -> None:
    call = await ada.place(at(bob), within=PATIENCE)
    ring = await bob.rings(PATIENCE)
    assert ring.call_id == call.call_id, "a ring of another call"
    await ends(call, ring)
    await asyncio.gather(call.until("ended", within=PATIENCE), ring.until("ended", within=PATIENCE))


async def _talked(call: Call, ring: Call) -> None:
    await ring.answer(offer=b"offer", candidates=[b"1"], within=PATIENCE)
    offer = await call.until_described(within=PATIENCE)
    await call.describe(b"answer", answers=offer.generation)
    await ring.until_described(within=PATIENCE)
    await asyncio.gather(call.report("flowing"), ring.report("flowing"))
    await asyncio.gather(call.until("connected", within=PATIENCE), ring.until("connected", within=PATIENCE))


async def _talked_and_hung_up(call: Call, ring: Call) -> None:
    await _talked(call, ring)
    await ring.hang_up()
    await call.until(ended="hung_up", within=PATIENCE)


async def _toggled_and_hung_up(call: Call, ring: Call) -> None:
    await _talked(call, ring)
    await call.set_media(audio=True, video=True)
    await ring.until(where=lambda it: it.view.peer_sends.video, within=PATIENCE)
    await call.hang_up()
    await ring.until(ended="hung_up", within=PATIENCE)


async def _declined(call: Call, ring: Call) -> None:
    await call.until("ringing", within=PATIENCE)
    await ring.decline()
    await call.until(ended="declined", within=PATIENCE)


async def _cancelled(call: Call, ring: Call) -> None:
    await call.hang_up()
    await ring.until(ended="cancelled", within=PATIENCE)


async def _write_again_and_again(log: Log, ada: Phone, bob: Phone) -> None:
    number, client_id = 0, mint_command()
    while not log.over.is_set():
        sender, other = (ada, bob) if number % 2 else (bob, ada)
        if await _wrote(log, sender, other, number, client_id):
            log.messages += 1
            number, client_id = number + 1, mint_command()
        await _until_over(log, CALL_PAUSE_SECONDS)


async def _wrote(log: Log, sender: Phone, other: Phone, number: int, client_id: str) -> bool:
    """Whether the requests got through; where not, and that is no trouble, the same has to be asked again."""
    try:
        await sender.session.send(at(other), f"message {number}", client_id)
        await sender.session.online(other.session.user_id)
        await sender.session.entitlement()
    except ConnectionError as trouble:
        if log.gateway_stops:
            return False
        log.troubles.append(f"message {number}: {trouble}")
    except (Refusal, TimeoutError) as trouble:
        log.troubles.append(f"message {number}: {type(trouble).__name__} {trouble}")
    return True


async def _until_over(log: Log, within: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            await log.over.wait()
