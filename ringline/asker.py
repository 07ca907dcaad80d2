"""The batched streams of the hot path: many small questions in few messages, answered out of order.

A unary call costs about 0.35 ms of CPU in Python, a message on an open stream 0.05. The asking half (`Asker`)
packs everything that is asked within one turn of the loop into one message; the answering half
(`answer_batches` in answerer.py) serves the items concurrently and packs answers the same way. An item has a
number `id`, given here; its answer repeats it and may have a `refused`, which is raised on the asking side.

Questions survive: what is not answered when a stream breaks is asked again on another one, with the same id
and the same content, until its deadline. So items must be safe to repeat: idempotent, or carrying a command
id.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

import grpc
from grpc import aio

from ringline import tracing
from ringline.addresses import look_up
from ringline.identity import Identity
from ringline.refusal import Refusal
from ringline.telemetry import ASK_SECONDS, RESENT, STREAMS, UNANSWERED, log, report_bug
from ringline.v1.reasons_pb2 import Reason
from ringline.wire import CALLER, CHANNEL_OPTIONS, connect

BATCH = 64
"""Items in one message at most: 64 descriptions of 32 KiB stay below the limit of 4 MiB."""
WINDOW = 256
"""Items that may be unanswered on one stream; beyond it the answer is "overloaded"."""
ASK_TIMEOUT = 2.0
"""Seconds an ask waits where nothing else is said."""
TICK_SECONDS = 0.05
"""How exactly deadlines are kept."""
SILENCE_SECONDS = 1.5
"""A stream that owes answers and says nothing for so long is given up; the other half speaks every 0.5 s."""
LOOK_SECONDS = 10.0
"""How often names are looked up again; at once after a stream broke."""
CONNECT_SECONDS = 2.0
RETRY_SECONDS = 2.0
"""The longest pause before a broken address is tried again."""


class Item(Protocol):
    """A question: any message with a number."""

    id: int


class Answer(Protocol):
    """An answer: any message with the number of its question; may have a field `refused`."""

    id: int

    def HasField(self, field_name: Any) -> bool: ...


Q = TypeVar("Q", bound=Item)
A = TypeVar("A", bound=Answer)


class _Ask(Generic[Q, A]):
    """One question on its way."""

    __slots__ = ("item", "future", "deadline")

    def __init__(self, item: Q, future: asyncio.Future[A], deadline: float) -> None:
        self.item = item
        self.future = future
        self.deadline = deadline


def dial(address: str, service: str = "", identity: Identity | None = None) -> aio.Channel:
    """A channel with a connection of its own, to a process of `service`."""
    options = (*CHANNEL_OPTIONS, ("grpc.use_local_subchannel_pool", 1))
    return connect([address], options, service, identity)


class Asker(Generic[Q, A]):
    """The asking half of one batched stream, to every process of a service.

    `open_stream` answers the stub's method for a channel (`lambda channel: PolicyStub(channel).Decide`),
    `dial` makes that channel to an address, `addresses` are the configured ones (host:port; names are
    looked up again every 10 s and after a break), `pack` makes a request of a list of items, `unpack` gives
    the answers of a response. One stream to each address; an ask takes the less loaded of two picked at
    random, or, `in_turn`, the next one. A response with `draining` set is the last word of a process to new
    questions.
    """

    def __init__(
        self,
        name: str,
        open_stream: Callable[[aio.Channel], Any],
        addresses: Callable[[], Sequence[str]],
        pack: Callable[[list[Q]], Any],
        unpack: Callable[[Any], Iterable[A]],
        *,
        caller: str,
        window: int = WINDOW,
        in_turn: bool = False,
        dial: Callable[[str], Any] = dial,
    ) -> None:
        self.name = name
        self._open_stream = open_stream
        self._addresses = addresses
        self.pack = pack
        self.unpack = unpack
        self._caller = caller
        self._window = window
        self._in_turn = in_turn
        self.dial = dial
        self._usable: list[_Stream[Q, A]] = []
        self._all: set[_Stream[Q, A]] = set()
        self._waiting: deque[_Ask[Q, A]] = deque()
        self._wanted: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._look = asyncio.Event()
        self._count = 0
        self._ticking: asyncio.TimerHandle | None = None
        self._tick_due = 0.0
        self._loop = asyncio.get_running_loop()
        self._seconds = ASK_SECONDS.labels(name)
        self._gauge = STREAMS.labels(name)
        self._unanswered = UNANSWERED.labels(name)

    async def __aenter__(self) -> Asker[Q, A]:
        self._tasks[""] = asyncio.create_task(self._tend(), name=f"{self.name} addresses")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        tasks = [*self._tasks.values(), *(stream.task for stream in self._all if stream.task is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for ask in [*self._waiting, *(ask for stream in self._all for ask in stream.sent.values())]:
            self._fail(ask)

    @property
    def streams(self) -> int:
        """How many streams take questions now."""
        return len(self._usable)

    def answers(self) -> bool:
        """Whether there is anybody to ask, for readiness."""
        return bool(self._usable)

    async def ask(self, item: Q, timeout: float = ASK_TIMEOUT) -> A:  # noqa: ASYNC109
        """Asks and waits for the answer. `item.id` is set here.

        Raises the Refusal that the answer carries, Refusal(OVERLOADED) where the window is full, and
        Refusal(UNAVAILABLE) where no answer came within `timeout` seconds.
        """
        began = self._loop.time()
        self._count += 1
        item.id = self._count
        tracing.stamp(item)
        ask: _Ask[Q, A] = _Ask(item, self._loop.create_future(), began + timeout)
        self._place(ask)
        if self._ticking is None:
            self._tick_due = began + TICK_SECONDS
            self._ticking = self._loop.call_at(self._tick_due, self._tick)
        answer = await ask.future
        self._seconds.observe(self._loop.time() - began)
        return answer

    def _place(self, ask: _Ask[Q, A]) -> None:
        """Puts a question on a stream, or on the bench while there is none."""
        streams = self._usable
        if not streams:
            if len(self._waiting) >= self._window:
                raise self._overloaded()
            self._waiting.append(ask)
            return
        chosen = streams[ask.item.id % len(streams)] if self._in_turn else streams[0]
        if len(streams) > 1 and not self._in_turn:
            first = int(random.random() * len(streams))
            second = int(random.random() * (len(streams) - 1))
            chosen, other = streams[first], streams[second + (second >= first)]
            if len(other.sent) < len(chosen.sent):
                chosen = other
        if len(chosen.sent) >= self._window:
            chosen = min(streams, key=lambda stream: len(stream.sent))
            if len(chosen.sent) >= self._window:
                raise self._overloaded()
        chosen.put(ask)

    def _overloaded(self) -> Refusal:
        self._unanswered.inc()
        return Refusal(Reason.REASON_OVERLOADED)

    def _fail(self, ask: _Ask[Q, A]) -> None:
        if not ask.future.done():
            self._unanswered.inc()
            ask.future.set_exception(Refusal(Reason.REASON_UNAVAILABLE))

    def _tick(self) -> None:
        """Keeps deadlines, for all questions at once: cheaper than a timer each."""
        now = self._loop.time()
        was_late = now - self._tick_due > SILENCE_SECONDS / 3
        self._ticking = None
        is_busy = False
        for stream in list(self._all):
            late = [number for number, ask in stream.sent.items() if ask.future.done() or ask.deadline <= now]
            for number in late:
                self._fail(stream.sent.pop(number))
            if was_late:
                stream.heard = now  # this process itself stood still; nobody else is to blame
            if stream.sent and now - stream.heard > SILENCE_SECONDS:
                stream.give_up("silent")
            is_busy = is_busy or bool(stream.sent)
        while self._waiting and (self._waiting[0].future.done() or self._waiting[0].deadline <= now):
            self._fail(self._waiting.popleft())
        if is_busy or self._waiting:
            self._tick_due = now + TICK_SECONDS
            self._ticking = self._loop.call_at(self._tick_due, self._tick)

    def joined(self, stream: _Stream[Q, A]) -> None:
        """A stream is ready."""
        self._usable.append(stream)
        self._all.add(stream)
        self._gauge.set(len(self._usable))
        waiting, self._waiting = self._waiting, deque()
        self._place_again(waiting)

    def retired(self, stream: _Stream[Q, A]) -> None:
        """A stream takes no new questions."""
        if stream in self._usable:
            self._usable.remove(stream)
            self._gauge.set(len(self._usable))

    def broke(self, stream: _Stream[Q, A]) -> None:
        """A stream is gone: what it owes is asked elsewhere."""
        self.retired(stream)
        self._all.discard(stream)
        self._look.set()
        owed = [ask for ask in stream.sent.values() if not ask.future.done()]
        stream.sent.clear()
        if owed:
            RESENT.labels(self.name).inc(len(owed))
        self._place_again(owed)

    def _place_again(self, asks: Iterable[_Ask[Q, A]]) -> None:
        for ask in asks:
            try:
                self._place(ask)
            except Refusal as refusal:
                ask.future.set_exception(refusal)

    async def _tend(self) -> None:
        """Keeps one task for each address."""
        while True:
            self._wanted = await look_up(self._addresses(), self._wanted)
            for address in self._wanted:
                task = self._tasks.get(address)
                if task is None or task.done():
                    self._tasks[address] = asyncio.create_task(
                        self._keep(address), name=f"{self.name} {address}"
                    )
            for stream in list(self._usable):
                if stream.address not in self._wanted:
                    stream.retire()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):  # not wait_for: before 3.12 it may swallow a cancel
                    await self._look.wait()
            self._look.clear()

    async def _keep(self, address: str) -> None:
        """Keeps one stream to one address for as long as it is wanted."""
        pause = 0.0
        while address in self._wanted:
            began = self._loop.time()
            stream: _Stream[Q, A] = _Stream(self, address)
            if await stream.open(self._open_stream, self._caller):
                await stream.over.wait()
            lived = self._loop.time() - began > RETRY_SECONDS
            pause = 0.0 if lived else min(RETRY_SECONDS, max(0.1, pause * 2))
            self._look.set()
            await asyncio.sleep(pause * random.uniform(0.7, 1.3))


class _Stream(Generic[Q, A]):
    """One open stream, on a connection of its own."""

    def __init__(self, asker: Asker[Q, A], address: str) -> None:
        self.asker = asker
        self.address = address
        self.sent: dict[int, _Ask[Q, A]] = {}
        self.heard = 0.0
        self.over = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._queue: list[Q] = []
        self._has_work = asyncio.Event()
        self._is_retired = False
        self._loop = asyncio.get_running_loop()

    async def open(self, open_stream: Callable[[aio.Channel], Any], caller: str) -> bool:
        """Connects; False where nobody is there within two seconds."""
        channel = self.asker.dial(self.address)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await channel.channel_ready()
        except TimeoutError:
            await channel.close()
            return False
        except asyncio.CancelledError:
            await channel.close()
            raise
        call = open_stream(channel)(metadata=((CALLER, caller),))
        self.task = asyncio.create_task(self._run(channel, call), name=f"{self.asker.name} stream")
        self.asker.joined(self)
        return True

    def put(self, ask: _Ask[Q, A]) -> None:
        """Sends a question with the next message."""
        if not self.sent:
            self.heard = self._loop.time()
        self.sent[ask.item.id] = ask
        self._queue.append(ask.item)
        self._has_work.set()

    def retire(self) -> None:
        """No new questions; ends when everything is answered."""
        self._is_retired = True
        self.asker.retired(self)
        self.over.set()
        self._has_work.set()

    def give_up(self, why: str) -> None:
        """Ends at once."""
        log(__name__).warning("stream given up", stream=self.asker.name, peer=self.address, problem=why)
        if self.task is not None:
            self.task.cancel()

    async def _run(self, channel: aio.Channel, call: Any) -> None:
        halves = [asyncio.create_task(self._write(call)), asyncio.create_task(self._read(call))]
        try:
            done, _ = await asyncio.wait(halves, return_when=asyncio.FIRST_COMPLETED)
            if halves[1] not in done:
                await asyncio.wait(halves[1:], timeout=SILENCE_SECONDS)
        finally:
            for half in halves:
                half.cancel()
            self.asker.broke(self)
            self.over.set()
            results = await asyncio.gather(*halves, return_exceptions=True)
            await channel.close()
            for result in results:
                if isinstance(result, aio.AioRpcError):
                    log(__name__).info(
                        "stream ended", stream=self.asker.name, peer=self.address, code=result.code()
                    )
                elif isinstance(result, asyncio.InvalidStateError):  # it was over before we wrote
                    log(__name__).info("stream ended", stream=self.asker.name, peer=self.address, code="over")
                elif isinstance(result, Exception):
                    report_bug(self.asker.name, result)

    async def _write(self, call: Any) -> None:
        while True:
            if not self._queue:
                if self._is_retired and not self.sent:
                    await call.done_writing()
                    return
                self._has_work.clear()
                await self._has_work.wait()
                continue
            items, self._queue = self._queue[:BATCH], self._queue[BATCH:]
            await call.write(self.asker.pack(items))

    async def _read(self, call: Any) -> None:
        sent = self.sent
        unpack = self.asker.unpack
        while True:
            response = await call.read()
            if response is aio.EOF:
                if (await call.code()) is not grpc.StatusCode.OK:
                    log(__name__).info(
                        "stream ended", stream=self.asker.name, peer=self.address, code=await call.code()
                    )
                return
            self.heard = self._loop.time()
            for answer in unpack(response):
                ask = sent.pop(answer.id, None)
                if ask is None or ask.future.done():
                    continue
                if answer.HasField("refused"):
                    ask.future.set_exception(Refusal.from_proto(answer.refused))  # type: ignore[attr-defined]
                else:
                    ask.future.set_result(answer)
            if response.draining and not self._is_retired:
                self.retire()
            if self._is_retired and not sent:
                self._has_work.set()
