"""Commands of `kubectl` as pages show them, carried out on the cluster of the tests."""

import argparse
import shlex
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NoReturn

from tests.deploy.cluster import answers, changes
from tests.deploy.cluster.cluster import Cluster
from tests.deploy.cluster.objects import Objects, applied
from tests.deploy.cluster.order import Order
from tests.deploy.manifests import name_of, title
from tests.house.sources import ROOT
from tests.servers import until

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_SELECTING = ("apply", "rollout", "scale", "delete", "logs", "get", "describe", "wait")
_NAMING = ("rollout", "scale", "exec", "logs", "delete", "get", "describe", "wait", "patch", "label")


class _Words(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A line that this does not know is no line that it passes over."""
        raise ValueError(message)


def _parser() -> argparse.ArgumentParser:
    words = _Words(prog="kubectl", add_help=False, allow_abbrev=False)
    words.add_argument("-n", "--namespace", default="default")
    verbs = words.add_subparsers(dest="verb", required=True)
    given = {verb: verbs.add_parser(verb, add_help=False, allow_abbrev=False) for verb in VERBS}
    for verb in ("apply", "diff"):
        given[verb].add_argument("-k", dest="folder", required=True)
    for verb in ("create", "replace"):
        given[verb].add_argument("-f", dest="file", required=True, choices=["-"])
    given["rollout"].add_argument("what", choices=["restart", "status"])
    for verb in ("rollout", "wait"):
        given[verb].add_argument("--timeout", default="2m")
    given["wait"].add_argument("--for", dest="until", required=True)
    given["scale"].add_argument("--replicas", type=int, required=True)
    given["exec"].add_argument("-i", action="store_true")
    given["exec"].add_argument("-t", action="store_true")
    given["delete"].add_argument("--grace-period", type=float)
    given["delete"].add_argument("--force", action="store_true")
    given["logs"].add_argument("--tail", type=int)
    for flag in ("--prefix", "--previous", "--ignore-errors"):
        given["logs"].add_argument(flag, action="store_true")
    given["get"].add_argument("-o", "--output", default="")
    given["get"].add_argument("--all-namespaces", action="store_true")
    given["get"].add_argument("--field-selector")
    given["patch"].add_argument("--patch", required=True)
    for verb in _SELECTING:
        given[verb].add_argument("-l", "--selector", dest="labels", default="")
    for verb in _NAMING:
        given[verb].add_argument("things", nargs="*")
    return words


async def kubectl(cluster: Cluster, line: str, stdin: str = "") -> str:
    """Carries out a line such as `kubectl -n ringline rollout restart deployment/policy`; what it says.

    Raises ValueError for a line that is not known here, RuntimeError where kubectl would fail.
    """
    program, *words = shlex.split(line)
    if program != "kubectl":
        raise ValueError(line)
    return await carried_out(cluster, words, stdin, ROOT)


async def carried_out(cluster: Cluster, words: Sequence[str], stdin: str, folder: Path) -> str:
    """The same for the words of a command that is given in that folder."""
    words, command = list(words), []
    if "--" in words:
        words, command = words[: words.index("--")], words[words.index("--") + 1 :]
    order = Order(cluster, _parser().parse_args(words), command, stdin, folder)
    return await VERBS[order.given.verb](order)


async def _apply(order: Order) -> str:
    chosen = [one for one in _rendered(order).things if order.chooses(one)]
    made = [changes.merged(order.cluster.objects, one) for one in chosen]
    order.cluster.apply(Objects(made))
    return "".join(f"{title(one)} applied\n" for one in made)


def _rendered(order: Order) -> Objects:
    return applied(order.given.folder, order.folder)


async def _diff(order: Order) -> str:
    new = [title(one) for one in _rendered(order).things if changes.is_different(order.cluster.objects, one)]
    if new:
        raise RuntimeError("\n".join(new))
    return ""


async def _create(order: Order) -> str:
    return changes.create(order.cluster, order.stdin)


async def _replace(order: Order) -> str:
    return changes.replace(order.cluster, order.stdin)


async def _rollout(order: Order) -> str:
    workloads = order.found("Deployment", "StatefulSet")
    for one in workloads:
        if order.given.what == "restart":
            order.cluster.restart(name_of(one), one["kind"], order.namespace)
        else:
            # As kubectl has it: pods that leave are not waited for.
            await until(
                lambda one=one: order.cluster.is_settled(one, and_gone=False),  # type: ignore[misc]
                _seconds(order.given.timeout),
                order.cluster.told,
            )
    return "".join(f"{title(one)}: {order.given.what}\n" for one in workloads)


async def _scale(order: Order) -> str:
    for one in order.found("Deployment"):
        order.cluster.scale(name_of(one), order.given.replicas, order.namespace)
    return ""


async def _wait(order: Order) -> str:
    within, condition = _seconds(order.given.timeout), order.given.until
    if condition == "delete":
        await until(lambda: not order.pods(and_past=False), within, order.cluster.told)
    elif condition == "condition=complete":
        jobs = order.found("Job")
        await until(lambda: all(order.cluster.is_settled(one) for one in jobs), within, order.cluster.told)
    elif condition.startswith("jsonpath={.status.readyReplicas}="):
        wanted, workloads = int(condition.rpartition("=")[2]), order.found("Deployment")
        await until(
            lambda: all(len(order.cluster.ready(one)) == wanted for one in workloads),
            within,
            order.cluster.told,
        )
    else:
        raise ValueError(condition)
    return ""


async def _exec(order: Order) -> str:
    [running, *_] = [one for one in order.pods(and_past=False) if not one.pod.is_leaving]
    if running.container is None:
        raise RuntimeError(f"{running.pod.name} does not run")
    status, told = await running.container.run(*order.command)
    if status:
        raise RuntimeError(f"{' '.join(order.command)}: {status}\n{told}")
    return told


async def _delete(order: Order) -> str:
    if order.given.things[0] in ("pod", "pods"):
        grace = 0.0 if order.given.force else order.given.grace_period
        for running in order.pods(and_past=False):
            await order.cluster.delete(running, grace)
        return ""
    found = order.found("Job", "Secret", "Namespace")
    for thing in found:
        await order.cluster.remove(thing)
    return "".join(f"{title(one)} deleted\n" for one in found)


async def _patch(order: Order) -> str:
    return changes.patch(order.cluster, order.found("HorizontalPodAutoscaler"), order.given.patch)


async def _label(order: Order) -> str:
    [kind, name, label] = order.given.things
    machines = [one for one in order.cluster.machines if (kind, one.name) == ("node", name)]
    if not machines:
        raise RuntimeError(f"there is no {kind} {name}")
    machines[0].labels |= dict([label.split("=", 1)])
    return f"node {name} labeled\n"


def _seconds(text: str) -> float:
    return float(text[:-1]) * _UNITS[text[-1]]


VERBS: dict[str, Callable[[Order], Awaitable[str]]] = {
    "apply": _apply,
    "diff": _diff,
    "create": _create,
    "replace": _replace,
    "rollout": _rollout,
    "scale": _scale,
    "wait": _wait,
    "exec": _exec,
    "delete": _delete,
    "patch": _patch,
    "label": _label,
    "logs": answers.logs,
    "get": answers.get,
    "describe": answers.describe,
}
