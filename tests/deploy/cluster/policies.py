"""NetworkPolicies as packet filter rules: what no policy allows is dropped. Pure."""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from tests.deploy.cluster.objects import NotHonoured, Pod, number_of, only
from tests.deploy.manifests import Thing, namespace_of, selects

Port = tuple[str, int]
ANY: Port = ("", 0)
"""Every port of every protocol."""


@dataclass(frozen=True, order=True)
class Flow:
    """Who may begin to speak to whom. `port` is ANY, or a protocol in lower case and a number."""

    source: str
    target: str
    port: Port

    @property
    def rule(self) -> str:
        """As iptables-restore reads it."""
        protocol, number = self.port
        ports = f" -p {protocol} --dport {number}" if self.port != ANY else ""
        return f"-A FORWARD -s {self.source}/32 -d {self.target}/32{ports} -j ACCEPT"


def flows(
    pods: Sequence[Pod], policies: Sequence[Thing], spaces: Mapping[str, Mapping[str, str]]
) -> set[Flow]:
    """All that the policies allow between these pods. `spaces` are the labels of the namespaces.

    They say nothing of pods in the network of their node.
    """
    found: set[Flow] = set()
    for source, target in permutations([pod for pod in pods if pod.address and not pod.is_on_host], 2):
        out = _allowed("egress", source, target, target, policies, spaces)
        into = _allowed("ingress", target, source, target, policies, spaces)
        found |= {Flow(source.address, target.address, port) for port in _both(out, into)}
    return found


def _both(one: set[Port], other: set[Port]) -> set[Port]:
    if ANY in one:
        return other
    return one if ANY in other else one & other


def _allowed(
    direction: str,
    own: Pod,
    peer: Pod,
    target: Pod,
    policies: Iterable[Thing],
    spaces: Mapping[str, Mapping[str, str]],
) -> set[Port]:
    """The ports of `target` at which `own` and `peer` may speak, as far as those policies say that hold for
    `own`.
    """
    held = [policy["spec"] for policy in policies if _holds(policy, direction, own)]
    if not held:
        return {ANY}
    ports: set[Port] = set()
    for spec in held:
        for rule in spec.get(direction) or []:
            only(rule, "from to ports", "a rule of a NetworkPolicy")
            peers = rule.get("from" if direction == "ingress" else "to")
            if not peers or any(_fits(one, peer, own.namespace, spaces) for one in peers):
                ports |= _ports(rule.get("ports"), target)
    return ports


def _holds(policy: Thing, direction: str, pod: Pod) -> bool:
    spec = policy["spec"]
    kinds = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    in_space = namespace_of(policy) == pod.namespace
    return in_space and direction.capitalize() in kinds and selects(spec["podSelector"], pod.labels)


def _fits(peer: Thing, pod: Pod, own: str, spaces: Mapping[str, Mapping[str, str]]) -> bool:
    only(peer, "podSelector namespaceSelector ipBlock", "a peer of a NetworkPolicy")
    if block := peer.get("ipBlock"):
        address = ipaddress.ip_address(pod.address)
        excepted = any(address in ipaddress.ip_network(one) for one in block.get("except", []))
        return address in ipaddress.ip_network(block["cidr"]) and not excepted
    if "namespaceSelector" in peer:
        in_space = selects(peer["namespaceSelector"], dict(spaces.get(pod.namespace, {})))
    else:
        in_space = pod.namespace == own
    return in_space and selects(peer.get("podSelector", {}), pod.labels)


def _ports(ports: list[Thing] | None, target: Pod) -> set[Port]:
    if not ports:
        return {ANY}
    found = set()
    for one in ports:
        if "endPort" in one or "port" not in one:
            raise NotHonoured("a NetworkPolicy with a range of ports, or a protocol alone")
        protocol = one.get("protocol", "TCP").lower()
        found.add((protocol, number_of(one["port"], target.container)))
    return found


def spaces_of(namespaces: Iterable[Thing], *others: str) -> dict[str, dict[str, str]]:
    """The labels of namespaces by their names; each has that of its name, as the API server gives it."""
    own = {thing["metadata"]["name"]: thing["metadata"].get("labels", {}) for thing in namespaces}
    own |= {name: {} for name in others}
    return {name: labels | {"kubernetes.io/metadata.name": name} for name, labels in own.items()}
