"""Core NATS: wake-ups. This file and log.py are the only places where a subject is made; permissions.py says
who may use which.

The bus may be away: then a wake-up is dropped and counted (the anti-entropy frames repair it), and the
connection is tried again for ever. Only ids of our own making enter a subject.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from nats.aio.client import DEFAULT_INBOX_PREFIX, Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from ringline.telemetry import WAKES, log

PING_SECONDS = 5
"""nats-py's default of two minutes notices a half-open link after four."""
CONNECT_SECONDS = 2
RETRY_SECONDS = 1

WAKE: Final = "ringline.wake"
"""Followed by the id of a gateway, or ALL."""
ALL: Final = "all"
"""Instead of a gateway's id: every gateway."""

OnWake = Callable[[bytes], None]

_NO_BUS = (NatsError, OSError, ValueError, TypeError, AttributeError, LookupError)
"""What nats-py raises where it cannot read an address, or what answers there is no bus."""

_SENT, _HEARD, _DROPPED = (WAKES.labels(fate) for fate in ("sent", "heard", "dropped"))
_TOKEN = re.compile(r"[a-z0-9_]+")


def token(text: str) -> str:
    """`text`, if it may be a part of a subject. Raises ValueError otherwise."""
    if not _TOKEN.fullmatch(text):
        raise ValueError("a subject is made of ids only")
    return text


def inbox(user: str) -> str:
    """The prefix of the subjects on which a user of the bus gets replies: nobody else may read them."""
    return f"_INBOX_{user}"


class Bus:
    """One process's connection to the bus, as whom the address names, or as `user` with one of the
    `passwords`: the next one is tried where the bus refuses the one before.
    """

    def __init__(
        self, url: str, name: str = "ringline", user: str = "", passwords: Sequence[str] = ()
    ) -> None:
        self._url = url
        self._name = name
        self._user = user
        self._passwords = list(passwords)
        self._refused = 0
        self._was_connected = False
        self._leaving: asyncio.Task[None] | None = None
        self._nc = Client()
        self._keeper: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._closed = asyncio.Event()
        self._wakes: list[Wakes] = []
        self._watchers: list[Callable[[], None]] = []

    async def connect(self, patience: float = 2.0) -> "Bus":
        """Begins to connect and waits for it at most `patience` seconds; a bus that is away is no failure."""
        self._keeper = asyncio.create_task(self._keep(), name="bus")
        try:
            async with asyncio.timeout(patience):
                await self._up.wait()
        except TimeoutError:
            log(__name__).warning("bus not there yet")
        return self

    async def close(self) -> None:
        """Sends what is buffered, at most for two seconds, and leaves."""
        if self._keeper is not None:
            self._keeper.cancel()
        with suppress(NatsError, TimeoutError, OSError, AssertionError):
            if self.is_up:
                await self._nc.flush(timeout=2)
            await self._nc.close()

    @property
    def is_up(self) -> bool:
        """Whether the bus can be reached as far as we know."""
        return self._nc.is_connected

    @property
    def client(self) -> Client:
        """nats-py's client of now; for log.py."""
        return self._nc

    async def until_up(self) -> None:
        """Waits until the bus is there."""
        await self._up.wait()

    def on_reconnect(self, call: Callable[[], None]) -> None:
        """Calls `call` each time after the bus was away: wake-ups may have been lost."""
        self._watchers.append(call)

    async def publish_wake(self, gateway_id: str, wake: bytes) -> bool:
        """Publishes an encoded Wake to one gateway, or to ALL. False: dropped and counted."""
        if not self._nc.is_connected:
            _DROPPED.inc()
            return False
        try:
            await self._nc.publish(f"{WAKE}.{token(gateway_id)}", wake)
        except (NatsError, OSError):
            _DROPPED.inc()
            return False
        _SENT.inc()
        return True

    async def subscribe_wakes(self, gateway_id: str, on_wake: OnWake) -> "Wakes":
        """Calls `on_wake(bytes)` in order for each wake-up of this gateway or of ALL."""
        wakes = Wakes(gateway_id, on_wake)
        self._wakes.append(wakes)
        if self.is_up:
            await wakes.open(self._nc)
        return wakes

    async def _keep(self) -> None:
        """nats-py reconnects by itself, except where the server sent it away: then there is a new client."""
        is_first = True
        while True:
            self._closed.clear()
            try:
                await self._connect(self._nc)
            except _NO_BUS as problem:
                log(__name__).warning("bus cannot be connected to", problem=type(problem).__name__)
                with suppress(NatsError, OSError, AssertionError):  # the last: it had not begun
                    await self._nc.close()
                await asyncio.sleep(RETRY_SECONDS)
                self._nc = Client()
                continue
            self._was_connected = True
            for wakes in self._wakes:
                await wakes.open(self._nc)
            if is_first:
                self._up.set()
            else:
                await self._on_back()
            await self._closed.wait()
            await asyncio.sleep(RETRY_SECONDS)
            self._nc = Client()
            is_first = self._was_connected = False

    async def _connect(self, client: Client) -> None:
        await client.connect(
            servers=[one.strip() for one in self._url.split(",")],
            name=self._name,
            connect_timeout=CONNECT_SECONDS,
            ping_interval=PING_SECONDS,
            max_outstanding_pings=1,
            reconnect_time_wait=RETRY_SECONDS,
            max_reconnect_attempts=-1,
            allow_reconnect=True,
            error_cb=self._on_error,
            disconnected_cb=self._on_lost,
            reconnected_cb=self._on_back,
            closed_cb=self._on_closed,
            user=self._user or None,
            password=self._password if self._user else None,
            inbox_prefix=inbox(self._user) if self._user else DEFAULT_INBOX_PREFIX,
        )

    def _password(self) -> str:
        """Asked at every connection."""
        return self._passwords[self._refused % len(self._passwords)] if self._passwords else ""

    async def _on_error(self, error: Exception) -> None:
        said = str(error).lower()
        if "authorization violation" in said:
            self._refused += 1
            log(__name__).warning("bus refuses the password")
            if self._was_connected:  # nats-py would leave this connection open; a new client does not
                self._leaving = asyncio.create_task(self._nc.close(), name="bus that is left")
        elif "permissions violation" in said:
            log(__name__).warning("bus does not permit it")
        else:
            log(__name__).debug("bus trouble", problem=type(error).__name__)

    async def _on_lost(self) -> None:
        self._up.clear()
        if self._keeper is None or not (self._keeper.cancelling() or self._keeper.done()):  # not by our close
            log(__name__).warning("bus lost")

    async def _on_back(self) -> None:
        self._up.set()
        log(__name__).info("bus is back")
        for call in self._watchers:
            call()

    async def _on_closed(self) -> None:
        self._up.clear()
        self._closed.set()


class Wakes:
    """A gateway's subscription, for as long as the bus lives."""

    def __init__(self, gateway_id: str, on_wake: OnWake) -> None:
        self._names = [token(gateway_id), ALL]
        self._on_wake = on_wake
        self._client: Client | None = None

    async def open(self, client: Client) -> None:
        """Subscribes on a client that is connected; once on each."""
        if self._client is client:
            return
        self._client = client
        for name in self._names:
            await client.subscribe(f"{WAKE}.{name}", cb=self._receive)

    async def _receive(self, message: Msg) -> None:
        _HEARD.inc()
        self._on_wake(message.data)
