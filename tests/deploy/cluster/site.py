"""Where a cluster stands: its nodes, and what is there around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.browser.apart.networks import Network
from tests.deploy.cluster.objects import Pod

RELAY = "ringline.internal/relay"


@dataclass(frozen=True)
class Site:
    """What one brings. Where it names no nodes, the only one is there for the relay, too."""

    ingress: str = "ingress"
    """The namespace of the ingress controller, from where people come."""
    nodes: Mapping[str, str] = field(default_factory=dict)
    """Further nodes, with their addresses, for pods that use the network of theirs."""
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Addresses by names of the world, which the cluster's names lead to as well."""


@dataclass
class Machine:
    """A node, as far as pods use its network."""

    name: str
    address: str
    network: Network
    labels: dict[str, str] = field(default_factory=dict)
    tenants: list[Pod] = field(default_factory=list)
    """Pods that use its network."""

    def takes(self, pod: Pod) -> bool:
        """Whether a scheduler would put that pod here: it has the labels, and the ports are free."""
        is_right = pod.spec.get("nodeSelector", {}).items() <= self.labels.items()
        return is_right and not any(_ports(pod) & _ports(one) for one in self.tenants)


def _ports(pod: Pod) -> set[tuple[str, int]]:
    return {
        (one.get("protocol", "TCP"), one["containerPort"])
        for container in pod.spec["containers"]
        for one in container.get("ports", [])
    }
