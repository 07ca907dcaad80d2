"""What somebody asks of the cluster by `kubectl`, and which objects and pods are meant."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.cluster.cluster import Cluster
from tests.deploy.cluster.pod import Running
from tests.deploy.manifests import Thing, name_of, namespace_of, selects

KINDS = {
    "deployment": "Deployment",
    "statefulset": "StatefulSet",
    "job": "Job",
    "secret": "Secret",
    "hpa": "HorizontalPodAutoscaler",
    "certificates": "Certificate",
    "issuers": "Issuer",
    "namespace": "Namespace",
}
"""The words that the pages have for them."""
PODS = ("pod", "pods")
ABOUT_PODS = ("logs", "exec")
"""Verbs after which a word alone is a pod."""


@dataclass(frozen=True)
class Order:
    """One command, taken apart."""

    cluster: Cluster
    given: argparse.Namespace
    command: list[str]
    """What is to be run in a pod."""
    stdin: str
    folder: Path
    """Where it is given."""

    @property
    def namespace(self) -> str:
        """The namespace that it is about."""
        return str(self.given.namespace)

    def chooses(self, thing: Thing) -> bool:
        """Whether its labels are those of the selector."""
        return self._fits(thing["metadata"].get("labels", {}))

    def found(self, *kinds: str) -> list[Thing]:
        """The objects of these kinds that it names. Raises RuntimeError where there are none, ValueError for
        a kind that is not among them.
        """
        first, *names = self.given.things
        kind, _, name = first.partition("/")
        if KINDS.get(kind) not in kinds:
            raise ValueError(f"{self.given.verb} {kind}")
        everywhere = getattr(self.given, "all_namespaces", False) or KINDS[kind] == "Namespace"
        found = [
            one
            for one in self.cluster.objects.kind(KINDS[kind])
            if everywhere or namespace_of(one) == self.namespace
            if self.chooses(one)
        ]
        for wanted in [name] if name else names:
            if wanted not in map(name_of, found):
                raise RuntimeError(f"{kind} {wanted} not found in {self.namespace}")
        if name or names:
            found = [one for one in found if name_of(one) in (name, *names)]
        if not found:
            raise RuntimeError(f"no {kind} in {self.namespace}: {self.given.labels}")
        return found

    def pods(self, and_past: bool = True) -> list[Running]:
        """The pods that it names; with those of Jobs that are over, if so wanted. Raises RuntimeError where
        one is named that there is not.
        """
        over = [one for one in self.cluster.past if one.pod.owner.startswith("Job ")]
        every = [*self.cluster.running, *(over if and_past else [])]
        mine = [one for one in every if one.pod.namespace == self.namespace]
        first, *names = self.given.things or ["pods"]
        if first in PODS:
            found = [one for one in mine if one.pod.name in names] if names else mine
            return [one for one in found if self._fits(one.pod.labels)]
        kind, _, name = first.rpartition("/")
        owner = f"{KINDS[kind]} {name}" if kind else ""
        found = [one for one in mine if one.pod.owner == owner or (not kind and one.pod.name == name)]
        if not found:
            raise RuntimeError(f"no pod of {first} in {self.namespace}")
        return found

    def _fits(self, labels: dict[str, str]) -> bool:
        chosen = dict(
            word.split("=", 1) for word in filter(None, getattr(self.given, "labels", "").split(","))
        )
        return selects({"matchLabels": chosen}, labels)
