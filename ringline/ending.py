"""When a process is told to end: at any moment, also while it still waits for its database.

Signals are heeded from the beginning. In a container the process is the first one, to which the kernel does
not apply a signal that nobody has asked for: who was told to end would be killed a minute later.
"""

import asyncio
import signal
from collections.abc import Awaitable


class Ending:
    """Whether this process was told to end, by SIGTERM, SIGINT or `tell`."""

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self._beginning: asyncio.Timeout | None = None

    @property
    def is_told(self) -> bool:
        """Whether it was."""
        return self._told.is_set()

    async def told(self) -> None:
        """Waits until it is."""
        await self._told.wait()

    def heed_signals(self) -> None:
        """From now on signals tell it."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.tell)

    def tell(self) -> None:
        """Tells it; what is done `unless_told` is given up."""
        if self._beginning is not None and not self.is_told:
            self._beginning.reschedule(asyncio.get_running_loop().time())
        self._told.set()

    async def unless_told(self, work: Awaitable[None]) -> None:
        """Does `work`, in this task; where the process is told to end meanwhile, gives it up and returns."""
        try:
            async with asyncio.timeout(None) as self._beginning:
                await work
        except TimeoutError:
            if not self.is_told:
                raise
        finally:
            self._beginning = None
