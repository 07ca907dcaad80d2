"""Rules: how many pods there are, where they stand, and whether what they share is enough for all of them."""

import json
import re
import tomllib
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from ringline.db import LEAVING_POOL
from services.__main__ import migrations, present
from tests.deploy.configured import node_settings
from tests.deploy.manifests import (
    Manifests,
    Thing,
    is_ours,
    labels_of,
    name_of,
    namespace_of,
    pod_of,
    selects,
    title,
)
from tests.deploy.newly import made_secrets
from tests.house.sources import ROOT

BESIDE = 5
"""Connections of others: migrations, the operator, and what Postgres keeps for its superuser."""
COMMANDS_A_CALL = 7
CLOSED_AFTER_SECONDS = 60.0
"""After so long without a word many load balancers close a connection."""


def budgets_select_pods(all_: Manifests) -> Iterator[str]:
    """A disruption budget is of pods that are there."""
    for budget in all_.kind("PodDisruptionBudget"):
        chosen = [
            one
            for one in all_.workloads()
            if namespace_of(one) == namespace_of(budget)
            and selects(budget["spec"]["selector"], labels_of(one))
        ]
        if len(chosen) != 1:
            yield f"{title(budget)} selects {len(chosen)} workloads"


def scales_are_of_deployments(all_: Manifests) -> Iterator[str]:
    """An autoscaler is of a Deployment that does not say how many it wants, and has CPU to fall back on."""
    for scale in all_.kind("HorizontalPodAutoscaler"):
        spec = scale["spec"]
        named = all_.kind(spec["scaleTargetRef"]["kind"])
        target = [one for one in named if name_of(one) == spec["scaleTargetRef"]["name"]]
        if not target:
            yield f"{title(scale)} is of nothing"
            continue
        if "replicas" in target[0]["spec"]:
            yield f"{title(target[0])} says how many, and so does its autoscaler"
        if not 2 <= spec["minReplicas"] < spec["maxReplicas"]:
            yield f"{title(scale)} scales from {spec['minReplicas']} to {spec['maxReplicas']}"
        if not any(one["type"] == "Resource" for one in spec["metrics"]):
            yield f"{title(scale)} has no CPU to fall back on"


def services_stand_twice(all_: Manifests) -> Iterator[str]:
    """In production two pods of each, on different nodes, with a budget and an autoscaler."""
    if all_.overlay != "production":
        return
    kinds = {kind: {name_of(one) for one in all_.kind(kind)} for kind in ("PodDisruptionBudget",)}
    scales = {name_of(one): one["spec"] for one in all_.kind("HorizontalPodAutoscaler")}
    for workload in all_.workloads():
        name = name_of(workload)
        if workload["kind"] == "Job" or name == "operator":
            continue
        least = scales[name]["minReplicas"] if name in scales else workload["spec"].get("replicas", 1)
        if least < 2:
            yield f"{title(workload)} may stand alone"
        if name not in kinds["PodDisruptionBudget"]:
            yield f"{title(workload)} has no disruption budget"
        if is_ours(workload) and name not in scales:
            yield f"{title(workload)} has no autoscaler"
        if not any(
            _keeps_apart(one, workload) for one in pod_of(workload).get("topologySpreadConstraints", [])
        ):
            yield f"{title(workload)}: all of its pods may stand on one node"


def _keeps_apart(constraint: Thing, workload: Thing) -> bool:
    return (
        constraint["topologyKey"] == "kubernetes.io/hostname"
        and constraint["whenUnsatisfiable"] == "DoNotSchedule"
        and selects(constraint["labelSelector"], labels_of(workload))
        and (
            "app.kubernetes.io/name" in constraint["labelSelector"].get("matchLabels", {})
            or "app.kubernetes.io/name" in constraint.get("matchLabelKeys", [])
        )
    )


