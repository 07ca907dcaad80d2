"""`make dev` as a newcomer meets it: two links, the same ones tomorrow; nothing is left, nothing is lost."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from services.embedded import command_line, wait_until

READY_SECONDS = 120.0


class Dev:
    """One run of `ringline dev` in a folder."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        program = [sys.executable, "-m", "services", "dev", *arguments]
        self.folder = folder
        self.output = folder / "output"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                program,
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2]), PYTHONUNBUFFERED="1"),
            )

    def until_ready(self) -> dict[str, httpx.URL]:
        """The two links, by username."""
        wait_until(lambda: "RESET=1" in self.said() or self.process.poll() is not None, READY_SECONDS)
        assert "RESET=1" in self.said() and self.process.poll() is None, self.said()
        return {name: httpx.URL(link) for name, link in re.findall(r"^@(\w+)  (\S+)$", self.said(), re.M)}

    def said(self) -> str:
        """What it has printed."""
        return self.output.read_text()

    def end(self, number: signal.Signals) -> None:
        """Ends it by this signal and sees that nothing of it is left."""
        assert len(processes_in(self.folder)) > 2, "Postgres and NATS were not there"
        os.kill(self.process.pid, number)
        self.process.wait(30)
        assert wait_until(lambda: not processes_in(self.folder), 15), processes_in(self.folder)


def processes_in(folder: Path) -> dict[int, str]:
    """The command lines, by process id, of what runs in this folder or names it."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = os.readlink(process / "cwd")
        except OSError:
            continue  # gone meanwhile, or somebody else's
        pid, command = int(process.name), command_line(int(process.name))
        if command and pid != os.getpid() and (str(folder) in command or where.startswith(str(folder))):
            found[pid] = command[:80]
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that everybody may pass through; a run that a failed test left in it is ended."""
    with tempfile.TemporaryDirectory(prefix="ringline-door-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)
        for pid in processes_in(Path(name)):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def somebody_listens(port: int) -> Iterator[None]:
    """A port that is taken while the block runs."""
    with socket.create_server(("127.0.0.1", port)):
        yield


def sign_in(link: httpx.URL) -> int:
    """The status of asking the server of this link who it is."""
    return httpx.get(link.copy_with(path="/readyz", fragment=None, query=None)).status_code


def test_two_links_on_two_origins_lead_to_two_people(folder: Path) -> None:
    dev = Dev(folder)
    links = dev.until_ready()
    assert set(links) == {"ada", "bob"}
    assert {link.host for link in links.values()} == {"localhost", "127.0.0.1"}
    assert all(link.fragment.startswith(f"dev={name}:") for name, link in links.items())
    assert sign_in(links["bob"]) == 200
    dev.end(signal.SIGINT)
    assert dev.process.returncode == 0, dev.said()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_way_it_ends_the_next_start_has_the_same_links(folder: Path, end: signal.Signals) -> None:
    first = Dev(folder)
    links = first.until_ready()
    first.end(end)
    second = Dev(folder)
    assert second.until_ready() == links, "the same ports, people and passwords"
    second.end(signal.SIGTERM)


def test_a_taken_port_is_stepped_over_and_said(folder: Path) -> None:
    first = Dev(folder)
    before = first.until_ready()["ada"].port
    first.end(signal.SIGTERM)
    assert before is not None
    with somebody_listens(before):
        second = Dev(folder)
        links = second.until_ready()
        assert links["ada"].port == links["bob"].port != before
        assert f"Port {before} is taken; using {links['ada'].port}." in second.said()
        second.end(signal.SIGTERM)


def test_one_at_a_time_in_a_folder(folder: Path) -> None:
    first = Dev(folder)
    first.until_ready()
    with tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, "-m", "services", "dev"]
        environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2]))
        second = subprocess.run(command, cwd=folder, stderr=said, env=environment, check=False, timeout=30)
        said.seek(0)
        assert second.returncode == 1 and f"running already (process {first.process.pid})" in said.read()
    first.end(signal.SIGTERM)


def test_a_reset_forgets_people_and_passwords(folder: Path) -> None:
    first = Dev(folder)
    links = first.until_ready()
    first.end(signal.SIGTERM)
    second = Dev(folder, "--reset")
    assert second.until_ready()["ada"].fragment != links["ada"].fragment
    second.end(signal.SIGTERM)


def test_passwords_are_for_their_owner_only(folder: Path) -> None:
    dev = Dev(folder)
    dev.until_ready()
    dev.end(signal.SIGTERM)
    state = folder / ".ringline" / "state.json"
    assert state.stat().st_mode & 0o077 == 0
    assert len(set(json.loads(state.read_text())["passwords"].values())) > 5
