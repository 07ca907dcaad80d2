"""One load for everything that is asked within one turn of the loop: the other end of the batched streams.

An item of a stream is served on its own, but a statement for each would cost more than everything else. What
is asked of a `Gather` in the same turn, by whatever stream, is loaded together.
"""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MOST = 256
"""Keys in one load at most."""
LANES = 3
"""Loads under way at most; what is asked meanwhile waits and shares the next one."""


class Gather(Generic[K, V]):
    """Loads keys together. `load` answers one value for each key, in the order of the keys."""

    def __init__(self, load: Callable[[list[K]], Awaitable[Sequence[V]]]) -> None:
        self._load = load
        self._asked: deque[tuple[K, asyncio.Future[V]]] = deque()
        self._loads: set[asyncio.Task[Sequence[V]]] = set()
        self._is_due = False

    async def ask(self, key: K) -> V:
        """The value of one key. Raises what the load raised."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[V] = loop.create_future()
        self._asked.append((key, future))
        if not self._is_due and len(self._loads) < LANES:
            self._is_due = True
            loop.call_soon(self._begin)
        return await future

    def _begin(self) -> None:
        self._is_due = False
        asked = [self._asked.popleft() for _ in range(min(MOST, len(self._asked)))]
        asked = [(key, future) for key, future in asked if not future.done()]
        if asked:
            self._start([key for key, _ in asked], [future for _, future in asked])
        if self._asked and len(self._loads) < LANES:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _start(self, keys: list[K], futures: list[asyncio.Future[V]]) -> None:
        load = asyncio.create_task(self._run(keys))
        load.add_done_callback(functools.partial(self._done, futures))
        self._loads.add(load)

    async def _run(self, keys: list[K]) -> Sequence[V]:
        return await self._load(keys)

    def _done(self, futures: list[asyncio.Future[V]], task: asyncio.Task[Sequence[V]]) -> None:
        self._loads.discard(task)
        if self._asked and not self._is_due:
            self._begin()
        if task.cancelled():
            for future in futures:
                future.cancel()
            return
        error = task.exception()
        values = [] if error is not None else task.result()
        for number, future in enumerate(futures):
            if future.done():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(values[number])
