"""Who reads slowly is waited for, who does not read is not."""

import asyncio
import socket

import pytest

from services.gateway.reader import LEAST_READ, Reader

STEP = 0.02
WITHIN = 10.0


class Pipe(asyncio.Transport):
    """A transport of which the test says how much waits."""

    def __init__(self, waiting: int) -> None:
        super().__init__({})
        self.waiting = waiting
        self.looked = asyncio.Event()
        self.is_gone = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.waiting += len(data)

    def get_write_buffer_size(self) -> int:
        self.looked.set()
        return self.waiting

    def close(self) -> None: ...

    def is_closing(self) -> bool:
        return self.is_gone

    def abort(self) -> None:
        self.is_gone = True


class Ends(asyncio.Protocol):
    """Says when its connection is gone."""

    def __init__(self, gone: asyncio.Event) -> None:
        self._gone = gone

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()


async def looked(pipe: Pipe) -> None:
    """Waits for the next look."""
    pipe.looked.clear()
    async with asyncio.timeout(WITHIN):
        await pipe.looked.wait()


async def test_who_reads_slowly_is_waited_for_as_long_as_it_takes() -> None:
    pipe = Pipe(30 * LEAST_READ)
    reader = Reader(pipe, STEP)
    reader.watch()
    while pipe.waiting:
        pipe.waiting -= LEAST_READ
        await looked(pipe)
        assert not pipe.is_gone
    reader.forget()


async def test_what_is_written_meanwhile_does_not_count_against_the_reader() -> None:
    pipe = Pipe(LEAST_READ)
    reader = Reader(pipe, STEP)
    reader.watch()
    for _ in range(10):
        reader.write(bytes(3 * LEAST_READ))
        pipe.waiting -= LEAST_READ
        await looked(pipe)
        assert not pipe.is_gone
    reader.forget()


@pytest.mark.parametrize("read", [0, LEAST_READ - 1])
async def test_who_does_not_read_is_cut(read: int) -> None:
    pipe = Pipe(100_000)
    Reader(pipe, STEP).watch()
    pipe.waiting -= read
    async with asyncio.timeout(WITHIN):
        for _ in iter(lambda: pipe.is_gone, True):
            await asyncio.sleep(STEP)


async def test_nothing_is_written_to_who_is_gone_and_nobody_waits_for_him() -> None:
    pipe = Pipe(0)
    reader = Reader(pipe, STEP)
    reader.watch()
    assert reader._look is None
    pipe.abort()
    reader.write(b"late")
    assert not pipe.waiting


async def test_what_the_kernel_keeps_is_not_read_yet() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        here = socket.create_connection(door.getsockname())
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        here.setblocking(False)
        with door.accept()[0]:
            gone = asyncio.Event()
            transport, _ = await asyncio.get_running_loop().create_connection(lambda: Ends(gone), sock=here)
            reader = Reader(transport, STEP)
            reader.write(bytes(10_000_000))
            taken = 10_000_000 - transport.get_write_buffer_size()
            assert 0 < reader._in_kernel() <= taken
            assert reader._read() == taken - reader._in_kernel()
            transport.abort()
            await gone.wait()
