"""Carries a TCP port into another network namespace through a Unix socket, which belongs to no network.

`python -m tests.browser.bridge unix:PATH tcp:PORT` listens on the first and connects to the second.
"""

import asyncio
import sys
from contextlib import suppress

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(target: str) -> Streams:
    """A connection to "unix:PATH" or "tcp:PORT" on the loopback interface."""
    kind, _, where = target.partition(":")
    if kind == "unix":
        return await asyncio.open_unix_connection(where)
    return await asyncio.open_connection("127.0.0.1", int(where))


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carries bytes one way until there are no more."""
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve(listen: str, target: str) -> None:
    """Carries every connection until it is ended."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await connect(target)
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    kind, _, where = listen.partition(":")
    if kind == "unix":
        server = await asyncio.start_unix_server(carry, where)
    else:
        server = await asyncio.start_server(carry, "127.0.0.1", int(where))
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
