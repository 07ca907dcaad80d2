"""The database of one service, on asyncpg. SQLAlchemy owns the migrations (migrate.py): no process that
serves pays for its import.

A service signs in with its own role `ringline_<service>` and sees its own schema only. A database that cannot
be reached or does not answer in time comes out as the refusal "unavailable"; every other database error is a
bug.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from ringline.config import NodeSettings
from ringline.refusal import Refusal
from ringline.telemetry import log
from ringline.v1.reasons_pb2 import Reason

STATEMENT_SECONDS = 2.0
"""What the server allows one statement."""
ANSWER_SECONDS = 2.5
"""What we wait for an answer; longer than the server's own limit, so that its word comes first."""
CONNECT_SECONDS = 2.0
"""What a new connection may take, and what a caller waits for a free one."""
IDLE_SECONDS = 300.0
"""How long a connection that nobody needs is kept."""

Record: TypeAlias = asyncpg.Record
Connection: TypeAlias = PoolConnectionProxy

_GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was killed in the middle of an answer
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
)
_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class Database:
    """One service's database.

    `pool` is asyncpg's, for hot statements; `fetchrow`, `fetch`, `fetchval`, `execute` and `transaction` run
    on it and turn an outage into Refusal(UNAVAILABLE).
    """

    def __init__(self, url: str, service: str, size: int = 8) -> None:
        self.service = service
        self._url = url
        self._size = size
        self._pool: asyncpg.Pool | None = None
        # Taken from the pool and idle, with the time since when: asyncpg's own taking and giving back starts
        # tasks, which costs as much as a short statement.
        self._idle: deque[tuple[float, Connection]] = deque()
        self._waiting = 0

    @classmethod
    def of(cls, settings: NodeSettings, service: str) -> "Database":
        """The database of `service` as configured, not opened yet."""
        return cls(settings.service_database_url(service), service, settings.db_pool)

    async def open(self, patience: float = 30.0) -> "Database":
        """Connects; waits up to `patience` seconds for a database that is starting.

        Raises what the last try raised.
        """
        deadline = time.monotonic() + patience
        while True:
            try:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=min(2, self._size),
                    max_size=self._size,
                    max_inactive_connection_lifetime=IDLE_SECONDS,
                    command_timeout=ANSWER_SECONDS,
                    timeout=CONNECT_SECONDS,
                    reset=_keep,
                    server_settings=self._server_settings(),
                )
                return self
            except _GONE as gone:
                if time.monotonic() > deadline:
                    raise
                log(__name__).warning(
                    "database not there yet", service=self.service, problem=type(gone).__name__
                )
                await asyncio.sleep(0.25)

    async def close(self) -> None:
        """Closes every connection, at once where they do not close by themselves within 2 s."""
        if self._pool is not None:
            try:
                async with asyncio.timeout(2.0):
                    self._waiting += 1  # from now on what comes back goes to the pool
                    while self._idle:
                        await self._pool.release(self._idle.pop()[1])
                    await self._pool.close()
            except TimeoutError:
                self._pool.terminate()

    @property
    def pool(self) -> asyncpg.Pool:
        """The pool. Its connections are not reset when they come back: leave no session state behind."""
        if self._pool is None:
            raise RuntimeError("the database is not open")
        return self._pool

    async def fetchrow(self, sql: str, *values: Any) -> Record | None:
        """The first row of `sql`, or None."""
        async with self.borrow() as con:
            return await con.fetchrow(sql, *values)

    async def fetch(self, sql: str, *values: Any) -> list[Record]:
        """Every row of `sql`."""
        async with self.borrow() as con:
            rows: list[Record] = await con.fetch(sql, *values)
            return rows

    async def fetchval(self, sql: str, *values: Any) -> Any:
        """The first column of the first row of `sql`, or None."""
        async with self.borrow() as con:
            return await con.fetchval(sql, *values)

    async def execute(self, sql: str, *values: Any) -> int:
        """Runs `sql` and answers how many rows it changed."""
        async with self.borrow() as con:
            tag = await con.execute(sql, *values)
        last = tag.rpartition(" ")[2]
        return int(last) if last.isdigit() else 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A transaction (read committed) on a connection of the pool; rolled back where the block raises."""
        async with self.borrow() as con, con.transaction():
            yield con

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[Connection]:
        """A connection of the pool. Leave no session state behind: it is not reset."""
        with outage():
            con = await self._take()
            try:
                yield con
            except (TimeoutError, asyncio.CancelledError):
                # asyncpg would ask the server to cancel, over a new connection, and wait for that without a
                # limit.
                con.terminate()
                raise
            finally:
                await self._give_back(con)

    async def _take(self) -> Connection:
        while self._idle:
            _, con = self._idle.pop()
            if not _is_closed(con):
                return con
            await self.pool.release(con)
        self._waiting += 1
        try:
            return await self.pool.acquire(timeout=CONNECT_SECONDS)
        finally:
            self._waiting -= 1

    async def _give_back(self, con: Connection) -> None:
        if self._waiting or _is_closed(con):
            await self.pool.release(con)
            return
        now = time.monotonic()
        self._idle.append((now, con))
        if now - self._idle[0][0] > IDLE_SECONDS:
            await self.pool.release(self._idle.popleft()[1])

    async def answers(self) -> bool:
        """Whether a trivial statement gets through, for readiness."""
        try:
            return bool(await self.fetchval("SELECT 1") == 1)
        except Refusal:
            return False

    def _server_settings(self) -> dict[str, str]:
        milliseconds = str(round(STATEMENT_SECONDS * 1000))
        return {
            "search_path": self.service,
            "application_name": f"ringline {self.service}",
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": "10000",
            "tcp_user_timeout": "5000",
            "jit": "off",
            # Statements here fetch rows by key: one plan is good for all values, and planning each time anew
            # cost more than running (a batch of Directory.Relate: 0.70 ms, 0.43 with the generic plan).
            "plan_cache_mode": "force_generic_plan",
        }


def _is_closed(con: Connection) -> bool:
    try:
        return bool(con.is_closed())
    except asyncpg.InterfaceError:  # so much so that the pool has taken it back
        return True


@contextmanager
def outage() -> Iterator[None]:
    """Turns a database that is away, or too slow, into Refusal(UNAVAILABLE): the same may be sent again."""
    try:
        yield
    except _GONE as gone:
        raise Refusal(Reason.REASON_UNAVAILABLE) from gone
    except _AGAIN as again:
        raise Refusal(Reason.REASON_UNAVAILABLE) from again


async def _keep(_con: Any, /) -> None:
    """No reset: a round trip saved on every statement."""
