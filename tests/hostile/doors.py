"""The parsers of the listening side in this process: the WebSocket, its upgrade, and HTTP, each with a
transport that only counts.
"""

import asyncio
import functools
from typing import Any

import uvicorn
from uvicorn.server import ServerState
from websockets.http11 import Request

from services.gateway.door import Door
from services.gateway.frames import LONGEST_FRAME
from services.gateway.limits import Strikes
from services.gateway.listener import http_class
from services.gateway.network import networks
from services.gateway.socket import Socket
from services.gateway.tickets import TicketPress

MOST_ANSWERED = 1 << 20
KEPT = 4_096
REQUEST = (
    b"GET /v1/connect HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Protocol: ringline.v1\r\n\r\n"
)
CHUNKS = (1, 7, 64, 1 << 20)
"""In how big pieces bytes come: the first byte of an input says which."""
TURNS = 12
"""Turns of the loop that a small application needs."""


class Counter(asyncio.Transport):
    """A transport to nobody."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = 0
        self.waiting = 0
        self.said = bytearray()
        self.is_gone = False
        self.has_ended = False
        self.protocol: Any = None

    def write(self, data: Any) -> None:
        """Counts, and keeps the first of it. Where it is closed it raises, as uvloop's does."""
        if self.is_gone or self.has_ended:
            raise RuntimeError("the handler is closed")
        self.written += len(data)
        if len(self.said) < KEPT:
            self.said += data

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.is_gone

    def close(self) -> None:
        """Closes."""
        self.is_gone = True

    def can_write_eof(self) -> bool:
        """As TCP."""
        return True

    def write_eof(self) -> None:
        """Says that no more comes."""
        self.has_ended = True

    def abort(self) -> None:
        """Closes at once."""
        self.is_gone = True

    def get_write_buffer_size(self) -> int:
        """What waits to be read."""
        return self.waiting

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As it is."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hands the connection over."""
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who has it."""
        found: asyncio.BaseProtocol = self.protocol
        return found

    def pause_reading(self) -> None:
        """Nothing reads here."""

    def resume_reading(self) -> None:
        """Nothing reads here."""


@functools.cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


@functools.cache
def _door() -> Door:
    press = TicketPress("the key of the parsers' own tickets, long enough", 30)
    return Door(("https://social.example",), networks("127.0.0.0/8"), press, Strikes(1, 1.0))


def _admit(heard: list[int], socket: Socket, request: Request) -> tuple[int, str, dict[str, str]] | None:
    """What the board does with a request, without a line behind it."""
    headers = request.headers
    network = _door().network(socket.peer, headers.get_all("X-Forwarded-For"))
    origin, host = headers.get_all("Origin"), headers.get_all("Host")
    turned = _door().turn_away("".join(origin[:1]), "".join(host[:1]), network, 0.0)
    if turned is None:
        socket.hear = lambda message: heard.append(len(message))
    return turned


def _fed(protocol: Any, transport: Counter, data: bytes, size: int) -> None:
    for at in range(0, len(data), size):
        if transport.is_gone:
            return
        (transport.protocol or protocol).data_received(data[at : at + size])


def open_socket(
    heard: list[int], first: bytes = REQUEST, state: ServerState | None = None
) -> tuple[Socket, Counter]:
    """A connection after its upgrade; the sizes of messages go to `heard`."""
    socket = Socket(functools.partial(_admit, heard), 5.0, 262_144, server_state=state or ServerState())
    transport = Counter()
    socket.connection_made(transport)
    socket.data_received(first)
    return socket, transport


async def _websocket(first: bytes, data: bytes) -> int:
    heard: list[int] = []
    state = ServerState()
    socket, transport = open_socket(heard, first, state)
    _fed(socket, transport, data[1:], CHUNKS[data[0] % len(CHUNKS)] if data else 1)
    if not transport.is_gone:
        socket.eof_received()
    assert transport.written < MOST_ANSWERED, "answers more than it is asked"
    assert all(size <= LONGEST_FRAME for size in heard), "a message longer than any may be"
    socket.connection_lost(None)
    assert not state.connections, "a connection that is gone is still counted"
    return len(heard)


def websocket(data: bytes) -> object:
    """What comes on a connection after the upgrade."""
    return _runner().run(_websocket(REQUEST, data))


def upgrade(data: bytes) -> object:
    """The request itself, as uvicorn hands it over: a head, and nothing behind it."""
    head = data.partition(b"\r\n\r\n")[0].rstrip(b"\r\n")
    return _runner().run(_websocket(head + b"\r\n\r\n", b""))


async def _application(scope: Any, receive: Any, send: Any) -> None:
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


@functools.cache
def _config() -> Any:
    config = uvicorn.Config(
        _application,
        ws=_socket,  # type: ignore[arg-type]  # as in listener.py
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
    )
    config.load()
    return config


def _socket(**given: Any) -> Socket:
    return Socket(functools.partial(_admit, []), 5.0, 262_144, server_state=given["server_state"])


def http_connection(seconds: float, state: ServerState | None = None) -> tuple[Any, Counter]:
    """A connection that has said nothing yet."""
    protocol = http_class(seconds)(config=_config(), server_state=state or ServerState(), app_state={})
    transport = Counter()
    transport.protocol = protocol
    protocol.connection_made(transport)
    return protocol, transport


async def _http(data: bytes) -> int:
    state = ServerState()
    protocol, transport = http_connection(15.0, state)
    _fed(protocol, transport, data[1:], CHUNKS[data[0] % len(CHUNKS)] if data else 1)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert transport.written < MOST_ANSWERED, "answers more than it is asked"
    (transport.protocol or protocol).connection_lost(None)
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert not state.connections, "a connection that is gone is still counted"
    assert not state.tasks, "a request that is gone is still answered"
    return transport.written


def http(data: bytes) -> object:
    """What comes on a connection from its first byte."""
    return _runner().run(_http(data))
