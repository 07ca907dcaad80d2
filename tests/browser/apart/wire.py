"""What passes at somebody's network port: tcpdump as witness."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.browser.apart.networks import PORT, SERVER, Network
from tests.browser.apart.packets import Packet, read_capture
from tests.servers import START_SECONDS, Process, until

DISCARD = 9
"""The port for datagrams that nobody needs (RFC 863)."""


class Wire:
    """The capture at one network's port, from its first packet on."""

    def __init__(self, network: Network, folder: Path) -> None:
        name = f"wire-{network.name}-{secrets.token_hex(3)}"
        self._network = network
        self._file = folder / f"{name}.pcap"
        listen = ["tcpdump", "-i", PORT, "-w", str(self._file), "-U", "--immediate-mode", "-Z", "root", "-n"]
        self.process = Process(name, network.command(*listen), dict(os.environ), folder / f"{name}.log")

    async def open(self) -> None:
        """Listens; answers when a packet was heard."""
        self.process.start()
        await until(lambda: self._file.exists(), START_SECONDS, self.process.tail)
        await self.packets()

    async def packets(self) -> list[Packet]:
        """Everything so far: where a datagram that is sent now turns up, nothing before it is missing."""
        mark, read = secrets.token_bytes(16), list[Packet]()

        def is_heard() -> bool:
            self.process.check()
            with self._network.datagrams() as sender:
                sender.sendto(mark, (SERVER, DISCARD))
            read[:] = read_capture(self._file.read_bytes())
            return any(packet.payload == mark for packet in read)

        await until(is_heard, START_SECONDS, self.process.tail)
        return [packet for packet in read if packet.target_port != DISCARD]


@asynccontextmanager
async def listening(network: Network, folder: Path) -> AsyncIterator[Wire]:
    """A capture that runs while the block does."""
    wire = Wire(network, folder)
    try:
        await wire.open()
        yield wire
    finally:
        wire.process.ask_to_stop()
        await wire.process.ended()
