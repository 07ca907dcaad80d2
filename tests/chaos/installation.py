"""The installation that is broken: two processes of every service, three NATS nodes, Postgres; between the
gateways and signaling lead passages, and the clock of each process of ours can be set.

Times are those of a real installation, but that a call rings for 20 s. Limits that count by address are out
of the way, because everybody calls from one.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx

from tests.chaos.clocks import Clocks
from tests.chaos.disk import Disk
from tests.chaos.passage import Passage, Weather
from tests.chaos.servers import POLL_SECONDS, Database, Node, cluster
from tests.properties.town import Pod
from tests.servers import PASSWORD, START_SECONDS, WITHOUT_RING_BUDGET, Process, free_port
from tests.suite.topology import SERVICES, environment, prepare, ringline

COPIES = 2
NAME = "chaos"
RING_SECONDS = 20.0
SETTINGS = {
    "RINGLINE_ENVIRONMENT": "test",
    "RINGLINE_LOG_LEVEL": "info",
    "RINGLINE_EVENT_REPLICAS": "3",
    "RINGLINE_DB_POOL": "6",
    "RINGLINE_DRAIN_SECONDS": "5",
    "RINGLINE_GATEWAY_DRAIN_S": "2",
    "RINGLINE_SIGNALING_RING_S": str(RING_SECONDS),
    "RINGLINE_DIRECTORY_SIGN_UPS_PER_HOUR": "0",
    "RINGLINE_DIRECTORY_HASH_MEMORY_KIB": "64",
    "RINGLINE_DIRECTORY_HASH_PASSES": "1",
    "RINGLINE_GATEWAY_TICKET_KEY": "the key that all gateways of the tests share",
    "RINGLINE_GATEWAY_LOOKUP_BURST": "1000000",
    "RINGLINE_GATEWAY_HELLO_FAILURES": "1000000",
    "RINGLINE_POLICY_MESSAGE_BURST": "10000",
    **WITHOUT_RING_BUDGET,
}


@dataclass
class Victim:
    """A process that is ended and started: how, whichever it is."""

    kind: str
    kill: Callable[[], None]
    stop: Callable[[], Awaitable[object]]
    start: Callable[[], object]
    until_ready: Callable[[], Awaitable[object]]


@dataclass
class Installation:
    """Everything that runs."""

    folder: Path
    postgres: Database
    nodes: list[Node]
    clocks: Clocks
    disk: Disk
    chance: random.Random
    pods: dict[str, list[Pod]] = field(default_factory=dict)
    gateways: list[str] = field(default_factory=list)
    """The origins of the gateways."""
    passages: list[list[Passage]] = field(default_factory=list)
    """By gateway, one to each process of signaling."""
    troubles: list[tuple[float, str]] = field(default_factory=list)
    """What a process did that none may do, and when: it ended by itself, or badly when asked to."""

    @property
    def nats_url(self) -> str:
        """Every node of the bus."""
        return ",".join(node.url() for node in self.nodes)

    def victims(self) -> dict[str, list[Victim]]:
        """What can be ended, by kind."""
        found = {kind: [self._pod(pod, number) for number, pod in enumerate(own)]
                 for kind, own in self.pods.items()}  # fmt: skip
        found["nats"] = [self._server("nats", node, node.launch) for node in self.nodes]
        base = self.postgres
        found["postgres"] = [self._server("postgres", base, lambda: base.start(base.port))]
        return found

    def _server(self, kind: str, server: Node | Database, start: Callable[[], object]) -> Victim:
        def kill() -> None:
            self.must_run(kind, bool(server.pid))
            server.kill()

        async def stop() -> None:
            self.must_run(kind, bool(server.pid))
            if not await server.ask_to_stop():
                self.trouble(f"{kind} did not stop when it was asked to, and was killed")

        return Victim(kind, kill, stop, start, server.until_ready)

    def kill_bus(self) -> None:
        """kill -9 of all nodes."""
        for victim in self.victims()["nats"]:
            victim.kill()

    def trouble(self, what: str) -> None:
        """Notes what is wrong with a process."""
        self.troubles.append((time.monotonic(), what))

    def must_run(self, name: str, runs: bool) -> None:
        """Notes where a process ended that nobody has ended."""
        if not runs:
            self.trouble(f"{name} ended by itself")

    def everything_must_run(self) -> None:
        """Looks at every process, of which none is ended or being started now."""
        for process in self.processes():
            self.must_run(process.name, process.runs)
        for node in self.nodes:
            self.must_run("nats", bool(node.pid))
        self.must_run("postgres", bool(self.postgres.pid))

    async def must_stop(self, process: Process) -> None:
        """Waits for the end of a process that was asked to stop, and notes any other exit status than 0."""
        if (status := await process.ended()) != 0:
            self.trouble(f"{process.name} was asked to stop and ended with {status}")

    def _pod(self, pod: Pod, number: int) -> Victim:
        process = pod.process

        def kill() -> None:
            self.must_run(process.name, process.runs)
            process.kill()

        async def stop() -> None:
            self.must_run(process.name, process.runs)
            process.ask_to_stop()
            await self.must_stop(process)

        async def ready() -> None:
            await pod.ready()
            if pod.service == "gateway":
                await until_ready(self.gateways[number], process)

        return Victim(pod.service, kill, stop, process.start, ready)

    def weathers(self, gateway: int) -> list[Weather]:
        """The weather between a gateway and each process of signaling."""
        return [passage.weather for passage in self.passages[gateway]]

    def processes(self) -> Iterator[Process]:
        """All processes of ours."""
        for own in self.pods.values():
            for pod in own:
                yield pod.process


async def until_ready(url: str, process: Process, within: float = START_SECONDS) -> None:
    """Waits until a gateway says that it is ready."""
    async with httpx.AsyncClient(trust_env=False, timeout=2.0) as http:
        answer = ""
        async with asyncio.timeout(within):
            while answer != "200":
                process.check()
                try:
                    answer = str((await http.get(url + "/readyz")).status_code)
                except httpx.TransportError as problem:
                    answer = type(problem).__name__
                await asyncio.sleep(POLL_SECONDS)


@asynccontextmanager
async def installation(folder: Path, chance: random.Random) -> AsyncIterator[Installation]:
    """Everything up, below `folder`; everything down at the end."""
    made = Installation(folder, Database(folder / "postgres", PASSWORD), cluster(folder),
                        Clocks(folder / "clocks"), Disk(folder / "outbox_disk"), chance)  # fmt: skip
    async with AsyncExitStack() as stack:
        made.disk.mount()
        stack.callback(made.disk.unmount)
        stack.callback(made.postgres.stop)
        made.postgres.start()
        for node in made.nodes:
            stack.callback(node.stop)
            node.launch()
        await made.postgres.until_ready()
        await asyncio.gather(*(node.until_ready() for node in made.nodes))
        env = environment(made.postgres, made.nodes[0], NAME) | SETTINGS
        env["RINGLINE_NATS_URL"] = made.nats_url
        await prepare(made.postgres, NAME, env, folder)
        con = await connect(made)
        await made.disk.move_in(con)
        await con.close()
        lay_out(made, env)
        for own in made.passages:
            for passage in own:
                await stack.enter_async_context(passage.open())
        stack.push_async_callback(_stop, made)
        for process in made.processes():
            process.start()
        await asyncio.gather(*(one.until_ready() for own in made.victims().values() for one in own))
        yield made


async def _stop(made: Installation) -> None:
    made.everything_must_run()
    running = [process for process in made.processes() if process.runs]
    for process in reversed(running):
        process.ask_to_stop()
    await asyncio.gather(*(made.must_stop(process) for process in running))


def lay_out(made: Installation, env: dict[str, str]) -> None:
    """Gives every process its port, its neighbours and its settings; starts none."""
    ports = {service: [free_port() for _ in range(COPIES)] for service in SERVICES}
    shared = env | {f"RINGLINE_ADDRESS_{name.upper()}": _addresses(own) for name, own in ports.items()}
    for service, own in ports.items():
        made.pods[service] = []
        for number, port in enumerate(own):
            name = f"{service}-{number + 1}"
            mine = shared | {"RINGLINE_LISTEN_PORT": str(port)} | made.clocks.environment(name)
            if service == "gateway":
                mine |= _gateway(made, ports["signaling"])
            process = ringline([service], mine, made.folder, name)
            made.pods[service].append(Pod(service, number, f"127.0.0.1:{port}", process))


def _gateway(made: Installation, signaling: list[int]) -> dict[str, str]:
    """The settings of one gateway, which knows the doors of its own passages for signaling's."""
    http = free_port()
    made.gateways.append(f"http://127.0.0.1:{http}")
    made.passages.append([Passage(free_port(), port, Weather(made.chance)) for port in signaling])
    doors = _addresses([passage.port for passage in made.passages[-1]])
    return {"RINGLINE_GATEWAY_PORT": str(http), "RINGLINE_ADDRESS_SIGNALING": doors}


def _addresses(ports: list[int]) -> str:
    return ",".join(f"127.0.0.1:{port}" for port in ports)


async def connect(made: Installation) -> asyncpg.Connection:
    """A connection to the database as its owner."""
    return await asyncpg.connect(made.postgres.url(NAME))
