"""Lines with `kubectl` as pages show them, carried out on the cluster of the tests."""

import argparse
import shlex
from collections.abc import Sequence
from typing import NoReturn

import yaml

from tests.deploy.cluster.cluster import Cluster
from tests.deploy.cluster.objects import Objects, applied
from tests.deploy.cluster.pod import Running
from tests.deploy.manifests import Thing, name_of, namespace_of, selects

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class _Words(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A line that this does not know is no line that it passes over."""
        raise ValueError(message)


def _parser() -> argparse.ArgumentParser:
    words = _Words(prog="kubectl", add_help=False, allow_abbrev=False)
    words.add_argument("-n", "--namespace", default="default")
    verbs = words.add_subparsers(dest="verb", required=True)
    given = {
        verb: verbs.add_parser(verb, add_help=False, allow_abbrev=False)
        for verb in ("apply", "create", "rollout", "scale", "exec", "logs", "delete", "get")
    }
    given["apply"].add_argument("-k", dest="folder", required=True)
    given["create"].add_argument("-f", dest="file", required=True, choices=["-"])
    given["rollout"].add_argument("what", choices=["restart", "status"])
    given["rollout"].add_argument("--timeout", default="2m")
    given["scale"].add_argument("--replicas", type=int, required=True)
    given["exec"].add_argument("-i", action="store_true")
    given["exec"].add_argument("-t", action="store_true")
    given["delete"].add_argument("--grace-period", type=float)
    given["delete"].add_argument("--force", action="store_true")
    for verb in ("logs", "delete", "get"):
        given[verb].add_argument("-l", dest="labels", default="")
    for verb in ("rollout", "scale", "exec", "logs", "delete", "get"):
        given[verb].add_argument("things", nargs="*")
    return words


async def kubectl(cluster: Cluster, line: str, stdin: str = "") -> str:
    """Carries out a line such as `kubectl -n ringline rollout restart deployment/policy`; what it says.

    Raises ValueError for a line that is not known here, RuntimeError where a command in a pod fails.
    """
    program, *words = shlex.split(line)
    if program != "kubectl":
        raise ValueError(line)
    command: list[str] = []
    if "--" in words:
        words, command = words[: words.index("--")], words[words.index("--") + 1 :]
    given = _parser().parse_args(words)
    if given.verb not in ("apply", "create") and given.namespace != "ringline":
        raise ValueError(f"in the namespace {given.namespace}: {line}")
    things = _things(getattr(given, "things", []))
    if given.verb == "apply":
        cluster.apply(applied(given.folder))
    elif given.verb == "create":
        _create(cluster, stdin)
    elif given.verb == "rollout":
        for _, name in things:
            if given.what == "restart":
                cluster.restart(name)
            else:
                await cluster.settled(name, float(given.timeout[:-1]) * _UNITS[given.timeout[-1]])
    elif given.verb == "scale":
        for _, name in things:
            cluster.scale(name, given.replicas)
    elif given.verb == "exec":
        return await _exec(_pods(cluster, things, "")[0], command)
    elif given.verb == "logs":
        return "".join(one.log.read_text(errors="replace") for one in _pods(cluster, things, given.labels))
    elif given.verb == "get":
        return cluster.told()
    else:
        await _delete(cluster, things, given)
    return ""


def _things(words: Sequence[str]) -> list[tuple[str, str]]:
    """Kinds and names of "deployment/policy", "pod nats-0", "nats-0" and "job" (with -l)."""
    kinds = {"deployment", "statefulset", "job", "pod", "pods", "secret", "jobs"}
    if words and words[0] in kinds:
        return [(words[0].rstrip("s"), name) for name in words[1:]] or [(words[0].rstrip("s"), "")]
    return [(one.partition("/")[0], one.partition("/")[2]) if "/" in one else ("pod", one) for one in words]


def _labels(text: str) -> Thing:
    return {"matchLabels": dict(word.split("=", 1) for word in filter(None, text.split(",")))}


def _pods(cluster: Cluster, things: Sequence[tuple[str, str]], labels: str) -> list[Running]:
    every = [*cluster.running, *(cluster.past if labels else [])]
    if labels:
        return [one for one in every if selects(_labels(labels), one.pod.labels)]
    found = []
    for kind, name in things:
        owner = f"{kind} {name}".lower()
        mine = [one for one in every if name == one.pod.name or one.pod.owner.lower() == owner]
        found += mine
    if not found:
        raise ValueError(f"no pods: {things}")
    return found


async def _exec(running: Running, command: Sequence[str]) -> str:
    if running.container is None:
        raise RuntimeError(f"{running.pod.name} does not run")
    status, told = await running.container.run(*command)
    if status:
        raise RuntimeError(f"{' '.join(command)}: {status}\n{told}")
    return told


def _create(cluster: Cluster, text: str) -> None:
    [made] = yaml.load_all(text, Loader=yaml.CSafeLoader)
    fresh = made["items"] if made["kind"] == "List" else [made]
    for thing in fresh:
        if any(_key(one) == _key(thing) for one in cluster.objects.things):
            raise RuntimeError(f"{name_of(thing)} already exists")
    cluster.apply(Objects(fresh))


async def _delete(cluster: Cluster, things: Sequence[tuple[str, str]], given: argparse.Namespace) -> None:
    grace = 0.0 if given.force else given.grace_period
    for kind, name in things:
        if kind == "pod":
            for one in _pods(cluster, [(kind, name)], given.labels):
                await cluster.delete(one, grace)
            continue
        for thing in list(cluster.objects.things):
            fits = selects(_labels(given.labels), thing["metadata"].get("labels", {}))
            if thing["kind"].lower() == kind and (name_of(thing) == name if name else fits):
                await cluster.remove(thing)


def _key(thing: Thing) -> tuple[str, str, str]:
    return thing["kind"], namespace_of(thing), name_of(thing)
