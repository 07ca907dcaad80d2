"""Processes of the tests and the bench: ended for sure, on free ports, in one folder that goes away."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ringline.permissions import grants
from services import embedded
from services.embedded import Nats, Postgres

START_SECONDS = 60.0
STOP_SECONDS = 25.0
POLL_SECONDS = 0.02
RING_AT_WILL = {
    f"ring_{name}": 0.0
    for name in (
        "places_per_minute",
        "pair",
        "strangers_per_day",
        "heard",
        "heard_per_day",
        "declined_s",
        "new_days",
    )
}
WITHOUT_RING_BUDGET = {f"RINGLINE_POLICY_{name.upper()}": "0" for name in RING_AT_WILL}
"""People of tests and measurements ring one another at will; the ring budget has tests of its own."""
AMPLE_RING_BUDGET = {
    **WITHOUT_RING_BUDGET,
    "RINGLINE_POLICY_RING_PLACES_PER_MINUTE": "1000",
    "RINGLINE_POLICY_RING_PAIR": "100",
    "RINGLINE_POLICY_RING_STRANGERS_PER_DAY": "500",
    "RINGLINE_POLICY_RING_HEARD_PER_DAY": "1000",
    "RINGLINE_POLICY_RING_DECLINED_S": "3600",
}
"""Every call is counted, and nobody comes near an end of it; but who was declined twice is not heard."""


def bus_password(service: str) -> str:
    """The password of a service's user on the bus."""
    return f"{PASSWORD}-{service}-bus"


PASSWORD = "only-for-tests"  # the servers listen on the loopback interface and live as long as the tests
_given_out: set[int] = set()


def free_port() -> int:
    """A loopback port that is free now, that no outgoing connection is given, and that this process has not
    given out before.
    """
    while (port := embedded.free_port()) in _given_out:
        pass
    _given_out.add(port)
    return port


async def until(holds: Callable[[], bool], within: float, otherwise: Callable[[], str]) -> None:
    """Waits until `holds()`. Raises AssertionError(otherwise()) after `within` seconds."""
    end = time.monotonic() + within
    for _ in iter(holds, True):
        assert time.monotonic() < end, otherwise()
        await asyncio.sleep(POLL_SECONDS)


class Process:
    """A process of ours, in its own session. It dies with its starter, even where that one is killed."""

    def __init__(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path, folder: Path | None = None
    ) -> None:
        """It runs in `folder`, or where its starter does."""
        self.name = name
        self._folder = folder
        self.env = dict(env)
        self._argv = list(argv)
        self._log = log
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the newest start."""
        assert self._popen is not None, f"{self.name} was not started"
        return self._popen.pid

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self._popen is not None and self._popen.poll() is None

    def start(self) -> "Process":
        """Starts it, or starts it anew after an end."""
        with self._log.open("ab") as out:
            self._popen = subprocess.Popen(
                # By a program, not in the forked child, which may crash in a process with threads of gRPC.
                ["setpriv", "--pdeathsig=KILL", *self._argv],
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                cwd=self._folder,
            )
        return self

    def kill(self) -> None:
        """kill -9, and reaps it."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait()

    def ask_to_stop(self) -> None:
        """SIGTERM."""
        if self.runs and self._popen is not None:
            self._popen.send_signal(signal.SIGTERM)

    async def ended(self, within: float = STOP_SECONDS) -> int:
        """Waits for its end, kills it where it does not come, and answers its exit status."""
        if self._popen is None:
            return 0
        try:
            return await asyncio.to_thread(self._popen.wait, within)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._popen.wait()

    def check(self) -> None:
        """Raises AssertionError, with the end of its log, where it has ended by itself."""
        assert self.runs, f"{self.name} has ended:\n{self.tail()}"

    def size_of_log(self) -> int:
        """How many bytes it has written so far."""
        return self._log.stat().st_size if self._log.exists() else 0

    def log_since(self, size: int) -> str:
        """What it has written after so many bytes."""
        return self._log.read_bytes()[size:].decode(errors="replace") if self._log.exists() else ""

    def tail(self, size: int = 6000) -> str:
        """The end of what it wrote."""
        return self._log.read_text(errors="replace")[-size:] if self._log.exists() else ""


@contextmanager
def scratch(prefix: str = "ringline-") -> Iterator[Path]:
    """A folder that Postgres's own user can reach; removed at the end, unless RINGLINE_KEEP_LOGS is set."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        if not os.environ.get("RINGLINE_KEEP_LOGS"):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database_server(folder: Path, *, durable: bool = False) -> Iterator[Postgres]:
    """A running Postgres; without fsync unless it is to be `durable`."""
    postgres = Postgres(folder / "postgres", PASSWORD)
    durability = "on" if durable else "off"
    try:
        postgres.start(fsync=durability, synchronous_commit=durability, full_page_writes=durability)
        yield postgres
    finally:
        postgres.stop()


@contextmanager
def bus_server(folder: Path) -> Iterator[Nats]:
    """A running NATS, with a user for each service."""
    nats = Nats(folder / "nats", PASSWORD, {user: bus_password(user) for user in grants()})
    try:
        nats.start(free_port())
        yield nats
    finally:
        nats.stop()
