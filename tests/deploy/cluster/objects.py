"""What was applied: rendered manifests as the API server would keep them, and what was made since."""

import base64
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.manifests import Thing, name_of, namespace_of
from tests.house.sources import ROOT

OVERLAY = "tests/deploy/cluster/overlay"


class NotHonoured(Exception):
    """A manifest says something that this cluster does not do: it has to learn it, or to say why not."""


class NotThere(Exception):
    """An object that a pod names does not exist (yet)."""


def applied(folder: str = OVERLAY, at: Path = ROOT) -> "Objects":
    """What `kubectl apply -k` of this folder would send, given in the folder `at`."""
    kubectl = Path(sys.executable).with_name("kubectl")
    command = [str(kubectl), "kustomize", folder]
    text = subprocess.run(command, cwd=at, check=True, capture_output=True, text=True).stdout
    return Objects(list(yaml.load_all(text, Loader=yaml.CSafeLoader)))


@dataclass
class Objects:
    """All objects of the cluster but its pods."""

    things: list[Thing] = field(default_factory=list)

    def kind(self, *kinds: str) -> list[Thing]:
        """The objects of these kinds."""
        return [thing for thing in self.things if thing["kind"] in kinds]

    def get(self, kind: str, namespace: str, name: str) -> Thing:
        """The object of that name. Raises NotThere."""
        for thing in self.kind(kind):
            if (name_of(thing), namespace_of(thing)) == (name, namespace):
                return thing
        raise NotThere(f"{kind} {namespace}/{name}")

    def add(self, thing: Thing) -> None:
        """Creates an object. Raises FileExistsError where there is one."""
        try:
            self.get(thing["kind"], namespace_of(thing), name_of(thing))
        except NotThere:
            self.things.append(thing)
            return
        raise FileExistsError(name_of(thing))

    def contents(self, kind: str, namespace: str, name: str) -> dict[str, bytes]:
        """The files of a ConfigMap or Secret. Raises NotThere."""
        thing = self.get(kind, namespace, name)
        coded = {key: base64.b64decode(text) for key, text in (thing.get("binaryData") or {}).items()}
        plain = {key: text.encode() for key, text in (thing.get("stringData") or {}).items()}
        data = thing.get("data") or {}
        if kind == "Secret":
            return coded | {key: base64.b64decode(text) for key, text in data.items()} | plain
        return coded | {key: text.encode() for key, text in data.items()}


@dataclass
class Pod:
    """A pod as it was asked for, and what the cluster knows of it."""

    namespace: str
    name: str
    labels: dict[str, str]
    spec: Thing
    owner: str
    """Kind and name of what asked for it."""
    version: str
    """Of the template it was made from."""
    address: str = ""
    is_ready: bool = False
    is_leaving: bool = False

    @property
    def container(self) -> Thing:
        """Its container. Raises NotHonoured where there are several."""
        containers: list[Thing] = self.spec["containers"]
        if len(containers) != 1:
            raise NotHonoured(f"{self.name}: several containers in a pod")
        return containers[0]

    @property
    def is_on_host(self) -> bool:
        """Whether it uses the network of its node."""
        return bool(self.spec.get("hostNetwork", False))

    @property
    def serves(self) -> bool:
        """Whether Services send anybody to it."""
        return bool(self.address) and self.is_ready and not self.is_leaving


def copied(thing: Thing, namespace: str) -> Objects:
    """The same object in another namespace."""
    return Objects([thing | {"metadata": thing["metadata"] | {"namespace": namespace}}])


def number_of(port: int | str, container: Thing) -> int:
    """The number of a port of a container, which may be given by name."""
    if isinstance(port, int):
        return port
    return int(next(one["containerPort"] for one in container.get("ports", []) if one["name"] == port))


def only(thing: dict[str, Any], known: str, where: str) -> None:
    """Raises NotHonoured where it says more than these words."""
    if more := set(thing) - set(known.split()):
        raise NotHonoured(f"{where}: {', '.join(sorted(more))}")


def selecting(service: Thing, pods: list[Pod]) -> Iterator[Pod]:
    """The pods behind a Service, ready or not."""
    selector = service["spec"].get("selector") or {}
    for pod in pods:
        if pod.namespace == namespace_of(service) and selector.items() <= pod.labels.items():
            yield pod


def endpoints(service: Thing, pods: list[Pod]) -> list[Pod]:
    """The pods to which a Service leads now."""
    is_early = service["spec"].get("publishNotReadyAddresses", False)
    return [pod for pod in selecting(service, pods) if pod.serves or (is_early and pod.address)]
