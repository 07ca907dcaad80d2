"""The answering half of the batched streams; asker.py is the other one and explains them."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any, Generic

from ringline import tracing
from ringline.asker import WINDOW, A, Q
from ringline.refusal import Refusal
from ringline.telemetry import ASKED, QUESTION_SECONDS, REFUSALS, report_bug
from ringline.v1 import reasons_pb2
from ringline.v1.reasons_pb2 import Reason
from ringline.wire import SERVE_SECONDS

BATCH = 32
"""Answers in one message: a message has 4 MiB at most, and the largest answers have about 70 KiB."""
BEAT_SECONDS = 0.5
"""Whoever waits hears something that often."""


async def answer_batches(
    requests: AsyncIterator[Any],
    unpack: Callable[[Any], Iterable[Q]],
    handle: Callable[[Q], Coroutine[Any, Any, A]],
    pack: Callable[[list[A]], Any],
    refuse: Callable[[reasons_pb2.Refusal], A],
    draining: Draining,
    where: str,
) -> AsyncIterator[Any]:
    """The answering half: serves the items of a stream concurrently and yields responses.

    `unpack` gives the items of a request, `handle` the answer to one (its `id` is set here), `pack` makes a
    response of answers (its `draining` is set here), `refuse` makes an answer that carries a refusal, `where`
    names the stream in logs. Usage: `def Decide(self, requests, context): return answer_batches(requests,
    …)`.
    """
    work: _Answering[Q, A] = _Answering(handle, refuse, where)
    reader = asyncio.create_task(work.read(requests, unpack), name=f"{where} reader")
    loop = asyncio.get_running_loop()
    retires_at = loop.time() + draining.stream_age()
    said_draining = False
    work.beat()
    draining.opened(work.ready)
    try:
        while True:
            is_draining = draining.is_set() or loop.time() > retires_at
            work.cut_late()
            if work.answers or is_draining != said_draining or work.owes_a_word():
                answers, work.answers = work.answers[:BATCH], work.answers[BATCH:]
                said_draining = is_draining
                response = pack(answers)
                response.draining = is_draining
                work.spoke = loop.time()
                yield response
                continue
            if reader.done() and not work.tasks:
                reader.result()
                return
            work.ready.clear()
            await work.ready.wait()
    finally:
        draining.closed(work.ready)
        reader.cancel()
        work.stop_beating()
        _left_alone.update(work.tasks)
        work.cut_rest()


_left_alone: set[asyncio.Task[Any]] = set()
"""Work whose stream broke is finished all the same: it will be asked again, and then it is done."""


class _Answering(Generic[Q, A]):
    """The items of one stream that are being served."""

    def __init__(
        self,
        handle: Callable[[Q], Coroutine[Any, Any, A]],
        refuse: Callable[[reasons_pb2.Refusal], A],
        where: str,
    ) -> None:
        self.answers: list[A] = []
        self.tasks: dict[asyncio.Task[A], float] = {}
        """The items that are being served, oldest first, and since when."""
        self.ready = asyncio.Event()
        self.spoke = 0.0
        self._loop = asyncio.get_running_loop()
        self._looked = 0.0
        self._beat: asyncio.TimerHandle | None = None
        self._handle = handle
        self._refuse = refuse
        self._where = where
        self._asked = ASKED.labels(where)
        self._seconds = QUESTION_SECONDS.labels(where)

    async def read(self, requests: AsyncIterator[Any], unpack: Callable[[Any], Iterable[Q]]) -> None:
        """Starts a task for each item; an item too many is refused."""
        try:
            async for request in requests:
                for item in unpack(request):
                    self._asked.inc()
                    if len(self.tasks) >= 2 * WINDOW:
                        self._say_refused(item.id, Refusal(Reason.REASON_OVERLOADED))
                        continue
                    origin = tracing.come_from(item)
                    task = asyncio.create_task(self._traced(item, origin) if origin else self._handle(item))
                    self.tasks[task] = self._loop.time()
                    task.add_done_callback(functools.partial(self._done, item.id))
        finally:
            self.ready.set()

    async def _traced(self, item: Q, origin: bytes) -> A:
        """The same as a span, of the service whose contract this is."""
        service = item.DESCRIPTOR.file.name.rpartition("/")[2].removesuffix(".proto")  # type: ignore[attr-defined]
        with tracing.span(service, self._where, origin):
            return await self._handle(item)

    def owes_a_word(self) -> bool:
        """Whether somebody has waited since the last beat without hearing anything."""
        return bool(self.tasks) and self._loop.time() - self.spoke >= BEAT_SECONDS / 2

    def beat(self) -> None:
        """Wakes the answering half twice a second, whatever happens."""
        self.ready.set()
        self._beat = self._loop.call_later(BEAT_SECONDS, self.beat)

    def stop_beating(self) -> None:
        """The stream is over."""
        if self._beat is not None:
            self._beat.cancel()

    def cut_late(self) -> None:
        """Cancels what has been served for too long: one look twice a second, and no timer for each."""
        now = self._loop.time()
        if now - self._looked < BEAT_SECONDS:
            return
        self._looked = now
        for task in [task for task, since in self.tasks.items() if now - since >= SERVE_SECONDS]:
            task.cancel()

    def cut_rest(self) -> None:
        """The same for what outlives its stream, until nothing is left of it."""
        self.cut_late()
        if self.tasks:
            self._loop.call_later(BEAT_SECONDS, self.cut_rest)

    def _done(self, number: int, task: asyncio.Task[A]) -> None:
        now = self._loop.time()
        self._seconds.observe(now - self.tasks.pop(task, now))
        _left_alone.discard(task)
        error = TimeoutError() if task.cancelled() else task.exception()
        if error is None:
            self._say(number, task.result())
        elif isinstance(error, TimeoutError):
            self._say_refused(number, Refusal(Reason.REASON_UNAVAILABLE))
        elif isinstance(error, Refusal):
            self._say_refused(number, error)
        else:
            bug = report_bug(self._where, error)
            self._say_refused(number, Refusal(Reason.REASON_UNAVAILABLE, f"a fault, logged as {bug}"))

    def _say_refused(self, number: int, refusal: Refusal) -> None:
        REFUSALS.labels(self._where, refusal.name).inc()
        self._say(number, self._refuse(refusal.to_proto()))

    def _say(self, number: int, answer: A) -> None:
        answer.id = number
        self.answers.append(answer)
        self.ready.set()


class Draining:
    """Whether a service of this process is on its way out; shared by all its streams."""

    def __init__(self, age_seconds: float = 300.0) -> None:
        self._is_set = False
        self._age = age_seconds
        self._streams: set[asyncio.Event] = set()
        self._no_streams = asyncio.Event()

    def set(self) -> None:
        """From now on every stream says so, beginning with those that are open."""
        self._is_set = True
        for wake in self._streams:
            wake.set()

    def is_set(self) -> bool:
        """Whether it is."""
        return self._is_set

    def stream_age(self) -> float:
        """After how many seconds a stream should be renewed: somewhat before its connection is."""
        return self._age * random.uniform(0.7, 0.85)

    def opened(self, wake: asyncio.Event) -> None:
        """Somebody asks; `wake` is set when there is something to say to him."""
        self._streams.add(wake)

    def closed(self, wake: asyncio.Event) -> None:
        """Somebody has all his answers and asks no more, or his stream broke."""
        self._streams.discard(wake)
        if not self._streams:
            self._no_streams.set()

    async def finished(self, seconds: float) -> bool:
        """Waits until everybody who asked has moved on; False where `seconds` were not enough for that."""
        self._no_streams.clear()
        if not self._streams:
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._no_streams.wait()
        except TimeoutError:
            return False
        return True
