"""A process: one gRPC server, its health, its background tasks, and the order in which all of it ends.

`async with Node(settings, hosts=["policy"]) as node: await node.build("policy", policy.build); await
node.run()`. Which services live here is all that differs between one process and a pod for each.
"""

import asyncio
import copy
import functools
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from grpc import aio
from prometheus_client import start_http_server

from ringline import telemetry, tracing
from ringline.addresses import split_addresses
from ringline.answerer import Draining
from ringline.asker import Asker, dial
from ringline.bus import Bus
from ringline.config import NodeSettings
from ringline.db import START_SECONDS, Database
from ringline.ending import Ending
from ringline.identity import Identity
from ringline.log import Log
from ringline.loopback import Loopback
from ringline.server import Server
from ringline.telemetry import report_bug
from ringline.wire import Channel, open_channel

T = TypeVar("T")
Check = Callable[[], Awaitable[bool] | bool]
Build = Callable[["Node"], AbstractAsyncContextManager[Any]]

READY = "ready"
LIVE = "live"
BEAT_SECONDS = 0.25
CHECK_SECONDS = 1.0
LEAVE_SECONDS = 55.0
"""After so long a process waits for nobody any more: who started it kills it after a minute."""
HEAR_SECONDS = 0.5
"""Within this time everybody who watches a service has heard that it is on its way out."""
CANCELS = 20
CANCEL_SECONDS = 0.5
COLLECT_AFTER = 20_000
"""New objects between two looks for cycles."""


class _State:
    """What all views of a node share."""

    def __init__(self, settings: NodeSettings, hosts: Iterable[str]) -> None:
        self.hosts = frozenset(hosts)
        self.draining: dict[str, Draining] = {}
        self.is_leaving = False
        self.leave_by = 0.0
        self.ending = Ending()
        self.ready = asyncio.Event()
        self.loopback = Loopback()
        self.identity: Identity | None = None
        self.server: Server | None = None
        self.metrics_port = 0
        self.served: list[str] = []
        self.resources = AsyncExitStack()
        self.builds = AsyncExitStack()
        self.tasks: set[asyncio.Task[None]] = set()
        self.checks: dict[str, Check] = {}
        self.channels: dict[tuple[str, str], Channel] = {}
        self.databases: dict[str, Database] = {}
        self.buses: dict[str, Bus] = {}
        self.logs: dict[str, Log] = {}
        self.failure: BaseException | None = None


