"""What `kubectl` writes: objects merged, created, replaced and patched as the API server would have it."""

import base64
import copy
import json
from collections.abc import Sequence

import yaml

from tests.deploy.cluster.cluster import RESTARTED, Cluster
from tests.deploy.cluster.objects import NotThere, Objects
from tests.deploy.manifests import Thing, name_of, namespace_of, title


def merged(objects: Objects, new: Thing) -> Thing:
    """An object that is applied, with what others have said of it since and the manifest does not say. Raises
    RuntimeError where something is to be another that may not be.
    """
    old = _known(objects, new)
    if old is None:
        return new
    if new["kind"] == "Job" and old["spec"] != new["spec"]:
        raise RuntimeError(f"{title(new)}: field is immutable")
    if new["kind"] not in ("Deployment", "StatefulSet"):
        return new
    made = copy.deepcopy(new)
    if "replicas" in old["spec"]:
        made["spec"].setdefault("replicas", old["spec"]["replicas"])
    restarted = old["spec"]["template"]["metadata"].get("annotations", {}).get(RESTARTED)
    if restarted:
        made["spec"]["template"]["metadata"].setdefault("annotations", {})[RESTARTED] = restarted
    return made


def is_different(objects: Objects, new: Thing) -> bool:
    """Whether it would be another one if it were applied."""
    return merged(objects, new) != _known(objects, new)


def create(cluster: Cluster, text: str) -> str:
    """Creates what is described. Raises RuntimeError where one is there, or its namespace is not."""
    fresh = _described(text)
    for one in fresh:
        if _known(cluster.objects, one) is not None:
            raise RuntimeError(f"{title(one)} already exists")
        if namespace_of(one) not in map(name_of, cluster.objects.kind("Namespace")):
            raise RuntimeError(f"there is no namespace {namespace_of(one)}")
    cluster.apply(Objects(fresh))
    return "".join(f"{title(one)} created\n" for one in fresh)


def replace(cluster: Cluster, text: str) -> str:
    """Replaces objects. Raises RuntimeError where one is not there."""
    fresh = _described(text)
    for one in fresh:
        if _known(cluster.objects, one) is None:
            raise RuntimeError(f"{title(one)} not found")
    cluster.apply(Objects(fresh))
    return "".join(f"{title(one)} replaced\n" for one in fresh)


def patch(cluster: Cluster, things: Sequence[Thing], text: str) -> str:
    """Changes what is said in `spec`. Raises RuntimeError where that is not there, or does not fit."""
    told = json.loads(text)
    if set(told) != {"spec"}:
        raise ValueError(text)
    for one in things:
        for key, value in told["spec"].items():
            if type(one["spec"].get(key)) is not type(value):
                raise RuntimeError(f"{title(one)} has no such {key}")
        spec = one["spec"] | told["spec"]
        if spec["minReplicas"] > spec["maxReplicas"]:
            raise RuntimeError(f"{title(one)}: more at least than at most")
        cluster.apply(Objects([one | {"spec": spec}]))
    return "".join(f"{title(one)} patched\n" for one in things)


def _described(text: str) -> list[Thing]:
    """Objects as the API server keeps them. Raises RuntimeError where there are none."""
    [made] = yaml.load_all(text, Loader=yaml.CSafeLoader)
    things = made["items"] if made["kind"] == "List" else [made]
    if not things:
        raise RuntimeError("no objects passed")
    for one in things:
        for key, value in one.pop("stringData", {}).items():
            one.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()
    return list(things)


def _known(objects: Objects, thing: Thing) -> Thing | None:
    try:
        return objects.get(thing["kind"], namespace_of(thing), name_of(thing))
    except NotThere:
        return None
