"""Virtual time: a loop in which an hour passes at once, and everything is as late as it says."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Skipping(selectors.SelectSelector):
    """Instead of waiting it lets time pass."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now."""
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits for something that will never happen"
            self.passed += max(0.0, timeout)
        return ready


class InstantLoop(asyncio.SelectorEventLoop):
    """A loop with a time of its own."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Seconds that have passed in it."""
        return self._skipping.passed


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` in virtual time."""
    with asyncio.Runner(loop_factory=InstantLoop) as runner:
        return runner.run(work)


async def lapse(seconds: float) -> None:
    """Lets so much virtual time pass."""
    loop = asyncio.get_running_loop()
    passed = loop.create_future()
    loop.call_later(seconds, passed.set_result, None)
    await passed
