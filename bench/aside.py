"""A process beside the bench that does one thing each time it is asked to: a line of JSON for the order, one
for the answer. It ends when whoever started it does.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

LONGEST_LINE = 1 << 24
Word = dict[str, Any]


class Aside:
    """Such a process, from the side of who started it."""

    def __init__(self, module: str, process: asyncio.subprocess.Process) -> None:
        self._module = module
        self._process = process

    @classmethod
    async def start(cls, module: str) -> "Aside":
        """Runs `python -m module`, in a session of its own."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            limit=LONGEST_LINE, start_new_session=True,
        )  # fmt: skip
        return cls(module, process)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ask(self, **order: Any) -> Word:
        """Gives an order and waits for the answer. Raises ConnectionError where the process has ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()
        answer = await self._process.stdout.readline()
        if not answer:
            raise ConnectionError(f"{self._module} has ended")
        heard: Word = json.loads(answer)
        return heard

    async def end(self) -> None:
        """Lets it end, and waits for that."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()


async def orders() -> AsyncIterator[Word]:
    """The orders, from the side of the process that is asked; each is to be answered before the next."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        order: Word = json.loads(line)
        yield order


def answer(**word: Any) -> None:
    """Answers an order."""
    print(json.dumps(word), flush=True)
