"""The cluster: applies, keeps as many pods as are wanted, and does what `kubectl` is asked for."""

import asyncio
import ctypes
import random
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

from tests.browser.apart.networks import Network
from tests.deploy.cluster.api import PORT, Api
from tests.deploy.cluster.controllers import is_settled, plan, pod_for
from tests.deploy.cluster.issuer import Issuer
from tests.deploy.cluster.names import DOMAIN, Names
from tests.deploy.cluster.network import NODE, Cables
from tests.deploy.cluster.objects import NotHonoured, Objects, Pod, endpoints
from tests.deploy.cluster.pod import Node, Prober, Running
from tests.deploy.cluster.policies import spaces_of
from tests.deploy.cluster.roots import Root
from tests.deploy.cluster.site import RELAY, Machine, Site
from tests.deploy.manifests import Thing, name_of, namespace_of, title
from tests.servers import until

WORKLOADS = ("Deployment", "StatefulSet", "Job")
OTHERS = frozenset(
    "Namespace ServiceAccount Role RoleBinding ConfigMap Secret Service NetworkPolicy HorizontalPodAutoscaler"
    " Certificate Issuer PodDisruptionBudget Ingress ServiceMonitor PrometheusRule".split()
)
"""Of these, the last four are of no effect, but that an Ingress gets a certificate."""
PATIENCE = 120.0
SCALING_SECONDS = 2.0
"""Between two looks of the autoscalers; those of a cluster look every 15 s."""
SPACE = "ringline"
"""The namespace of most objects."""
RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""The annotation by which pods are replaced that are otherwise alike."""
_CLONE_NEWNET = 0x40000000


class Cluster:
    """A cluster of one node. Use by `cluster(…)`."""

    def __init__(self, folder: Path, roots: Mapping[str, Root], site: Site | None = None) -> None:
        self.folder = folder
        self.site = site or Site()
        self.objects = Objects()
        self.issuer = Issuer(self.objects)
        self.machines: list[Machine] = []
        self.running: list[Running] = []
        self.past: list[Running] = []
        """Pods that are gone."""
        self._roots = roots
        self._cables = Cables(folder)
        self._played: list[Pod] = []
        self._outside: Network | None = None
        self._changed = asyncio.Event()
        self._over = asyncio.Event()
        self._stopping: set[asyncio.Task[None]] = set()
        self._done: set[str] = set()
        self._node: Node | None = None
        self._working: list[asyncio.Task[None]] = []

    # What kubectl does.

    def apply(self, objects: Objects) -> None:
        """Creates the objects, or replaces those of the same kind and name."""
        for thing in objects.things:
            if thing["kind"] not in (*OTHERS, *WORKLOADS):
                raise NotHonoured(title(thing))
            for old in [one for one in self.objects.things if _key(thing) == _key(one)]:
                self.objects.things.remove(old)
            self.objects.things.append(thing)
        for one in self.running:
            one.refresh()
        self._changed.set()

    async def remove(self, thing: Thing) -> None:
        """`kubectl delete` of anything but a pod; its pods go with it. With a namespace goes all that is in
        it, and pods have no time to say goodbye.
        """
        self.objects.things.remove(thing)
        self._done.discard(title(thing))
        self._changed.set()
        if thing["kind"] != "Namespace":
            await asyncio.gather(*(one.stop() for one in self.running if self._owns(thing, one.pod)))
            return
        inside = [one for one in self.objects.things if namespace_of(one) == name_of(thing)]
        self.objects.things[:] = [one for one in self.objects.things if one not in inside]
        pods = [one for one in self.running if one.pod.namespace == name_of(thing)]
        await asyncio.gather(*(one.stop(0) for one in pods))
        for one in inside:
            self._done.discard(title(one))
            for claim in self.claims() if one["kind"] == "StatefulSet" else []:
                shutil.rmtree(claim)

    def scale(self, name: str, replicas: int, namespace: str = SPACE) -> None:
        """`kubectl scale deployment/NAME --replicas=N`."""
        self.objects.get("Deployment", namespace, name)["spec"]["replicas"] = replicas
        self._changed.set()

    def restart(self, name: str, kind: str = "Deployment", namespace: str = SPACE) -> None:
        """`kubectl rollout restart deployment/NAME`."""
        template = self.objects.get(kind, namespace, name)["spec"]["template"]["metadata"]
        template.setdefault("annotations", {})[RESTARTED] = secrets.token_hex(4)
        self._changed.set()

    async def settled(self, name: str, within: float = PATIENCE) -> None:
        """Waits until a Deployment is as it is wanted, and its old pods are gone."""
        workload = self.objects.get("Deployment", SPACE, name)
        await until(lambda: self.is_settled(workload), within, self.told)

    async def delete(self, running: Running, grace: float | None = None) -> None:
        """`kubectl delete pod`; by force where `grace` is 0."""
        await running.stop(grace)

    def pods(self, name: str) -> list[Running]:
        """The pods with that label app.kubernetes.io/name."""
        return [one for one in self.running if one.pod.labels.get("app.kubernetes.io/name") == name]

    def told(self) -> str:
        """How it is with every pod, and the ends of what those wrote that are not ready."""
        lines = []
        for one in self.running:
            pod = one.pod
            state = "leaves" if pod.is_leaving else "serves" if pod.serves else one.trouble
            lines.append(f"{pod.name} {pod.address} restarts={one.restarts} {state}")
            if not pod.serves and one.log.exists():
                lines.append(one.log.read_text(errors="replace")[-1500:])
        return "\n".join(lines)

    # What the tests look at.

    def is_settled(self, workload: Thing, and_gone: bool = True) -> bool:
        """Whether a workload is as it is wanted, and its old pods are gone, if that matters; a Job: done."""
        self._reap()
        if workload["kind"] == "Job":
            return title(workload) in self._done
        pods = [pod for pod in self._of(workload) if and_gone or not pod.is_leaving]
        return is_settled(workload, pods)

    def ready(self, workload: Thing) -> list[Pod]:
        """Its pods that serve."""
        return [pod for pod in self._of(workload) if pod.serves]

    def claims(self) -> list[Path]:
        """The volumes that were claimed."""
        return sorted((self.folder / "claims").iterdir())

    async def until_settled(self, within: float = PATIENCE) -> None:
        """Waits until all workloads are as they are wanted."""
        things = self.objects.kind(*WORKLOADS)
        await until(lambda: all(self.is_settled(one) for one in things), within, self.told)

    async def until_exists(self, kind: str, name: str, within: float = PATIENCE) -> None:
        """Waits until there is an object of that kind and name."""
        await until(lambda: any(name_of(one) == name for one in self.objects.kind(kind)), within, self.told)

    def service(self, name: str, namespace: str = SPACE) -> str:
        """The address of a Service."""
        return self._cables.address(self.objects.get("Service", namespace, name))

    @property
    def outside(self) -> Network:
        """Where the ingress controller is, through which people come."""
        assert self._outside is not None
        return self._outside

    @property
    def node(self) -> Network:
        """From where a kubelet asks its pods."""
        return self._cables.node

    # How it works.

    async def open(self, stack: AsyncExitStack) -> None:
        """Makes the node and what the cluster brings: names, an API server, a place for the ingress."""
        (self.folder / "claims").mkdir()
        (self.folder / "pods").mkdir(mode=0o711)
        (self.folder / "logs").mkdir()
        cables = await stack.enter_async_context(self._cables)
        names = await self.play("kube-system", "kube-dns", [("UDP", 53, 53)])
        api = await self.play("default", "kubernetes", [("TCP", 443, PORT)])
        self._outside = await self.play(self.site.ingress, "controller", [])
        for name, own in self.site.nodes.items():
            network, address = await cables.plug(name, own)
            self.machines.append(Machine(name, address, network))
        if not self.machines:
            self.machines.append(Machine("node", NODE, cables.node, {RELAY: "true"}))
        port = names.inside(lambda: _datagrams(53))
        stack.enter_context(Names(port, self.look_up))
        server = Api(api.listener(PORT), self._api_address(), self.objects, self.folder)
        stack.enter_context(server)
        prober = await stack.enter_async_context(Prober(cables))
        self._node = Node(
            self.folder,
            cables,
            self.objects,
            self._roots,
            prober,
            server,
            self.machines,
            self._changed.set,
        )
        self._working = [
            asyncio.create_task(self._tend(), name="cluster"),
            asyncio.create_task(self._scale_again_and_again(), name="autoscalers"),
        ]
        stack.push_async_callback(self._close)

    def look_up(self, name: str) -> list[str] | None:
        """The addresses of a name of the cluster; None where there is none of that name."""
        words = name.removesuffix("." + DOMAIN).split(".")
        if name in self.site.names:
            return list(self.site.names[name])
        if not name.endswith("." + DOMAIN) or len(words) not in (2, 3):
            return None
        pods = [*self._played, *(one.pod for one in list(self.running))]
        for service in self.objects.kind("Service"):
            if [name_of(service), namespace_of(service)] != words[-2:]:
                continue
            if address := self._cables.address(service):
                return [address] if len(words) == 2 else None
            behind = endpoints(service, pods)
            if len(words) == 3:
                return [pod.address for pod in behind if pod.name == words[0]] or None
            random.shuffle(behind)
            return [pod.address for pod in behind]
        return None

    async def _tend(self) -> None:
        """Does what is to be done next, whenever anything has changed."""
        assert self._node is not None
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._reap()
            if due := self.issuer.due():
                self.apply(Objects(due))
            for workload in self.objects.kind(*WORKLOADS):
                self._step(workload, self._node)
            self._heed()

    def _heed(self) -> None:
        """Puts in force who may reach whom."""
        beside = {pod.namespace for pod in self._played}
        spaces = spaces_of(self.objects.kind("Namespace"), *beside)
        pods = [*self._played, *(one.pod for one in self.running)]
        self._cables.heed(self.objects, pods, spaces, self.site.ingress)

    async def _scale_again_and_again(self) -> None:
        """What autoscalers do where there is hardly anything to do: as few pods as they may."""
        while not self._over.is_set():
            for one in self.objects.kind("HorizontalPodAutoscaler"):
                name, space = one["spec"]["scaleTargetRef"]["name"], namespace_of(one)
                replicas = self.objects.get("Deployment", space, name)["spec"].get("replicas", 1)
                if replicas not in (0, one["spec"]["minReplicas"]):
                    self.scale(name, one["spec"]["minReplicas"], space)
            with suppress(TimeoutError):
                async with asyncio.timeout(SCALING_SECONDS):
                    await self._over.wait()

    def _step(self, workload: Thing, node: Node) -> None:
        if title(workload) in self._done:
            return
        pods = self._of(workload)
        while made := plan(workload, pods, secrets.token_hex(3)):
            for pod in made.stop:
                running = next(one for one in self.running if one.pod is pod)
                task = asyncio.create_task(running.stop(), name=f"stop {pod.name}")
                self._stopping.add(task)
                task.add_done_callback(self._stopping.discard)
            self.running += [Running(pod_for(workload, name), node) for name in made.make]
            if not made.make:
                return
            pods = self._of(workload)

    def _reap(self) -> None:
        for task in self._working:
            if task.done() and not task.cancelled():
                task.result()  # raises why
        for one in [one for one in self.running if one.is_gone]:
            self.running.remove(one)
            self.past.append(one)
            if one.has_succeeded:
                self._done.add(one.pod.owner)
            self._changed.set()

    def _of(self, workload: Thing) -> list[Pod]:
        return [one.pod for one in self.running if self._owns(workload, one.pod)]

    @staticmethod
    def _owns(workload: Thing, pod: Pod) -> bool:
        return (pod.owner, pod.namespace) == (title(workload), namespace_of(workload))

    def _api_address(self) -> str:
        return self.service("kubernetes", "default")

    async def play(
        self, namespace: str, name: str, ports: Sequence[tuple[str, int, int]] = (), own: str = ""
    ) -> Network:
        """A network for something that is none of our objects, with an address of its `own` where it is
        not in the cluster, and its Service, where it has ports.
        """
        network, address = await self._cables.plug(name, own)
        labels = {"app.kubernetes.io/name": name}
        pod = Pod(namespace, name, labels, {"containers": [{}]}, "the cluster", "", address, is_ready=True)
        self._played.append(pod)
        if ports:
            told = [{"protocol": kind, "port": port, "targetPort": at} for kind, port, at in ports]
            metadata = {"name": name, "namespace": namespace}
            self.objects.add(
                {"kind": "Service", "metadata": metadata, "spec": {"selector": labels, "ports": told}}
            )
        self._heed()
        return network

    async def _close(self) -> None:
        self._over.set()
        for task in self._working:
            task.cancel()
        await asyncio.wait(self._working)
        await asyncio.gather(*(one.stop(0) for one in self.running), *self._stopping)


@asynccontextmanager
async def cluster(
    folder: Path, roots: Mapping[str, Root], site: Site | None = None
) -> AsyncIterator[Cluster]:
    """A running cluster without any object of ours; nothing of it is left at the end."""
    made = Cluster(folder, roots, site)
    async with AsyncExitStack() as stack:
        await made.open(stack)
        yield made


@contextmanager
def within_network(network: Network) -> Iterator[None]:
    """What this thread opens meanwhile, it opens in that network; so does what it starts."""
    enter = ctypes.CDLL(None, use_errno=True).setns
    with Path("/proc/thread-self/ns/net").open() as own, network.path.open() as other:
        if enter(other.fileno(), _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the network of {network.name}")
        try:
            yield
        finally:
            enter(own.fileno(), _CLONE_NEWNET)


def _key(thing: Thing) -> tuple[str, str, str]:
    return (thing["kind"], namespace_of(thing), name_of(thing))


def _datagrams(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("", port))
    return made
