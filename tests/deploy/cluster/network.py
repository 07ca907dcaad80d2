"""The network of the cluster: a node that routes between its pods, and what its packet filter lets through.

Each pod has an address and a cable to the node. Services with an address are destinations that the node turns
into one of the pods behind them, as kube-proxy would; what the NetworkPolicies do not allow is dropped.
"""

import itertools
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType

from tests.browser.apart.networks import SERVER, Network
from tests.deploy.cluster.objects import Objects, Pod, endpoints, number_of
from tests.deploy.cluster.policies import flows
from tests.deploy.manifests import Thing, name_of, namespace_of

NODE = SERVER
"""Where the kubelet's probes come from, and where people find the relay."""
ROUTER = "169.254.1.1"
PODS = "10.244.0."
SERVICES = "10.96.0."
DNS = SERVICES + "10"
API = SERVICES + "1"
OPEN = ("tcp --dport 3478", "udp --dport 3478", "udp --dport 49152:65535")
"""What the page on Kubernetes has operators let in at the nodes of the relay."""


class Cables:
    """The node's network and those of its pods."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.node = Network("node", folder)
        self._stack = AsyncExitStack()
        self._numbers = itertools.count(2)
        self._services: dict[tuple[str, str], str] = {}
        self._filter = ""

    async def __aenter__(self) -> "Cables":
        await self._hold(self.node)
        self.node.run("ip", "addr", "add", f"{NODE}/32", "dev", "lo")
        self.node.run("ip", "addr", "add", f"{ROUTER}/32", "dev", "lo", "scope", "link")
        self.node.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        self._restore([], [])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def plug(self, name: str, own: str = "") -> tuple[Network, str]:
        """A new network with a cable to the node, and its address: `own`, or one of a pod. It ends with its
        holder.
        """
        number = next(self._numbers)
        address, cable = own or f"{PODS}{number}", f"pod{number}"
        network = Network(name, self._folder)
        await self._hold(network)
        peer = ("peer", "name", "eth0", "netns", str(network.holder.pid))
        self.node.run("ip", "link", "add", cable, "type", "veth", *peer)
        self.node.run("ip", "link", "set", cable, "up")
        self.node.run("ip", "route", "add", f"{address}/32", "dev", cable, "src", NODE)
        network.run("ip", "addr", "add", f"{address}/32", "dev", "eth0")
        network.run("ip", "link", "set", "eth0", "up")
        network.run("ip", "route", "add", f"{ROUTER}/32", "dev", "eth0")
        network.run("ip", "route", "add", "default", "via", ROUTER)
        return network, address

    async def unplug(self, network: Network) -> None:
        """Ends a network."""
        network.holder.kill()

    def address(self, service: Thing) -> str:
        """The address of a Service; "" where it has none, and its name stands for its pods."""
        if service["spec"].get("clusterIP") == "None":
            return ""
        key = (namespace_of(service), name_of(service))
        fixed = {("kube-system", "kube-dns"): DNS, ("default", "kubernetes"): API}
        if key not in self._services:
            self._services[key] = fixed.get(key, f"{SERVICES}{20 + len(self._services)}")
        return self._services[key]

    def heed(
        self, objects: Objects, pods: Sequence[Pod], spaces: Mapping[str, Mapping[str, str]], world: str
    ) -> None:
        """Puts in force what policies and Services say of these pods. People are in the namespace `world`."""
        allowed = flows(pods, objects.kind("NetworkPolicy"), spaces)
        ways = [way for service in objects.kind("Service") for way in self._ways(service, pods)]
        relays = {pod.address for pod in pods if pod.is_on_host and pod.address}
        doors = [
            f"-A {'INPUT' if relay == NODE else 'FORWARD'} -s {pod.address} -d {relay} -p {door} -j ACCEPT"
            for pod in pods
            if pod.namespace == world
            for relay in sorted(relays)
            for door in OPEN
        ]
        self._restore([*(flow.rule for flow in sorted(allowed)), *doors], ways)

    def _ways(self, service: Thing, pods: Sequence[Pod]) -> list[str]:
        """The node's part of a Service: every connection goes to one of its pods, by chance."""
        found = []
        behind = endpoints(service, list(pods))
        for port in service["spec"]["ports"] if (own := self.address(service)) else []:
            protocol = port.get("protocol", "TCP").lower()
            for left, pod in zip(range(len(behind), 0, -1), behind, strict=True):
                number = number_of(port.get("targetPort", port["port"]), pod.container)
                chance = f" -m statistic --mode random --probability {1 / left:.6f}" if left > 1 else ""
                found.append(
                    f"-A PREROUTING -d {own}/32 -p {protocol} --dport {port['port']}{chance}"
                    f" -j DNAT --to-destination {pod.address}:{number}"
                )
        return found

    def _restore(self, rules: Iterable[str], ways: Iterable[str]) -> None:
        """All at once. Who is inside what it began goes on; nobody begins anything with the node itself."""
        told = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        text = "\n".join(
            ["*filter", ":INPUT DROP", ":FORWARD DROP", ":OUTPUT ACCEPT"]
            + [f"-A INPUT {told}", "-A INPUT -i lo -j ACCEPT", f"-A FORWARD {told}", *rules, "COMMIT"]
            + ["*nat", ":PREROUTING ACCEPT", *ways, "COMMIT", ""]
        )
        if text != self._filter:
            command = self.node.command("iptables-restore")
            subprocess.run(command, input=text, text=True, check=True, capture_output=True)
            self._filter = text

    async def _hold(self, network: Network) -> None:
        self._stack.callback(network.holder.kill)
        await network.open()
