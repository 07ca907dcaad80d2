"""Postgres and NATS as chaos needs them: started and ended without standing still, and NATS as a cluster."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from services.embedded import Nats, Postgres
from tests.servers import PASSWORD, START_SECONDS, free_port

POLL_SECONDS = 0.02
NODES = 3
SMART_SECONDS = 2.0
"""SIGTERM lets Postgres wait for its clients, who never leave: after so long comes SIGINT, as from a service
manager that wants it down.
"""


class Database(Postgres):
    """Postgres, which is awaited by `until_ready` and not by `start`."""

    def _await(self, serving: Callable[[], bool]) -> None:
        """Nobody waits here."""

    async def until_ready(self, within: float = START_SECONDS) -> None:
        """Waits until it serves; starts it again where a child of its killed predecessor was still there."""
        deadline = time.monotonic() + within
        while not (self.pid and self._is_ready()):
            assert time.monotonic() < deadline, f"postgres does not start:\n{self._end_of_log()}"
            if not self.pid:
                self.start(self.port)
            await asyncio.sleep(POLL_SECONDS)

    async def ask_to_stop(self) -> bool:
        """SIGTERM, and after a while SIGINT; whether that was enough."""
        return await end(self._process, (signal.SIGTERM, SMART_SECONDS), (signal.SIGINT, 20.0))

    def log_has(self, text: str) -> int:
        """How often its log says this."""
        return (self.folder / "log").read_text(errors="replace").count(text)


class Node(Nats):
    """One node of a NATS cluster with JetStream."""

    def __init__(self, folder: Path, number: int, port: int, routes: Sequence[int]) -> None:
        super().__init__(folder, PASSWORD)
        self.port = port
        self._number = number
        self._routes = list(routes)

    def launch(self) -> None:
        """Starts it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = {
            "server_name": f"node{self._number}",
            "host": "127.0.0.1",
            "port": self.port,
            "jetstream": {"store_dir": str(self.folder / "streams"), "max_mem": 2**26, "max_file": 2**30},
            "authorization": {"user": "ringline", "password": self.password},
            "cluster": {
                "name": "chaos",
                "host": "127.0.0.1",
                "port": self._routes[self._number],
                "routes": [f"nats-route://127.0.0.1:{port}" for port in self._routes],
            },
        }
        # It reads its configuration while it starts: the file stays, in a folder that goes away.
        path = self.folder / "nats.conf"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(configuration))
        program = Path(sys.executable).with_name("nats-server")
        self._launch([str(program), "--config", str(path)], farewell="TERM")

    async def until_ready(self, within: float = START_SECONDS) -> None:
        """Waits until it greets."""
        deadline = time.monotonic() + within
        while not self._is_ready():
            assert self.pid and time.monotonic() < deadline, f"nats does not start:\n{self._end_of_log()}"
            await asyncio.sleep(POLL_SECONDS)

    async def ask_to_stop(self) -> bool:
        """SIGTERM; whether that was enough."""
        return await end(self._process, (signal.SIGTERM, 20.0))


def cluster(folder: Path) -> list[Node]:
    """The nodes, not started yet."""
    routes = [free_port() for _ in range(NODES)]
    return [Node(folder / f"nats{number}", number, free_port(), routes) for number in range(NODES)]


async def end(process: "subprocess.Popen[bytes] | None", *signals: tuple[signal.Signals, float]) -> bool:
    """Sends signals, and waits so many seconds for the end after each; whether one helped, or kill -9 did."""
    for number, seconds in signals:
        if process is None or process.poll() is not None:
            return True
        process.send_signal(number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return True
            await asyncio.sleep(POLL_SECONDS)
    if process is None or process.poll() is not None:
        return True
    process.kill()
    process.wait()
    return False
