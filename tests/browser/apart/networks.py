"""Networks of their own for browsers and servers: Linux network namespaces, tied together by veth pairs.

A namespace lives as long as the process that holds it, and that one dies with the tests, whatever ends them:
nothing is left behind and nothing of this machine's own network is touched. The addresses are those that RFC
5737 sets aside, which the relay's configuration takes for public ones.
"""

import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.servers import START_SECONDS, Process, until

ADA = "198.51.100.10"
BOB = "203.0.113.10"
SERVER = "198.51.100.200"
"""Where the gateway and the relay are; it routes between the other two as well."""


@dataclass(frozen=True)
class Place:
    """Where people are: their addresses, the router of each, and the bits of the prefix."""

    addresses: Mapping[str, str]
    routers: Mapping[str, str]
    bits: int


HOME = Place({"ada": ADA, "bob": BOB}, {"ada": "198.51.100.1", "bob": "203.0.113.1"}, 25)
AWAY = Place({"ada": "192.0.2.10", "bob": "192.0.2.140"}, {"ada": "192.0.2.1", "bob": "192.0.2.129"}, 25)
"""Another network, behind another router. Chromium prefers its addresses where it has both."""
PORT = "eth0"
_CLONE_NEWNET = 0x40000000

T = TypeVar("T")


class Network:
    """One namespace, held by a process that does nothing else."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        program = shutil.which("sleep") or "sleep"
        argv = ["unshare", "--net", program, "infinity"]
        self.holder = Process(f"network of {name}", argv, dict(os.environ), folder / f"network-{name}.log")

    @property
    def path(self) -> Path:
        """The file by which the kernel knows it."""
        return Path(f"/proc/{self.holder.pid}/ns/net")

    async def open(self) -> None:
        """Makes it, with a loopback device and without IPv6."""
        self.holder.start()
        own = os.readlink("/proc/self/ns/net")
        await until(
            lambda: self.holder.runs and os.readlink(self.path) != own, START_SECONDS, self.holder.tail
        )
        self.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
        self.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6")
        self.run("ip", "link", "set", "lo", "up")

    def command(self, *argv: str) -> list[str]:
        """The command that runs `argv` in here."""
        return ["nsenter", f"--net={self.path}", "--", *argv]

    def run(self, *argv: str) -> None:
        """Runs a short command in here. Raises AssertionError with what it said where it fails."""
        done = subprocess.run(self.command(*argv), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(argv)} in the network of {self.name}: {done.stderr}"

    def inside(self, make: Callable[[], T]) -> T:
        """What `make()` makes in here, such as a socket, which stays in here wherever it is used."""

        def enter() -> T:
            with self.path.open() as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"cannot enter the network of {self.name}")
            return make()

        with ThreadPoolExecutor(1) as thread:  # a thread of its own: the namespace is the thread's
            return thread.submit(enter).result()

    def listener(self, port: int) -> socket.socket:
        """A TCP socket that listens in here."""
        return self.inside(lambda: socket.create_server(("", port)))

    def datagrams(self) -> socket.socket:
        """A UDP socket in here."""
        return self.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))


@dataclass(frozen=True)
class Networks:
    """Ada's, Bob's, and the one of the servers, through which the two reach each other."""

    ada: Network
    bob: Network
    middle: Network

    def part(self) -> None:
        """Nothing passes between Ada's and Bob's any more; both still reach the servers."""
        self._forward(False)

    def join(self) -> None:
        """Ada's and Bob's reach each other."""
        self._forward(True)

    def enter(self, network: Network, place: Place) -> None:
        """They are in this network as well; what they do goes the old way still."""
        address = f"{place.addresses[network.name]}/{place.bits}"
        network.run("ip", "addr", "add", address, "dev", PORT)

    def leave(self, network: Network, place: Place) -> None:
        """They are no more in this network, only in the other one; nobody told anybody."""
        address = f"{place.addresses[network.name]}/{place.bits}"
        network.run("ip", "addr", "del", address, "dev", PORT)
        self._route(network, AWAY if place is HOME else HOME)

    def move(self, network: Network, place: Place) -> None:
        """From one moment to the next they are in this network alone."""
        network.run("ip", "addr", "flush", "dev", PORT)
        self.enter(network, place)
        self._route(network, place)

    def home(self) -> None:
        """Everybody is where they were at first."""
        for network in (self.ada, self.bob):
            self.move(network, HOME)

    def _route(self, network: Network, place: Place) -> None:
        """Everything goes by the router of this place."""
        router = place.routers[network.name]
        for name in HOME.addresses.keys() - {network.name}:
            for there in (HOME.addresses[name], AWAY.addresses[name]):
                network.run("ip", "route", "replace", there, "via", router)
        network.run("ip", "route", "replace", SERVER, "via", router)

    def _forward(self, yes: bool) -> None:
        self.middle.run("sh", "-c", f"echo {int(yes)} > /proc/sys/net/ipv4/ip_forward")

    def _wire(self, network: Network) -> None:
        """A cable from the middle to somebody, addresses at both ends, and the ways to everybody else.

        There is no default route: what a browser wants of the rest of the world does not reach the wire.
        """
        name = network.name
        peer = ("peer", "name", PORT, "netns", str(network.holder.pid))
        self.middle.run("ip", "link", "add", name, "type", "veth", *peer)
        for place in (HOME, AWAY):
            self.middle.run("ip", "addr", "add", f"{place.routers[name]}/{place.bits}", "dev", name)
        self.middle.run("ip", "link", "set", name, "up")
        network.run("ip", "link", "set", PORT, "up")
        self.enter(network, HOME)
        self._route(network, HOME)


@asynccontextmanager
async def networks(folder: Path) -> AsyncIterator[Networks]:
    """The three networks. Raises AssertionError where this is not root."""
    assert os.geteuid() == 0, "the stories of networks apart need root (network namespaces): sudo make test"
    world = Networks(*(Network(name, folder) for name in ("ada", "bob", "middle")))
    everyone = (world.ada, world.bob, world.middle)
    try:
        for network in everyone:
            await network.open()
        world.middle.run("ip", "addr", "add", f"{SERVER}/32", "dev", "lo")
        for network in (world.ada, world.bob):
            world._wire(network)
        world.join()
        yield world
    finally:
        for network in everyone:
            network.holder.ask_to_stop()
        for network in everyone:
            await network.holder.ended()
