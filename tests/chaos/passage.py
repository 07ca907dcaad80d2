"""A TCP passage between a gateway and a signaling process, with weather: cut, one way or both, delay, loss.

Loss cannot be had on a TCP stream without the kernel's help, which this machine has not. What a lost segment
does to a stream can: its bytes, and all that follow, come one retransmission later (200 ms, doubling where
that is lost as well). So the share of chunks given as loss is held back by that.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

CHUNK = 65_536
RETRANSMISSION_SECONDS = 0.2
MOST_RETRANSMISSIONS = 5


@dataclass
class Weather:
    """What happens between the two; `there` leads to signaling, `back` from it. A cut holds bytes back, as a
    network does that says nothing, until it is lifted.
    """

    chance: random.Random
    cut_there: bool = False
    cut_back: bool = False
    delay_s: float = 0.0
    loss: float = 0.0
    held: int = 0
    """How many chunks, and knocks at the door, were held back or late so far."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def set(
        self, *, there: bool = False, back: bool = False, delay_s: float = 0.0, loss: float = 0.0
    ) -> None:
        """Makes the weather; without arguments it is fine."""
        self.cut_there, self.cut_back, self.delay_s, self.loss = there, back, delay_s, loss
        self.changed.set()
        self.changed = asyncio.Event()

    def lateness(self) -> float:
        """By how many seconds the next chunk is late."""
        late, pause = self.delay_s, RETRANSMISSION_SECONDS
        for _ in range(MOST_RETRANSMISSIONS):
            if self.chance.random() >= self.loss:
                break
            late += pause
            pause *= 2
        self.held += late > 0
        return late

    async def until_open(self, there: bool) -> None:
        """Waits while this direction is cut."""
        self.held += self._is_cut(there)
        while self._is_cut(there):
            await self.changed.wait()

    def _is_cut(self, there: bool) -> bool:
        return self.cut_there if there else self.cut_back


class Passage:
    """Whatever is said to `port` is said to `beyond`."""

    def __init__(self, port: int, beyond: int, weather: Weather) -> None:
        self.port = port
        self.weather = weather
        self._beyond = beyond
        self._running: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Listens."""
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()
            for task in list(self._running):
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        with suppress(OSError, asyncio.CancelledError):
            # Who knocks while it is cut hears nothing: neither yes nor no.
            await self.weather.until_open(there=True)
            await self.weather.until_open(there=False)
            try:
                beyond, back = await asyncio.open_connection("127.0.0.1", self._beyond)
            except OSError:
                writer.transport.abort()
                return
            await asyncio.gather(self._pour(reader, back, True), self._pour(beyond, writer, False))

    async def _pour(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, there: bool) -> None:
        """Reads at once and writes when it is due, in order."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def write() -> None:
            while True:
                due, chunk = await queue.get()
                await self.weather.until_open(there)
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(due):
                        if due > loop.time():
                            await asyncio.Event().wait()
                if not chunk:
                    return
                target.write(chunk)
                await target.drain()

        writing = asyncio.create_task(write())
        due = 0.0
        try:
            while chunk := await source.read(CHUNK):
                due = max(due, loop.time() + self.weather.lateness())
                queue.put_nowait((due, chunk))
        except OSError:
            pass  # one end has gone, so the other one goes too
        finally:
            queue.put_nowait((due, b""))
            with suppress(OSError, asyncio.CancelledError):
                await writing
            writing.cancel()
            target.close()
