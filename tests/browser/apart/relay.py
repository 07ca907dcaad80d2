"""The relay of the stories: Debian's coturn with the configuration that is shipped."""

import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.browser.apart.networks import SERVER, Network
from tests.servers import START_SECONDS, Process, until
from tests.suite.topology import ROOT, TURN_SECRET

SHIPPED = ROOT / "deploy/coturn/turnserver.conf"
TURN_URL = f"turn:{SERVER}:3478?transport=udp"
_BINDING = b"\x00\x01\x00\x00\x21\x12\xa4\x42"


@asynccontextmanager
async def relay(network: Network, folder: Path, *more: str) -> AsyncIterator[Process]:
    """coturn in this network, at SERVER; told by command line what the file's header leaves to it, and
    more.
    """
    program = shutil.which("turnserver")
    assert program is not None, "the stories of the relay need coturn: apt-get install coturn"
    argv = network.command(
        program,
        *("-c", str(SHIPPED), f"--listening-ip={SERVER}", f"--relay-ip={SERVER}"),
        *(
            f"--static-auth-secret={TURN_SECRET}",
            f"--pidfile={folder}/relay.pid",
            f"--userdb={folder}/relay.db",
            *more,
        ),
    )
    process = Process("coturn", argv, dict(os.environ), folder / "relay.log").start()
    try:
        with network.datagrams() as client:
            client.setblocking(False)

            def answers() -> bool:
                """Whether it answers a STUN Binding request (RFC 8489)."""
                process.check()
                try:
                    client.sendto(_BINDING + secrets.token_bytes(12), (SERVER, 3478))
                    return client.recv(512)[:2] == b"\x01\x01"
                except (BlockingIOError, ConnectionRefusedError):
                    return False

            await until(answers, START_SECONDS, process.tail)
        yield process
    finally:
        process.ask_to_stop()
        await process.ended()
