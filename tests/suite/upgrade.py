"""An installation in the middle of an upgrade: of each service a place for the old process and the new one.

As with a rolling update, the new process is started and ready before the old one is asked to stop.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.embedded import Nats, Postgres
from tests.servers import START_SECONDS, Process, free_port
from tests.suite.previous import ROOT, Release
from tests.suite.topology import SERVICES, SETTINGS, Topology, environment, prepare, ringline

PATIENT = {"RINGLINE_SIGNALING_RING_S": "45", "RINGLINE_SIGNALING_LOST_S": "45"}
"""A ring and a call outlast the replacement of some processes, as they do outside of tests."""


class Upgrade:
    """The installation; `topology` is what runs of it."""

    def __init__(self, topology: Topology, env: dict[str, str], release: Release) -> None:
        self.topology = topology
        self.old: dict[str, Process] = {}
        self.new: dict[str, Process] = {}
        self._env = env
        ports = {service: (free_port(), free_port()) for service in SERVICES}
        doors = (free_port(), free_port())
        topology.gateways = [f"http://127.0.0.1:{port}" for port in doors]
        topology.addresses = {
            service: ",".join(f"127.0.0.1:{port}" for port in both) for service, both in ports.items()
        }
        shared = env | {f"RINGLINE_ADDRESS_{name.upper()}": both for name, both in topology.addresses.items()}
        for service, both in ports.items():
            for age, tree, port, door in zip(("old", "new"), (release.tree, ROOT), both, doors, strict=True):
                own = shared | {"RINGLINE_LISTEN_PORT": str(port), "RINGLINE_GATEWAY_PORT": str(door)}
                process = ringline([service], own, topology.folder, f"{age}-{service}", tree)
                (self.old if age == "old" else self.new)[service] = process

    async def begin(self) -> None:
        """Starts everything of the old release."""
        for process in self.old.values():
            process.start()
        for process in self.old.values():
            await self.topology.until_serving(process)

    async def migrate(self) -> None:
        """`ringline migrate` of the new release."""
        process = ringline(["migrate"], self._env, self.topology.folder, "migrate-new").start()
        assert await process.ended(START_SECONDS) == 0, process.tail()

    async def start_new(self, service: str) -> None:
        """Starts the new process of a service beside the old one."""
        await self.topology.until_serving(self.new[service].start())

    async def end(self) -> None:
        """Stops whatever runs."""
        for process in (*self.old.values(), *self.new.values()):
            process.ask_to_stop()
        for process in (*self.old.values(), *self.new.values()):
            await process.ended()


@asynccontextmanager
async def upgrading(folder: Path, postgres: Postgres, nats: Nats, release: Release) -> AsyncIterator[Upgrade]:
    """An installation of the previous release, running, with its own schema."""
    settings = SETTINGS | PATIENT
    topology = Topology("upgrade", folder, postgres, nats, settings)
    env = environment(postgres, nats, topology.name) | settings
    await prepare(postgres, topology.name, env, folder, release.tree)
    upgrade = Upgrade(topology, env, release)
    try:
        await upgrade.begin()
        yield upgrade
    finally:
        await upgrade.end()
