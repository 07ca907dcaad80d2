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

from services.embedded import command_line, free_port, wait_until

READY_SECONDS = 120.0
END_SECONDS = 60.0


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
        self.process.wait(END_SECONDS)
        assert wait_until(lambda: not processes_in(self.folder), END_SECONDS), processes_in(self.folder)


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
        state = Path(
            name, ".ringline", "state.json"
        )  # a port of its own: somebody may be at work on this machine
        state.parent.mkdir(mode=0o711)
        state.write_text(json.dumps({"web_port": free_port()}))
        yield Path(name)
        for pid in processes_in(Path(name)):
            os.kill(pid, signal.SIGKILL)


@contextmanager
def somebody_listens(port: int) -> Iterator[None]:
    """A port that is taken while the block runs."""
    with socket.create_server(("127.0.0.1", port)):
        yield


def readiness(link: httpx.URL) -> int:
    """The status of asking the server of this link whether it is ready."""
    return httpx.get(link.copy_with(path="/readyz", fragment=None, query=None)).status_code


def second_run(folder: Path) -> str:
    """What a second run in the same folder says when it gives up."""
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2]))
    command = [sys.executable, "-m", "services", "dev"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr


def test_two_links_on_two_origins_lead_to_two_people_once_per_folder(folder: Path) -> None:
    dev = Dev(folder)
    links = dev.until_ready()
    assert set(links) == {"ada", "bob"}
    assert {link.host for link in links.values()} == {"localhost", "127.0.0.1"}
    assert all(link.fragment.startswith(f"dev={name}:") for name, link in links.items())
    assert readiness(links["bob"]) == 200
    assert f"running already (process {dev.process.pid})" in second_run(folder)
    state = folder / ".ringline" / "state.json"
    assert state.stat().st_mode & 0o077 == 0, "passwords are for their owner only"
    assert len(set(json.loads(state.read_text())["passwords"].values())) > 5
    dev.end(signal.SIGINT)
    assert dev.process.returncode == 0, dev.said()


def test_whatever_way_it_ends_nothing_is_left_and_the_next_start_has_the_same_links(folder: Path) -> None:
    dev = Dev(folder)
    links = dev.until_ready()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        dev.end(number)
        dev = Dev(folder)
        assert dev.until_ready() == links, "the same ports, people and passwords"
    dev.end(signal.SIGTERM)


def test_a_taken_port_is_stepped_over_and_a_reset_forgets_everything(folder: Path) -> None:
    first = Dev(folder)
    links = first.until_ready()
    first.end(signal.SIGTERM)
    before = links["ada"].port
    assert before is not None
    with somebody_listens(before):
        second = Dev(folder)
        moved = second.until_ready()
        assert moved["ada"].port == moved["bob"].port != before
        assert f"Port {before} is taken; using {moved['ada'].port}." in second.said()
        assert moved["ada"].fragment == links["ada"].fragment
        second.end(signal.SIGTERM)
    third = Dev(folder, "--reset")
    assert third.until_ready()["ada"].fragment != links["ada"].fragment
    third.end(signal.SIGTERM)