class Node:
    """A process, as a service sees it.

    `hosts` are the services that live here. Each service's `build` gets a view of the node with its own name
    as `service`, which is also what it is called on the other side of a channel.
    """

    def __init__(self, settings: NodeSettings, hosts: Iterable[str] = ()) -> None:
        self.settings = settings
        self.service = "operator"
        self._state = _State(settings, hosts)

    async def __aenter__(self) -> "Node":
        telemetry.configure(self.settings.log_level)
        if self.settings.otlp_url:
            tracing.start(self.settings.otlp_url)
            self._state.resources.push_async_callback(asyncio.to_thread, tracing.stop)
        state = self._state
        state.identity = Identity.of(self.settings.tls_dir)
        if state.identity is not None:
            state.identity.insist(state.hosts)
        state.server = Server(self.settings, state.identity)
        if self.settings.metrics_port >= 0:
            httpd, thread = start_http_server(self.settings.metrics_port, self.settings.metrics_host)
            state.metrics_port = httpd.server_port
            state.resources.callback(thread.join)
            state.resources.callback(httpd.server_close)
            state.resources.callback(httpd.shutdown)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._drain()

    # What a service's build uses.

    def hosts(self, service: str) -> bool:
        """Whether `service` lives in this process."""
        return service in self._state.hosts

    def serve(self, service: str, add: Callable[[Any, Any], None], servicer: Any) -> None:
        """Serves `servicer`, by the generated `add_…Servicer_to_server`. Before `started()`."""
        add(servicer, self._server.services)
        add(servicer, self._state.loopback)
        self._state.served.append(service)

    def addresses(self, service: str) -> list[str]:
        """Where `service` answers (host:port): as configured, or this process's own port if it lives here."""
        if configured := split_addresses(self.settings.address.get(service, "")):
            return configured
        if not self._is_here(service):
            raise ValueError(f"no address for {service}: set RINGLINE_ADDRESS_{service.upper()}")
        return [f"127.0.0.1:{self.port}"]

    def _is_here(self, service: str) -> bool:
        """Whether `service` is asked in this process: it lives here and no other address is configured."""
        return self.hosts(service) and not split_addresses(self.settings.address.get(service, ""))

    def channel(self, service: str) -> Channel:
        """A channel to `service` for unary calls, for generated stubs.

        2 s deadline where the call gives none.
        """
        key = (self.service, service)
        if key not in self._state.channels:
            channel = open_channel(self.addresses(service), self.service, service, self._state.identity)
            self._state.channels[key] = channel
            self._state.resources.push_async_callback(channel.close)
        return self._state.channels[key]

    async def asker(
        self,
        service: str,
        open_stream: Callable[[aio.Channel], Any],
        pack: Callable[[list[Any]], Any],
        unpack: Callable[[Any], Iterable[Any]],
    ) -> Asker[Any, Any]:
        """The asking half of a batched stream to every process of `service`; closed with the node."""
        asker: Asker[Any, Any] = Asker(
            service,
            open_stream,
            lambda: self.addresses(service),
            pack,
            unpack,
            caller=self.service,
            in_turn=self.settings.stream_pick == "in_turn",
            dial=(lambda _: self._state.loopback.dial(service))
            if self._is_here(service)
            else functools.partial(dial, service=service, identity=self._state.identity),
        )
        return await self.enter(asker)

    async def database(self, service: str) -> Database:
        """The database of `service`, open; waits for one that is starting, or that has no role for it yet."""
        databases = self._state.databases
        if service not in databases:
            database = Database.of(self.settings, service)
            self._state.resources.push_async_callback(database.close)
            databases[service] = await database.open(START_SECONDS)
            self.ready(f"{service} database", database.answers)
            self.spawn(database.watch(), f"{service} database watch")
        return databases[service]

    async def bus(self) -> Bus:
        """The bus, connected if it is there; never a reason to fail. A service that has a user of its own
        there has a connection of its own.
        """
        passwords = self.settings.nats_passwords(self.service)
        user, buses = self.service if passwords else "", self._state.buses
        if user not in buses:
            name = user or " ".join(sorted(self._state.hosts))
            bus = buses[user] = Bus(self.settings.nats_url, f"ringline {name}", user, passwords)
            self._state.resources.push_async_callback(bus.close)
            await bus.connect()
        return buses[user]

    async def log(self) -> Log:
        """The event log on the bus."""
        if self.service not in self._state.logs:
            self._state.logs[self.service] = Log(await self.bus(), self.settings.event_replicas)
        return self._state.logs[self.service]

    async def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Enters `resource` and leaves it after the server has stopped, in reverse order."""
        return await self._state.resources.enter_async_context(resource)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Runs `work` in the background until the node stops.

        Where it raises, that is logged and the node stops.
        """
        task = asyncio.create_task(work, name=name)
        self._state.tasks.add(task)
        task.add_done_callback(self._task_ended)

    def ready(self, name: str, check: Check) -> None:
        """Adds a condition of readiness: this process can do its own work.

        Never the health of a peer or of the bus.
        """
        self._state.checks[name] = check

    @property
    def draining(self) -> Draining:
        """Whether this service is on its way out. Where several live in one process, who asks goes first."""
        age = self.settings.connection_age_seconds
        return self._state.draining.setdefault(self.service, Draining(age))

    @property
    def is_leaving(self) -> bool:
        """Whether this process is on its way out."""
        return self._state.is_leaving

    @property
    def port(self) -> int:
        """The port of gRPC."""
        return self._server.port

    @property
    def probe_port(self) -> int:
        """The port on which health is told without a certificate; 0 where there is none."""
        return self._server.probe_port

    @property
    def metrics_port(self) -> int:
        """The port of /metrics; 0 where there is none."""
        return self._state.metrics_port

    # What the composition root and the tests use.

    def of(self, service: str) -> "Node":
        """The same node as `service` sees it."""
        view = copy.copy(self)
        view.service = service
        return view

    async def build(self, service: str, build: Build) -> None:
        """Builds a service in this node; it is taken down before the server stops, in reverse order."""
        view = self.of(service)
        await self._state.builds.enter_async_context(build(view))
        await self._state.builds.enter_async_context(view._finishing())

    async def prepare(self, work: Awaitable[None]) -> None:
        """Does what comes before serving; given up where the process is told to stop, as `run` is then."""
        self._state.ending.heed_signals()
        await self._state.ending.unless_told(work)

    async def start(self) -> None:
        """Begins to serve, after everything was built."""
        state = self._state
        await self._server.set_health(state.served, is_serving=True)
        await self._server.start(state.served)
        state.loopback.open(state.served)
        if state.identity is not None:
            self.spawn(state.identity.keep(), "certificate")
        self.spawn(self._watch_loop(), "loop watch")
        self.spawn(self._watch_readiness(), "readiness")
        telemetry.log(__name__).info(
            "started",
            services=sorted(state.hosts),
            address=f"{self.settings.listen_host}:{self.port}",
            metrics=self.metrics_port,
        )

    async def started(self) -> None:
        """Waits until this process is ready to work."""
        await self._state.ready.wait()

    def stop(self) -> None:
        """Asks the node to stop; `run` returns."""
        self._state.ending.tell()

    async def run(self) -> None:
        """Serves until SIGTERM, SIGINT, `stop()` or the crash of a background task, which is raised."""
        self._state.ending.heed_signals()
        if not self._is_serving() and not self._state.ending.is_told:
            await self.start()
        _spare_the_collector()
        await self._state.ending.told()
        if self._state.failure is not None:
            raise self._state.failure

    @property
    def _server(self) -> Server:
        if self._state.server is None:
            raise RuntimeError("the node is not open")
        return self._state.server

    def _is_serving(self) -> bool:
        return any(task.get_name() == "readiness" for task in self._state.tasks)

    def _task_ended(self, task: "asyncio.Task[None]") -> None:
        self._state.tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        report_bug(task.get_name(), error)
        self._state.failure = self._state.failure or error
        self.stop()

    async def _watch_loop(self) -> None:
        """Live means that the loop turns: the health service answers in this same loop."""
        loop = asyncio.get_running_loop()
        await self._server.set_health([LIVE], is_serving=True)
        while True:
            due = loop.time() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            telemetry.LOOP_LAG.set(max(0.0, loop.time() - due))
            if self.is_leaving:
                telemetry.LEAVING.set(loop.time() + LEAVE_SECONDS - self._state.leave_by)

    async def _watch_readiness(self) -> None:
        was: bool | None = None
        while True:
            failing = [name for name, check in self._state.checks.items() if not await _holds(check)]
            now = not failing and not self.is_leaving
            if now != was:
                await self._set_ready(now)
                telemetry.log(__name__).info("ready" if now else "not ready", check=",".join(failing))
            was = now
            await asyncio.sleep(CHECK_SECONDS)

    async def _set_ready(self, is_ready: bool) -> None:
        await self._server.set_health(("", READY), is_serving=is_ready)
        telemetry.READY.set(is_ready)
        if is_ready:
            self._state.ready.set()
        else:
            self._state.ready.clear()

    @asynccontextmanager
    async def _finishing(self) -> AsyncIterator[None]:
        """Before a service is taken down, and after those that ask it: it gets no new question, and those
        that it has are answered.
        """
        yield
        self.draining.set()
        self._state.loopback.shut(self.service)
        if self.service in self._state.served:
            await self._server.set_health([self.service], is_serving=False)
            if self.service in self._server.health.watched:
                await asyncio.sleep(min(HEAR_SECONDS, self._patience() / 10))
        if database := self._state.databases.get(self.service):
            database.shrink()
        if not await self.draining.finished(self._patience()):
            telemetry.log(__name__).warning("not everybody has moved on", service=self.service)

    def _patience(self) -> float:
        """For how long, in seconds, what was begun is still waited for."""
        left = self._state.leave_by - asyncio.get_running_loop().time()
        return max(0.0, min(self.settings.drain_seconds, left))

    async def _drain(self) -> None:
        """In order: say so, take the services down, finish what was begun, then tasks, then resources."""
        state = self._state
        state.is_leaving = True
        state.leave_by = asyncio.get_running_loop().time() + LEAVE_SECONDS
        await self._set_ready(False)
        await state.builds.aclose()
        if state.server is not None:
            await state.server.stop(self._patience())
        # A library may swallow a cancel: it is said again until it is heard.
        for _ in range(CANCELS):
            if not state.tasks:
                break
            for task in state.tasks:
                task.cancel()
            await asyncio.wait(state.tasks, timeout=CANCEL_SECONDS)
        await state.resources.aclose()


def _spare_the_collector() -> None:
    """What is there now stays: modules, classes, descriptors. The cyclic collector need not walk over it
    again, nor look for cycles after every 700 objects: messages and tasks are not in any.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


async def _holds(check: Check) -> bool:
    answer = check()
    return answer if isinstance(answer, bool) else await answer
