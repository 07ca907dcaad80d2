"""A pod's life, as a kubelet leads it: network, volumes, its container again and again, and the probes."""

import asyncio
import itertools
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.browser.apart.networks import Network
from tests.deploy.cluster.api import Api
from tests.deploy.cluster.bundle import bundle
from tests.deploy.cluster.names import DOMAIN
from tests.deploy.cluster.network import DNS, Cables
from tests.deploy.cluster.objects import NotHonoured, NotThere, Objects, Pod, number_of, only
from tests.deploy.cluster.roots import Root
from tests.deploy.cluster.runtime import Container
from tests.deploy.cluster.site import Machine
from tests.deploy.cluster.volumes import ACCOUNT, FILE_MODE, Volume, size_of, volumes, write
from tests.deploy.manifests import Thing
from tests.house.sources import ROOT

AGAIN_SECONDS = 0.5
"""Between two looks for what a pod needs and what is not there yet."""
BACKOFF_SECONDS = 1.0
"""Before a container is started anew, twice as long each time; a kubelet waits ten times as long."""
GRACE_SECONDS = 30
PROBE = "periodSeconds timeoutSeconds failureThreshold grpc httpGet tcpSocket exec"


class Prober:
    """Asks probes from the node's network, by a process that lives there."""

    def __init__(self, cables: Cables) -> None:
        self._cables = cables
        self._numbers = itertools.count()
        self._open: dict[int, asyncio.Future[str]] = {}

    async def __aenter__(self) -> "Prober":
        command = self._cables.node.command(
            "setpriv", "--pdeathsig=KILL", sys.executable, "-m", f"{__package__}.prober"
        )
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=ROOT)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._process.kill()
        await self._process.wait()
        await self._reading

    async def ask(self, **ask: object) -> str:
        """What was wrong, "" where nothing was."""
        number = next(self._numbers)
        self._open[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, **ask}).encode() + b"\n")
        return await self._open[number]

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            told = json.loads(line)
            future = self._open.pop(told["id"])
            if not future.done():
                future.set_result(told["wrong"])


@dataclass
class Node:
    """What all pods share."""

    folder: Path
    cables: Cables
    objects: Objects
    roots: Mapping[str, Root]
    prober: Prober
    api: Api
    machines: Sequence[Machine]
    changed: Callable[[], None]
    """Called when an address, a readiness, or anything else of a pod is another one."""

    @property
    def claims(self) -> Path:
        """Where claims of volumes are, which outlive pods."""
        return self.folder / "claims"


