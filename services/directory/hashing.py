"""Hashing passwords: Argon2id (RFC 9106) in a few threads, with a short queue.

A hash is some 150 ms of CPU. argon2-cffi gives up the GIL meanwhile (measured: the loop's thread keeps
turning), so threads are enough; more work than the queue holds is refused at once instead of making everybody
wait.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

import argon2

from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason

T = TypeVar("T")

RETRY_SECONDS = 1.0


class Hasher:
    """`threads` hashes at a time and at most `queue` that wait. Leaving the context stops the threads."""

    def __init__(self, threads: int, queue: int, memory_kib: int, passes: int) -> None:
        self._argon2 = argon2.PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="hasher")
        self._places = threads + queue
        self._taken = 0
        # What an unknown user's password is compared with, so that it takes as long as a known one's.
        self._nobodys = self._argon2.hash(secrets.token_hex(16))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def hashed(self, password: str) -> str:
        """The hash of a password in normal form, with its salt and parameters (PHC string)."""
        return await self._run(lambda: self._argon2.hash(password))

    async def matches(self, stored: str, password: str) -> bool:
        """Whether `password` is the one behind `stored`. An empty one matches nothing, and takes as long."""
        matches = await self._run(lambda: self._verify(stored or self._nobodys, password))
        return matches and bool(stored)

    def is_outdated(self, stored: str) -> bool:
        """Whether `stored` was made with other parameters than those of today."""
        return self._argon2.check_needs_rehash(stored)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._argon2.verify(stored, password)
        except argon2.exceptions.VerifyMismatchError:
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._taken >= self._places:
            raise Refusal(Reason.REASON_OVERLOADED, retry_after=RETRY_SECONDS)
        self._taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._taken -= 1
