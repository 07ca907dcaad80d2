"""What `kubectl apply -k` would send: an overlay, rendered and taken apart."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.house.sources import ROOT, services
from tools.docs import charter_asks

OVERLAYS = ("trial", "production")
NAMESPACE = "ringline"
Thing = dict[str, Any]
"""One object, as parsed."""


@cache
def text_of(overlay: str) -> str:
    """An overlay, rendered, as YAML."""
    kubectl = Path(sys.executable).with_name("kubectl")
    command = [str(kubectl), "kustomize", f"deploy/k8s/overlays/{overlay}"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def rendered(overlay: str) -> "Manifests":
    """An overlay, rendered; the caller may change it."""
    return Manifests(list(yaml.load_all(text_of(overlay), Loader=yaml.CSafeLoader)), overlay)


@dataclass
class Manifests:
    """All objects of an overlay."""

    things: list[Thing]
    overlay: str

    def kind(self, *kinds: str) -> list[Thing]:
        """The objects of these kinds."""
        return [thing for thing in self.things if thing["kind"] in kinds]

    def find(self, kind: str, name: str) -> Thing:
        """The one of that name, or whose name begins so where it ends in a hash or a version."""
        exact = [thing for thing in self.kind(kind) if name_of(thing) == name]
        alike = [thing for thing in self.kind(kind) if re.fullmatch(rf"{name}-[\w.]+", name_of(thing))]
        return (exact or alike)[0]

    def workloads(self) -> list[Thing]:
        """Everything that makes pods."""
        return self.kind("Deployment", "StatefulSet", "Job", "DaemonSet", "CronJob")

    def container(self, kind: str, name: str) -> Thing:
        """The first container of a workload."""
        first: Thing = pod_of(self.find(kind, name))["containers"][0]
        return first

    def settings(self) -> dict[str, str]:
        """The settings that every process gets."""
        data: dict[str, str] = self.find("ConfigMap", "settings")["data"]
        return data


def name_of(thing: Thing) -> str:
    """Its name."""
    return str(thing["metadata"]["name"])


def title(thing: Thing) -> str:
    """What it is called in a finding."""
    return f"{thing['kind']} {name_of(thing)}"


def namespace_of(thing: Thing) -> str:
    """Its namespace; "" where it has none."""
    return str(thing["metadata"].get("namespace", ""))


def pod_of(workload: Thing) -> Thing:
    """The specification of its pods."""
    spec: Thing = workload["spec"]["template"]["spec"]
    return spec


def labels_of(workload: Thing) -> dict[str, str]:
    """The labels of its pods."""
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def containers_of(workload: Thing) -> Iterator[Thing]:
    """Its containers, those of the start included."""
    pod = pod_of(workload)
    yield from pod.get("initContainers", [])
    yield from pod["containers"]


def selects(selector: Thing | None, labels: dict[str, str]) -> bool:
    """Whether a label selector fits. None selects nothing, an empty one everything."""
    if selector is None:
        return False
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for rule in selector.get("matchExpressions") or []:
        if rule["operator"] != "In" or labels.get(rule["key"]) not in rule["values"]:
            return False
    return True


def is_ours(workload: Thing) -> bool:
    """Whether it runs a service of ours."""
    return name_of(workload) in services() and workload["kind"] == "Deployment"


def asked_by(service: str) -> set[str]:
    """Whom a service asks, by its charter."""
    return charter_asks(service)
