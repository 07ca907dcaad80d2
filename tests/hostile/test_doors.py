"""The listening side ends what would never end: floods of pings, endless heads and trailers, late bytes."""

import asyncio
import functools

import pytest
from uvicorn.server import ServerState

from services.gateway.listener import LONGEST_HEAD
from services.gateway.socket import CONTROL_BURST, LATE_BYTES, LATE_FRAMES, SLICE, Socket
from tests.hostile.doors import REQUEST, Counter, http_connection, open_socket

PING = b"\x89\x80\0\0\0\0"
EMPTY = b"\x82\x80\0\0\0\0"
POST = b"POST /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_pings_are_answered_so_often_and_no_more() -> None:
    socket, transport = open_socket([])
    before = transport.written
    socket.data_received(PING * CONTROL_BURST)
    assert transport.written - before == 2 * CONTROL_BURST and socket.is_open
    socket.data_received(PING * 40_000)
    assert not socket.is_open
    assert transport.written - before < 10_000, "a flood in one segment is noticed while it is read"
    assert transport.is_gone, "and is listened to no more"


async def test_what_was_on_its_way_when_we_said_goodbye_is_let_in_and_no_more() -> None:
    heard: list[int] = []
    socket, transport = open_socket(heard)
    socket.close(1008)
    socket.data_received(EMPTY * 100)
    assert not heard and not transport.is_gone
    socket.data_received(b"\x88\x80\0\0\0\0")
    assert transport.is_gone, "a close that is answered is done with"
    other, cut = open_socket(heard)
    other.close(1008)
    for _ in range(LATE_BYTES // len(EMPTY * 100) + 1):
        other.data_received(EMPTY * 100)
    assert cut.is_gone and not heard


@pytest.mark.parametrize("tiny", [EMPTY, PING])
async def test_of_tiny_frames_after_our_goodbye_few_are_read_and_the_goodbye_is_not_lost(tiny: bytes) -> None:
    socket, transport = open_socket([])
    read: list[int] = []
    receive = socket._conn.receive_data

    def count(data: bytes | bytearray) -> None:
        read.append(len(data))
        receive(data)

    socket._conn.receive_data = count  # type: ignore[method-assign]
    socket.close(1008)
    socket.data_received(tiny * 100)
    assert not transport.has_ended, "what was on its way may have the answer in it"
    socket.data_received(tiny * 2_000)
    socket.data_received(tiny * 2_000)
    assert transport.has_ended and not transport.is_gone, "a reset would take the goodbye with it"
    assert sum(read) <= LATE_FRAMES * len(tiny) + SLICE
    socket.data_received(b"x" * LATE_BYTES)
    assert transport.is_gone


@pytest.mark.parametrize(
    "bytes_",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (8 * LONGEST_HEAD),
        b"GET /" + b"a" * (8 * LONGEST_HEAD),
        b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * LONGEST_HEAD,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: " + b"b" * LONGEST_HEAD + b"\r\n\r\n",
        POST + b"0\r\n" + b"a:b\r\n" * LONGEST_HEAD,
        POST + b"0\r\na: " + b"b" * (8 * LONGEST_HEAD),
        POST + b"3;" + b"b" * (8 * LONGEST_HEAD),
    ],
)
@pytest.mark.parametrize("size", [65_536, 5_000])
async def test_a_head_without_an_end_is_refused(bytes_: bytes, size: int) -> None:
    protocol, transport = http_connection(15.0)
    for at in range(0, len(bytes_), size):
        if not transport.is_gone:
            protocol.data_received(bytes_[at : at + size])
    assert transport.is_gone
    assert transport.said.count(b"HTTP/1.1 400") == 1
    protocol.connection_lost(None)
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET / HTT",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n\r\n",
        POST + b"3\r\nab",
    ],
)
async def test_nobody_keeps_a_connection_by_trickling(said: bytes) -> None:
    """Nor by empty lines now and then, nor on a connection that asked for something before."""
    protocol, transport = http_connection(0.05)
    protocol.data_received(said)
    async with asyncio.timeout(5.0):
        while not transport.is_gone:
            await asyncio.sleep(0.01)
            protocol.data_received(b"\r\n" if said.endswith(b"\n") else b"")
    protocol.connection_lost(None)


async def test_an_answer_that_nobody_reads_is_not_kept() -> None:
    protocol, transport = http_connection(0.05)
    transport.waiting = 100_000
    protocol.pause_writing()
    async with asyncio.timeout(5.0):
        for _ in iter(lambda: transport.is_gone, True):
            await asyncio.sleep(0.01)
    protocol.connection_lost(None)


async def test_who_reads_almost_all_and_then_stops_is_cut_too() -> None:
    """What little is left keeps the writer from pausing, and would keep the connection."""
    protocol, transport = http_connection(0.05)
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    transport.waiting = 100_000
    protocol.pause_writing()
    transport.waiting = 10_000
    protocol.resume_writing()
    async with asyncio.timeout(5.0):
        for _ in iter(lambda: transport.is_gone, True):
            await asyncio.sleep(0.01)
    protocol.connection_lost(None)
    await asyncio.sleep(0)


async def test_a_connection_that_is_gone_leaves_nothing_behind() -> None:
    state = ServerState()
    socket = Socket(functools.partial(lambda *_: None), 5.0, 1_000, server_state=state)
    transport = Counter()
    socket.connection_made(transport)
    socket.data_received(REQUEST)
    assert len(state.connections) == 1
    socket.connection_lost(None)
    assert not state.connections


async def test_an_upgrade_behind_an_unanswered_request_is_refused() -> None:
    """Else the answer would be written into the line."""
    protocol, transport = http_connection(15.0)
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + REQUEST)
    assert transport.said.startswith(b"HTTP/1.1 400") and transport.is_gone
    for _ in range(20):
        await asyncio.sleep(0)
    assert transport.said.count(b"HTTP/1.1") == 1, "and the answer is dropped, without a fault"
    protocol.connection_lost(None)


async def test_an_upgrade_after_an_answer_is_one() -> None:
    protocol, transport = http_connection(15.0)
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    for _ in range(20):
        await asyncio.sleep(0)
    protocol.data_received(REQUEST)
    assert transport.said.count(b"HTTP/1.1 200") == transport.said.count(b"HTTP/1.1 101") == 1
    transport.get_protocol().connection_lost(None)


async def test_who_hangs_up_while_he_is_answered_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    protocol, transport = http_connection(15.0)
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    transport.abort()
    for _ in range(20):
        await asyncio.sleep(0)
    protocol.connection_lost(None)
    assert not caplog.records
