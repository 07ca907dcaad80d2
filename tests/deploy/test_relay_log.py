"""What the relay writes with the shipped configuration: nobody's address."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.embedded import free_port, wait_until
from tests.house.sources import ROOT, read

CONFIGURATION = Path("deploy/coturn/turnserver.conf")
SOMEBODY, SECRET = "127.0.0.2", "only-for-tests"
DENIED = re.compile(r"^.*A peer IP \S+ denied in the range.*$", re.M)
"""Whom somebody tried to reach behind the relay: an address of a range that is closed, and not who tried."""


@contextmanager
def relay(folder: Path, *more: str) -> Iterator[tuple[int, Path]]:
    """A relay with the shipped configuration that may reach this machine: its port, and what it writes."""
    port, written = free_port(), folder / "relay.log"
    places = ["--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", f"--listening-port={port}"]
    reach = ["--allow-loopback-peers", "--allowed-peer-ip=127.0.0.1", "--no-tls", "--no-dtls"]
    files = [f"--pidfile={folder / 'pid'}", f"--userdb={folder / 'users'}"]
    command = ["turnserver", "-c", str(ROOT / CONFIGURATION), f"--static-auth-secret={SECRET}"]
    with written.open("w") as out:
        process = subprocess.Popen(
            [*command, *places, *reach, *files, *more], stdout=out, stderr=out, cwd=folder
        )
    try:
        assert wait_until(lambda: "turn server id=0 created" in written.read_text(), 20.0), (
            written.read_text()
        )
        yield port, written
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20.0)


def talk_through(port: int, *more: str) -> None:
    """Somebody sends some packets through the relay, or tries to."""
    client = shutil.which("turnutils_uclient")
    assert client is not None, "turnutils_uclient is in Debian's package coturn"
    said = [client, "-L", SOMEBODY, "-W", SECRET, "-u", "somebody", "-p", str(port), "-n", "3", "-c", *more]
    subprocess.run([*said, "127.0.0.1"], capture_output=True, timeout=60, check=False)


def addresses(log: Path, port: int) -> list[str]:
    """Addresses with ports in what a relay wrote, but for the one on which it listens."""
    text = DENIED.sub("", log.read_text())
    assert SOMEBODY not in text
    return [one for one in re.findall(r"\d+\.\d+\.\d+\.\d+:\d+", text) if not one.endswith(f":{port}")]


def test_the_relay_writes_nobodys_address(tmp_path: Path) -> None:
    with relay(tmp_path) as (port, log):
        talk_through(port, "-y")
        talk_through(port, "-e", "10.0.0.1")
    assert "denied in the range" in log.read_text(), "somebody was there"
    assert addresses(log, port) == []


def test_a_relay_that_says_more_would_write_addresses(tmp_path: Path) -> None:
    """So the test above would find it, and `verbose` is not shipped."""
    with relay(tmp_path, "--verbose") as (port, log):
        talk_through(port, "-y")
    assert addresses(log, port)


def test_the_relay_is_told_to_write_to_its_output_and_no_more() -> None:
    """From there the cluster's own rotation takes it; a file of its own would stay."""
    words = {line.partition("=")[0].strip(): line.strip() for line in read(CONFIGURATION).splitlines()}
    assert words["log-file"] == "log-file=stdout" and "simple-log" in words
    assert not {"verbose", "Verbose", "log-binding", "syslog"} & set(words)
    started = read(Path("deploy/k8s/components/coturn/coturn.yaml"))
    assert not re.search(r"--verbose|--Verbose|--log-binding|--syslog| -v\b", started)