def connections(all_: Manifests) -> int:
    """Connections to the database at most: the pools of the most pods, and of a new one of each; and what
    is left to those that stop, for up to a minute, of which there may be as many: an update replaces the next
    one as soon as a new one is ready.
    """
    scales = {name_of(one): one["spec"]["maxReplicas"] for one in all_.kind("HorizontalPodAutoscaler")}
    count = 0
    for service in migrations(present()):
        workload = all_.find("Deployment", service)
        most = scales.get(service) or workload["spec"]["replicas"]
        surge = workload["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
        count += (most + surge) * node_settings(all_, workload).db_pool + most * LEAVING_POOL
    return count


def connections_are_enough(all_: Manifests) -> Iterator[str]:
    """The settings say how many those are, which processes compare with what the database offers; the one of
    trials offers enough.
    """
    needed, said = connections(all_), int(all_.settings()["RINGLINE_DB_CONNECTIONS"])
    if needed != said:
        yield f"{needed} connections may be wanted, and the settings say {said}"
    if all_.overlay == "trial":
        arguments = all_.container("StatefulSet", "postgres")["args"]
        offered = next((int(one.partition("=")[2]) for one in arguments if one.startswith("max_conn")), 0)
        if needed + BESIDE > offered:
            yield f"{needed} connections may be wanted, and there are {offered}"


def the_release_is_one(all_: Manifests) -> Iterator[str]:
    """All of our images are of this version, and every Job is named after it: none can be changed."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for workload in all_.workloads():
        for container in pod_of(workload)["containers"]:
            name, _, tag = container["image"].rpartition(":")
            if name.rpartition("/")[2] == "ringline" and tag != version:
                yield f"{title(workload)}: {container['image']} is not {version}"
    for job in all_.kind("Job"):
        if name_of(job) != f"{pod_of(job)['serviceAccountName']}-{version}":
            yield f"{title(job)} is not of {version}"


def the_bus_is_one(all_: Manifests) -> Iterator[str]:
    """As many nodes as are named, to clients and among themselves, and the log is kept on all of them."""
    nodes = all_.find("StatefulSet", "nats")["spec"]["replicas"]
    settings = all_.settings()
    names = {f"nats-{number}.nats" for number in range(nodes)}
    bus = next(one["stringData"] for one in made_secrets() if name_of(one) == "ringline-bus")
    routes = set(re.findall(r"@([\w.-]+):6222", bus["routes.conf"]))
    named = set(re.findall(r"nats://([\w.-]+):4222", settings["RINGLINE_NATS_URL"]))
    if not names == routes == named:
        yield f"nodes {sorted(names)}, routes {sorted(routes)}, addresses {sorted(named)}"
    if int(settings["RINGLINE_EVENT_REPLICAS"]) != nodes or nodes < 3:
        yield f"{nodes} nodes keep the log {settings['RINGLINE_EVENT_REPLICAS']} times"


def figures_are_measured(all_: Manifests) -> Iterator[str]:
    """What autoscalers aim at is less than what a pod was measured to do (bench/results/latest.json)."""
    bench = json.loads((ROOT / "bench" / "results" / "latest.json").read_text())
    for scale in all_.kind("HorizontalPodAutoscaler"):
        for metric in [one["pods"] for one in scale["spec"]["metrics"] if one["type"] == "Pods"]:
            aim = _number(metric["target"]["averageValue"])
            most = _commands(bench) if name_of(scale) == "signaling" else _lines(all_, bench)
            if not 0.3 * most < aim < 0.8 * most:
                yield f"{title(scale)} aims at {aim}, and a pod bears {most:.0f}"


def _commands(bench: dict[str, Any]) -> float:
    """Commands a second that one core of signaling answers."""
    apart = next(one for one in bench["measurements"] if one["name"] == "saturated, a process per service")
    milliseconds: float = apart["rooms_ms"]["signaling"]
    return COMMANDS_A_CALL * 1000 / milliseconds


def _lines(all_: Manifests, bench: dict[str, Any]) -> float:
    """Lines for which the memory between request and limit of a gateway is enough."""
    resources = all_.container("Deployment", "gateway")["resources"]
    room = _kib(resources["limits"]["memory"]) - _kib(resources["requests"]["memory"])
    each: float = bench["kb_per_idle_line"]
    return room / each / 2  # lines in a call, and buffers of slow ones, take more than idle ones


def _kib(text: str) -> int:
    return int(text[:-2]) * {"Mi": 2**10, "Gi": 2**20}[text[-2:]]


def _number(text: str) -> float:
    return float(text.removesuffix("k")) * (1000 if text.endswith("k") else 1)


def clients_are_told_from_one_another(all_: Manifests) -> Iterator[str]:
    """Limits count per address: what is believed of X-Forwarded-For comes from a network that is named."""
    trusted = all_.settings().get("RINGLINE_GATEWAY_TRUSTED_PROXIES", "")
    if bool(all_.kind("Ingress")) != bool(trusted):
        yield f"behind an ingress: {bool(all_.kind('Ingress'))}; trusted: {trusted!r}"
    for network in filter(None, trusted.split(",")):
        if ip_network(network).prefixlen < 8:
            yield f"{network} is everybody"


def relays_are_where_clients_are_told(all_: Manifests) -> Iterator[str]:
    """The ports in what clients get are those of the relay."""
    urls = all_.settings().get("RINGLINE_SIGNALING_TURN_URLS", "")
    if bool(urls) != any(name_of(one) == "coturn" for one in all_.kind("Deployment")):
        yield "there is a relay that nobody is told of, or clients are told of none"
    if urls:
        ports = {str(one["containerPort"]) for one in all_.container("Deployment", "coturn")["ports"]}
        if wrong := set(re.findall(r":(\d+)(?:\?|,|$)", urls)) ^ ports:
            yield f"ports of the relay, here or there: {sorted(wrong)}"


RULES = (
    budgets_select_pods,
    scales_are_of_deployments,
    services_stand_twice,
    connections_are_enough,
    the_release_is_one,
    the_bus_is_one,
    figures_are_measured,
    clients_are_told_from_one_another,
    relays_are_where_clients_are_told,
)
