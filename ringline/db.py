"""The database of one service, on asyncpg. SQLAlchemy owns the migrations (migrate.py): no process that
serves pays for its import.

A service signs in with its own role `ringline_<service>` and sees its own schema only. A database that cannot
be reached or does not answer in time comes out as the refusal "unavailable"; every other database error is a
bug.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg

from ringline.config import NodeSettings
from ringline.guarantees import ASKED, Promise, is_beyond, objection, worry
from ringline.refusal import Refusal
from ringline.telemetry import DATABASE_AT_RISK, log
from ringline.v1.reasons_pb2 import Reason

STATEMENT_SECONDS = 2.0
"""What the server allows one statement."""
ANSWER_SECONDS = 2.5
"""What we wait for an answer; longer than the server's own limit, so that its word comes first."""
CONNECT_SECONDS = 2.0
"""What a new connection may take, and what a caller waits for a free one."""
START_SECONDS = 120.0
"""What a service that starts waits for its database, and for `ringline migrate` to be done there."""
PAUSE_SECONDS = 0.25
IDLE_SECONDS = 300.0
"""How long a connection that nobody needs is kept."""
LOOK_SECONDS = 30.0
"""How often a process looks whether the database still promises what it must."""
LEAVING_POOL = 2
"""Connections of a process on its way out: it may take a minute, and another one has its place already."""

Record: TypeAlias = asyncpg.Record
Connection: TypeAlias = asyncpg.Connection

_GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was killed in the middle of an answer
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,  # its disk or its memory is full, or it has too many connections
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
)
_NOT_MADE = (
    asyncpg.InvalidAuthorizationSpecificationError,  # a role that is not there, or a wrong password
    asyncpg.InvalidCatalogNameError,
    asyncpg.UndefinedTableError,
    asyncpg.InsufficientPrivilegeError,
)
"""What a database says to a service before its role and schema are made; and, to one that runs and wants a
new connection, after its password was changed or while a backup is put in its place.
"""
_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class Database:
    """One service's database: `fetchrow`, `fetch`, `fetchval`, `execute` and `transaction` run on a pool of
    connections and turn an outage into Refusal(UNAVAILABLE).

    The pool is our own, because asyncpg's costs as much as a short statement: it starts tasks to hand a
    connection over, and puts a proxy around each.
    """

    def __init__(
        self, urls: Sequence[str], service: str, size: int = 8, settings: NodeSettings | None = None
    ) -> None:
        """`urls` differ in the password: where one is refused the next is tried. `settings` say what the
        database must promise; without them, nothing.
        """
        self._settings = settings
        self.service = service
        self._urls = list(urls)
        self._size = size
        self._is_open = False
        self._worry = ""
        # Connections that are idle, in use, or being opened.
        self._count = 0
        # The one that came back last is taken first, so that those nobody needs are seen at the other end.
        self._idle: deque[tuple[float, Connection]] = deque()
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()

    @classmethod
    def of(cls, settings: NodeSettings, service: str) -> "Database":
        """The database of `service` as configured, not opened yet."""
        return cls(settings.service_database_urls(service), service, settings.db_pool, settings)

    async def open(self, patience: float = 30.0) -> "Database":
        """Connects; waits up to `patience` seconds for a database that is starting, and for its role there.

        Raises what the last try raised, and ValueError where the database does not promise what it must.
        """
        deadline = time.monotonic() + patience
        self._is_open = True
        while True:
            try:
                con = await self._connect()
                try:
                    await self._judge(con)
                finally:
                    self.give_back(con)
                return self
            except (*_GONE, *_NOT_MADE) as gone:
                if time.monotonic() > deadline:
                    raise
                log(__name__).warning(
                    "database not there yet", service=self.service, problem=type(gone).__name__
                )
                await asyncio.sleep(PAUSE_SECONDS)

    async def until_migrated(self, newest: str, patience: float = START_SECONDS) -> None:
        """Waits up to `patience` seconds until the schema is at the migration `newest`, or at a newer one, of
        a later release, which keeps what this one needs.

        Raises TimeoutError where it is not.
        """
        async with asyncio.timeout(patience):
            while (found := await self._migration()) < newest:
                log(__name__).warning("schema not there yet", service=self.service, version=found)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _migration(self) -> str:
        """The number of the newest migration that was done; "" where none was, or nobody answers."""
        try:
            return str(await self.fetchval("SELECT max(version_num) FROM alembic_version") or "")
        except (Refusal, *_NOT_MADE):
            return ""

    async def _judge(self, con: Connection) -> None:
        if self._settings is None:
            return
        promise = Promise(**(await con.fetchrow(ASKED)))
        if why := objection(promise, self._settings):
            raise ValueError(why)
        if is_beyond(promise, self._settings):
            log(__name__).warning("database has too few connections", service=self.service)

    async def watch(self) -> None:
        """Looks for ever whether the database still promises what it must."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Tells, by a figure and in the log, where the database does not promise any more what it must."""
        if self._settings is None:
            return
        try:
            found = await self.fetchrow(ASKED)
        except Refusal:  # readiness says so
            return
        assert found is not None
        why = worry(Promise(**found), self._settings)
        DATABASE_AT_RISK.labels(self.service).set(bool(why))
        if why and why != self._worry:
            log(__name__).warning("database at risk", service=self.service, problem=why)
        self._worry = why

    def shrink(self) -> None:
        """From now on few connections are enough: the others are closed, those in use when they come back."""
        self._size = min(self._size, LEAVING_POOL)
        while self._idle and self._count > self._size:
            self._idle.popleft()[1].terminate()
            self._count -= 1

    async def close(self) -> None:
        """Closes every connection; one that is in use is cut when it comes back."""
        self._is_open = False
        while self._hand_over(None):
            pass
        idle, self._idle = self._idle, deque()
        await asyncio.gather(*(con.close(timeout=2.0) for _, con in idle), return_exceptions=True)

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

    def borrow(self) -> "Borrowed":
        """A connection of the pool, for the block. Leave no session state behind: it is not reset."""
        return Borrowed(self)

    async def take(self) -> Connection:
        """A connection; waits where all are in use. Give it back."""
        while self._idle:
            _, con = self._idle.pop()
            if not con.is_closed():
                return con
            self._count -= 1
        if not self._is_open:
            raise asyncpg.InterfaceError("the database is not open")
        if self._count < self._size:
            return await self._connect()
        place: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            given = await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # at the very moment when it was too late
                self._return(place.result())
            raise
        return given or await self.take()

    def give_back(self, con: Connection) -> None:
        """Lets the next one have it."""
        if not self._is_open or self._count > self._size:
            con.terminate()
        if con.is_closed():
            self._count -= 1
            self._hand_over(None)
        else:
            self._pass_on(con)

    def _return(self, given: Connection | None) -> None:
        if given is None:
            self._hand_over(None)
        else:
            self.give_back(given)

    def _pass_on(self, con: Connection | None) -> None:
        """To who waits, or else to the idle ones, of which one that nobody needed for long is closed."""
        if self._hand_over(con) or con is None:
            return
        now = time.monotonic()
        self._idle.append((now, con))
        if now - self._idle[0][0] > IDLE_SECONDS:
            self._idle.popleft()[1].terminate()
            self._count -= 1

    def _hand_over(self, con: Connection | None) -> bool:
        """Gives a connection, or None for the right to open one, to who has waited longest."""
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(con)
                return True
        return False

    async def _connect(self) -> Connection:
        self._count += 1
        con = None
        try:
            con = await self._sign_in()
        finally:
            if con is None:
                self._count -= 1
                self._hand_over(None)
        return con

    async def _sign_in(self) -> Connection:
        """A new connection. Raises what the last of the passwords came to, where all are refused."""
        *first, last = self._urls
        for url in first:
            try:
                return await self._sign_in_at(url)
            except asyncpg.InvalidAuthorizationSpecificationError:  # of which a wrong password is one
                log(__name__).warning("database refuses the password", service=self.service)
                if self._urls[0] == url:  # else somebody has found that out meanwhile
                    self._urls.append(self._urls.pop(0))
        return await self._sign_in_at(last)

    async def _sign_in_at(self, url: str) -> Connection:
        return await asyncpg.connect(
            url,
            command_timeout=ANSWER_SECONDS,
            timeout=CONNECT_SECONDS,
            server_settings=self._server_settings(),
        )

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


class Borrowed:
    """A connection for one block, and the door through which an outage leaves as Refusal(UNAVAILABLE): the
    same may be sent again. A class, because a decorated generator costs more, at every statement.
    """

    __slots__ = ("_con", "_db")

    def __init__(self, db: Database) -> None:
        self._db = db
        self._con: Connection | None = None

    async def __aenter__(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                self._con = await self._db.take()
        except (*_GONE, *_AGAIN) as gone:
            raise Refusal(Reason.REASON_UNAVAILABLE) from gone
        except _NOT_MADE as unknown:
            problem = type(unknown).__name__
            log(__name__).warning("database refuses the service", service=self._db.service, problem=problem)
            raise Refusal(Reason.REASON_UNAVAILABLE) from unknown
        return self._con

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        con = self._con
        if con is None:
            return
        if isinstance(error, TimeoutError | asyncio.CancelledError):
            # asyncpg would ask the server to cancel, over a new connection, and wait for that for ever.
            con.terminate()
        self._db.give_back(con)
        if isinstance(error, (*_GONE, *_AGAIN)):
            raise Refusal(Reason.REASON_UNAVAILABLE) from error
