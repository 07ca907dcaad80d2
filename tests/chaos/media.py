"""Media bots: two sockets that send each other packets over loopback, as the peers of a call do, past all
servers. Their addresses travel in the descriptions, and they flow from the first packet that came.
"""

import asyncio
import time
from typing import cast

PACKET_SECONDS = 0.2
"""A voice sends fifty packets a second; five show as well whether they come, and cost less."""


class Stream(asyncio.DatagramProtocol):
    """One side's media."""

    def __init__(self) -> None:
        self.first = self.last = 0.0
        self.packets = 0
        self.flows = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None
        self._sending: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls) -> "Stream":
        """A socket on a free port."""
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(cls, local_addr=("127.0.0.1", 0))
        return protocol

    @property
    def description(self) -> bytes:
        """Where it can be reached, as the body of a description."""
        assert self._transport is not None
        return str(self._transport.get_extra_info("sockname")[1]).encode()

    def send_to(self, description: bytes) -> None:
        """Sends to the other side from now on."""
        self.silence()
        self._send(int(description))

    def silence(self) -> None:
        """Sends nothing any more."""
        if self._sending is not None:
            self._sending.cancel()

    def close(self) -> None:
        """Leaves."""
        self.silence()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's: the socket is there."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: object) -> None:
        """asyncio's: a packet came."""
        self.last = time.monotonic()
        self.first = self.first or self.last
        self.packets += 1
        self.flows.set()

    def _send(self, port: int) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(bytes(64), ("127.0.0.1", port))
            self._sending = asyncio.get_running_loop().call_later(PACKET_SECONDS, self._send, port)
