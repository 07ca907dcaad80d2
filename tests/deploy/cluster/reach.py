"""Who reaches whom, tried: from each network a connection to every port that anybody listens at."""

import asyncio
import selectors
import socket
import time
from collections.abc import Iterable

from tests.browser.apart.networks import Network
from tests.deploy.cluster.cluster import Cluster
from tests.deploy.manifests import Thing

Flow = tuple[str, str, int]
"""Who, whom (by the label app.kubernetes.io/name), at which port."""
SECONDS = 2.0
"""A packet that was dropped gets no answer at all."""


async def reached(cluster: Cluster) -> set[Flow]:
    """Every connection that came about, or was refused by the other side, between pods and from outside."""
    pods = {one.pod.name: one for one in cluster.running if one.pod.address}
    targets = {
        (one.pod.address, port): _label(one.pod.labels)
        for one in pods.values()
        for port in _ports(one.pod.container)
    }
    # What a node may reach, and with it who is in its network, no policy says.
    own = [one for one in pods.values() if not one.pod.is_on_host]
    sources = [(_label(one.pod.labels), one.pod.address, one.network) for one in own]
    sources.append(("outside", "", cluster.outside))

    async def tried(who: str, address: str, network: Network) -> set[Flow]:
        others = [target for target in targets if target[0] != address]
        answered = await asyncio.to_thread(network.inside, lambda: _try(others))
        return {(who, targets[target], target[1]) for target in answered}

    found = await asyncio.gather(*(tried(who, own, at) for who, own, at in sources if at is not None))
    return set().union(*found)


def _label(labels: dict[str, str]) -> str:
    return labels["app.kubernetes.io/name"]


def _ports(container: Thing) -> list[int]:
    return [port["containerPort"] for port in container.get("ports", [])]


def _try(targets: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Those that answer."""
    answered = []
    with selectors.DefaultSelector() as selector:
        for target in targets:
            probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            probe.setblocking(False)
            probe.connect_ex(target)
            selector.register(probe, selectors.EVENT_WRITE, target)
        deadline = time.monotonic() + SECONDS
        while selector.get_map() and time.monotonic() < deadline:
            for key, _ in selector.select(deadline - time.monotonic()):
                answered.append(key.data)
                selector.unregister(key.fileobj).fileobj.close()  # type: ignore[union-attr]
        for key in list(selector.get_map().values()):
            selector.unregister(key.fileobj).fileobj.close()  # type: ignore[union-attr]
    return answered