class Running:
    """A pod that lives."""

    def __init__(self, pod: Pod, node: Node) -> None:
        self.pod = pod
        self.network: Network | None = None
        self.container: Container | None = None
        self.restarts = 0
        """Of its container, by itself."""
        self.has_succeeded = False
        self.was_overdue = False
        self.status = -1
        """That of its container's last end."""
        self.stop_seconds = 0.0
        self._peak = 0
        self.trouble = "was not started"
        self._node = node
        self._folder = node.folder / "pods" / pod.name
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._live(), name=f"pod {pod.name}")

    @property
    def log(self) -> Path:
        """What its container wrote, over all starts."""
        return self._node.folder / "logs" / f"{self.pod.name}.log"

    @property
    def peak(self) -> int:
        """The most bytes that its container had so far; 0 where that is not known."""
        return max(self._peak, self.container.limit.peak() if self.container is not None else 0)

    @property
    def is_gone(self) -> bool:
        """Whether nothing is left of it. Raises what its life raised."""
        if self._task.done():
            self._task.result()
        return self._task.done()

    async def stop(self, grace: float | None = None) -> None:
        """As `kubectl delete pod`: nobody is sent to it any more, SIGTERM, and SIGKILL after its grace."""
        if self.pod.is_leaving:
            return
        self.pod.is_leaving = True
        self._node.changed()
        began = time.monotonic()
        if grace is None:
            grace = self.pod.spec.get("terminationGracePeriodSeconds", GRACE_SECONDS)
        self._over.set()
        if self.container is not None and grace:
            await self.container.signal("TERM")
            with suppress(TimeoutError):
                await self.container.end(grace)
            self.stop_seconds = time.monotonic() - began
            self.was_overdue = self.container.process.runs
        if self.container is not None and self.container.process.runs:
            await self.container.signal("KILL")
        await asyncio.wait([self._task])

    def refresh(self) -> None:
        """Brings secrets that it has as files up to date, which a kubelet does within a minute."""
        if self.container is not None:
            with suppress(NotThere):  # what was deleted stays where it was
                volumes(self.pod, self._node.objects, self._folder, self._node.claims)

    async def _live(self) -> None:
        async with AsyncExitStack() as stack:
            stack.callback(self._node.changed)
            stack.callback(self._leave)
            await self._plug(stack)
            self._node.changed()
            self._folder.mkdir()
            stack.callback(shutil.rmtree, self._folder)
            made = await self._made()
            for init in self.pod.spec.get("initContainers", []):
                while not self._over.is_set() and await self._once(init, made) != 0:
                    await self._pause(BACKOFF_SECONDS)
            await self._again_and_again(made)

    async def _plug(self, stack: AsyncExitStack) -> None:
        cables = self._node.cables
        if self.pod.is_on_host:
            await self._move_in(stack)
            return
        self.network, self.pod.address = await cables.plug(self.pod.name)
        stack.push_async_callback(cables.unplug, self.network)

    async def _move_in(self, stack: AsyncExitStack) -> None:
        """To the network of a node that takes it."""
        while not self._over.is_set():
            for machine in self._node.machines:
                if machine.takes(self.pod):
                    machine.tenants.append(self.pod)
                    stack.callback(machine.tenants.remove, self.pod)
                    self.network, self.pod.address = machine.network, machine.address
                    return
            self.trouble = "waits for a node"
            await self._pause(AGAIN_SECONDS)

    def _leave(self) -> None:
        self.pod.is_ready, self.pod.address = False, ""

    async def _made(self) -> dict[str, Volume]:
        """Its volumes, as soon as all is there that they need."""
        name, space = self.pod.name, self.pod.namespace
        search = f"{space}.{DOMAIN} {DOMAIN} cluster.local"
        files = {
            "resolv.conf": f"nameserver {DNS}\nsearch {search}\noptions ndots:5\n",
            "hosts": f"127.0.0.1 localhost\n{self.pod.address} {name}\n",
            "hostname": f"{name}\n",
        }
        write(self._folder / "etc", {key: (text.encode(), FILE_MODE) for key, text in files.items()}, 0)
        while not self._over.is_set():
            try:
                made = volumes(self.pod, self._node.objects, self._folder, self._node.claims)
                if self.pod.spec.get("automountServiceAccountToken", True):
                    made[ACCOUNT] = self._account()
                return made
            except NotThere as missing:
                self.trouble = f"waits for {missing}"
                await self._pause(AGAIN_SECONDS)
        return {}

    def _account(self) -> Volume:
        api, account = self._node.api, self.pod.spec["serviceAccountName"]
        self._node.objects.get("ServiceAccount", self.pod.namespace, account)
        files = {"token": api.token(self.pod.namespace, account).encode(), "ca.crt": api.trust}
        files["namespace"] = self.pod.namespace.encode()
        folder = self._folder / "account"
        write(folder, {name: (content, FILE_MODE) for name, content in files.items()}, 0)
        return Volume(folder)

    async def _again_and_again(self, made: Mapping[str, Volume]) -> None:
        policy = self.pod.spec.get("restartPolicy", "Always")
        pause = BACKOFF_SECONDS
        while not self._over.is_set():
            status = await self._once(self.pod.container, made)
            if policy != "Always" and status == 0:
                self.has_succeeded = True
                return
            if self._over.is_set():
                return
            if policy == "Never":
                raise NotHonoured(f"{self.pod.name}: a pod that fails for good")
            self.restarts += 1
            self.trouble = f"its container ended with {status}"
            await self._pause(pause)
            pause *= 2

    async def _once(self, container: Thing, made: Mapping[str, Volume]) -> int:
        """One run of a container with its probes: its status."""
        node, mounts = self._node, dict(made)
        if ACCOUNT in made:
            own = [*container.get("volumeMounts", []), _mount(ACCOUNT)]
            container = container | {"volumeMounts": own}
        try:
            root = node.roots[container["image"].rpartition(":")[0]]
            config = bundle(self.pod, container, root, node.objects, mounts, self._folder / "etc")
        except NotThere as missing:
            self.trouble = f"waits for {missing}"
            return -1
        memory = size_of(container["resources"]["limits"]["memory"])
        assert self.network is not None
        name, network = node.folder.name, self.network.path
        self.container = Container(name, config, network, memory, self._folder, self.log)
        try:
            self.container.start()
            ending = asyncio.create_task(self.container.end())
            watching = asyncio.create_task(self._watch(container, self.container))
            try:
                await asyncio.wait((ending, watching), return_when=asyncio.FIRST_COMPLETED)
                if watching.done():
                    watching.result()  # raises what a probe raised: nobody would watch it any more
                self.status = await ending
                return self.status
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
        finally:
            self._set_ready(False)
            self._peak = self.peak
            await self.container.close()
            self.container = None

    async def _watch(self, container: Thing, run: Container) -> None:
        if (startup := container.get("startupProbe")) and not await self._succeeds(startup, container, run):
            await self._fail(run, "did not start")
            return
        await asyncio.gather(self._readiness(container, run), self._liveness(container, run))

    async def _readiness(self, container: Thing, run: Container) -> None:
        probe, failures = container.get("readinessProbe"), 0
        if probe is None:
            self._set_ready(True)
            return
        while not self.pod.is_leaving:
            wrong = await self._probe(probe, container, run)
            failures = failures + 1 if wrong else 0
            if not wrong:
                self._set_ready(True)
            elif failures >= probe.get("failureThreshold", 3):
                self._set_ready(False)
            await self._pause(probe.get("periodSeconds", 10))

    async def _liveness(self, container: Thing, run: Container) -> None:
        probe, failures = container.get("livenessProbe"), 0
        while probe is not None and not self._over.is_set():
            await self._pause(probe.get("periodSeconds", 10))
            failures = failures + 1 if await self._probe(probe, container, run) else 0
            if failures >= probe.get("failureThreshold", 3) and not self._over.is_set():
                await self._fail(run, "was not live")
                return

    async def _succeeds(self, probe: Thing, container: Thing, run: Container) -> bool:
        """Whether a probe says yes before its patience ends."""
        for _ in range(probe.get("failureThreshold", 3)):
            if not await self._probe(probe, container, run) or self._over.is_set():
                return True
            await self._pause(probe.get("periodSeconds", 10))
        return False

    async def _fail(self, run: Container, why: str) -> None:
        self.trouble = f"its container {why}"
        await run.signal("KILL")

    async def _probe(self, probe: Thing, container: Thing, run: Container) -> str:
        """What is wrong, "" where nothing is."""
        only(probe, PROBE, f"a probe of {self.pod.name}")
        seconds = probe.get("timeoutSeconds", 1)
        if "exec" in probe:
            status, told = await run.run(*probe["exec"]["command"], within=seconds)
            wrong = f"{status} {told}" if status else ""
        else:
            kind = next(word for word in ("grpc", "httpGet", "tcpSocket") if word in probe)
            asked = probe[kind]
            more = {"service": asked.get("service", ""), "path": asked.get("path", "/"), "seconds": seconds}
            port = number_of(asked["port"], container)
            wrong = await self._node.prober.ask(kind=kind, host=self.pod.address, port=port, **more)
        self.trouble = wrong
        return wrong

    def _set_ready(self, is_ready: bool) -> None:
        if self.pod.is_ready != is_ready:
            self.pod.is_ready = is_ready
            self._node.changed()

    async def _pause(self, seconds: float) -> None:
        """Lets time pass, until it is stopped."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()


def _mount(place: str) -> Thing:
    return {"name": place, "mountPath": place, "readOnly": True}
