"""Brings the gateway, which listens on this machine's loopback address, into the network of the servers."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.browser.apart.networks import Network

CHUNK = 65_536


@asynccontextmanager
async def passage(network: Network, port: int, host: str, host_port: int) -> AsyncIterator[None]:
    """Whatever is said to `port` in that network is said to host:host_port here, and the answers go back."""
    running: set[asyncio.Task[None]] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        task.add_done_callback(running.discard)
        try:
            beyond, back = await asyncio.open_connection(host, host_port)
            await asyncio.gather(_pour(reader, back), _pour(beyond, writer))
        except OSError:
            writer.close()  # nobody is there

    listener: socket.socket = network.listener(port)
    server = await asyncio.start_server(pass_on, sock=listener)
    try:
        yield
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(CHUNK):
            target.write(chunk)
            await target.drain()
    except OSError:
        pass  # one end has gone, so the other one goes too
    finally:
        target.close()
