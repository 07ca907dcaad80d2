"""A small internet of network namespaces: two homes and a relay with public addresses, a router between them.

    ada  203.0.113.2 ──┐
    bob 198.51.100.2 ──┤ router
    relay  192.0.2.2 ──┘

What the router sees is the judge. The machine's own network is not touched.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ADDRESSES = {"ada": "203.0.113.2", "bob": "198.51.100.2", "relay": "192.0.2.2"}
ROUTER = "router"


@dataclass(frozen=True)
class Packet:
    """An IP packet that the router saw."""

    source: str
    target: str


class Network:
    """The namespaces; `tag` keeps them apart from those of another run."""

    def __init__(self, tag: str) -> None:
        self._tag = tag

    def name(self, place: str) -> str:
        """The namespace of a place."""
        return f"rl{self._tag}-{place}"

    def prefix(self, place: str) -> list[str]:
        """What a command begins with that is to run at this place, as the user who runs the tests."""
        enter = [*_as_root(), "nsenter", f"--net=/run/netns/{self.name(place)}"]
        if os.geteuid() == 0:
            return enter
        return [*enter, "setpriv", f"--reuid={os.getuid()}", f"--regid={os.getgid()}", "--clear-groups"]

    def open(self) -> None:
        """Lays the cables."""
        for place in (ROUTER, *ADDRESSES):
            _run(["ip", "netns", "add", self.name(place)])
            self._at(place, "ip", "link", "set", "lo", "up")
        self._at(ROUTER, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        for place, address in ADDRESSES.items():
            gate = address.rpartition(".")[0] + ".1"
            cable = ["peer", "name", "eth0", "netns", self.name(place)]
            self._at(ROUTER, "ip", "link", "add", place, "type", "veth", *cable)
            self._plug(ROUTER, place, gate)
            self._plug(place, "eth0", address)
            self._at(place, "ip", "route", "add", "default", "via", gate)

    def close(self) -> None:
        """Takes everything away."""
        for place in (ROUTER, *ADDRESSES):
            subprocess.run([*_as_root(), "ip", "netns", "del", self.name(place)], check=False)

    def part(self, one: str, other: str) -> None:
        """From now on the router carries nothing between these two."""
        for source, target in ((one, other), (other, one)):
            where = ["from", ADDRESSES[source], "to", ADDRESSES[target]]
            self._at(ROUTER, "ip", "rule", "add", *where, "blackhole")

    def unite(self, one: str, other: str) -> None:
        """Carries packets between these two again."""
        for source, target in ((one, other), (other, one)):
            where = ["from", ADDRESSES[source], "to", ADDRESSES[target]]
            self._at(ROUTER, "ip", "rule", "del", *where, "blackhole")

    @contextmanager
    def capture(self, path: Path) -> Iterator["Capture"]:
        """What the router sees from now on, in both directions of every cable."""
        command = [*self._root_at(ROUTER), _tool("tcpdump"), "-i", "any", "-n", "-U", "--immediate-mode"]
        with subprocess.Popen(
            [*command, "-w", str(path), "ip"], stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if "listening on" in line:
                    break
            try:
                yield Capture(path)
            finally:
                subprocess.run([*_as_root(), "kill", str(process.pid)], check=False)
                process.stderr.read()

    def _plug(self, place: str, device: str, address: str) -> None:
        self._at(place, "ip", "address", "add", f"{address}/24", "dev", device)
        self._at(place, "ip", "link", "set", device, "up")

    def _root_at(self, place: str) -> list[str]:
        return [*_as_root(), "nsenter", f"--net=/run/netns/{self.name(place)}"]

    def _at(self, place: str, *command: str) -> None:
        subprocess.run([*self._root_at(place), *command], check=True)


class Capture:
    """What was seen so far."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def packets(self) -> list[Packet]:
        """Every IPv4 packet, each as often as a cable carried it."""
        lines = subprocess.run(
            [_tool("tcpdump"), "-n", "-q", "-t", "-r", str(self._path)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.splitlines()
        found = [_packet(line) for line in lines]
        return [packet for packet in found if packet is not None]

    def between(self, one: str, other: str) -> list[Packet]:
        """The packets from one place to the other, and back."""
        ends = {ADDRESSES[one], ADDRESSES[other]}
        return [packet for packet in self.packets() if {packet.source, packet.target} == ends]


def _packet(line: str) -> Packet | None:
    """Reads "eth0  In  IP 192.0.2.2.3478 > 203.0.113.2.5000: UDP, length 8"."""
    _, found, rest = line.partition("IP ")
    source, arrow, target = rest.partition(": ")[0].partition(" > ")
    if not found or not arrow:
        return None
    return Packet(_host(source), _host(target))


def _host(end: str) -> str:
    """The address without its port."""
    return ".".join(end.split(".")[:4])


def _run(command: Sequence[str]) -> None:
    subprocess.run([*_as_root(), *command], check=True)


def _as_root() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


def _tool(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    assert found is not None, f"the stories of networks need {name}: tools/packages installs it"
    return found
