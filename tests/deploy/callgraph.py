"""Rules: pods reach whom the charters say, and nobody else."""

from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pool

from ringline.permissions import grants
from ringline.v1 import annotations_pb2
from services.__main__ import migrations, present
from tests.deploy.manifests import (
    NAMESPACE,
    Manifests,
    Thing,
    asked_by,
    labels_of,
    name_of,
    namespace_of,
    pod_of,
    selects,
    title,
)

Flow = tuple[str, str, int]
"""Who, whom, at which port."""

CONTRACTS = {
    "Directory": "directory",
    "Presence": "presence",
    "Policy": "policy",
    "Callee": "policy",
    "Records": "policy",
    "Signaling": "signaling",
    "Conversations": "conversations",
}
"""Which service answers which part of the contract."""
OUTSIDE = {
    "trial": {f"new-secrets to anybody {port}" for port in (443, 6443, 8443, 16443)},
    "production": {
        "gateway from namespace ingress 8080",
        *(f"{service} from namespace monitoring 9090" for service in present()),
        *(
            f"{client} to {network} 5432"
            for client in (*migrations(present()), "migrate", "operator")
            for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
        ),
    },
}
"""What goes out of the namespace or comes into it, but for names, which all may look up."""
NAMES = {"to namespace kube-system 53", "to 169.254.20.10/32 53"}


def expected_flows(overlay: str) -> set[Flow]:
    """What the charters, the contract and the bus's table say."""
    flows = {(service, asked, 7000) for service in present() for asked in asked_by(service)}
    flows |= {("operator", asked, 7000) for asked in _asked_by_the_operator()}
    # The operator restores as signaling does.
    flows |= {(user, "nats", 4222) for user in (*grants(), "operator")}
    flows.add(("nats", "nats", 6222))
    if overlay == "trial":
        stores = (*migrations(present()), "migrate", "operator")
        flows |= {(store, "postgres", 5432) for store in stores}
    return flows


def _asked_by_the_operator() -> set[str]:
    pool = descriptor_pool.Default()
    return {
        service
        for contract, service in CONTRACTS.items()
        if "operator"
        in pool.FindServiceByName(f"ringline.v1.{contract}").GetOptions().Extensions[annotations_pb2.callers]
    }


def nobody_may_speak_by_default(all_: Manifests) -> Iterator[str]:
    """One policy selects every pod and allows nothing."""
    for policy in _policies(all_):
        spec = policy["spec"]
        if spec["podSelector"] == {} and not spec.get("ingress") and not spec.get("egress"):
            if set(spec["policyTypes"]) == {"Ingress", "Egress"}:
                return
    yield "no policy forbids everything to everybody"


def pods_reach_whom_the_charters_say(all_: Manifests) -> Iterator[str]:
    """Both sides of every flow are allowed, and no other flow is."""
    wanted = expected_flows(all_.overlay)
    for word, found in (("out of", _flows(all_, "egress")), ("into", _flows(all_, "ingress"))):
        for who, whom, port in sorted(found - wanted):
            yield f"{who} may reach {whom} at {port}, {word} its pod, and no charter says so"
        for who, whom, port in sorted(wanted - found):
            yield f"{who} may not reach {whom} at {port}, {word} its pod, which the charters say"


def nothing_else_goes_in_or_out(all_: Manifests) -> Iterator[str]:
    """Peers outside of the namespace are those that are listed here."""
    found: set[str] = set()
    for pod in _pods(all_):
        outside = {peer for way, rule in _rules(all_, pod) for peer in _outside(way, rule)}
        if missing := NAMES - outside:
            yield f"{name_of(pod)} may not look up names: {sorted(missing)}"
        found |= {f"{labels_of(pod)['app.kubernetes.io/name']} {peer}" for peer in outside - NAMES}
    for one in sorted(found - OUTSIDE[all_.overlay]):
        yield f"not expected: {one}"
    for one in sorted(OUTSIDE[all_.overlay] - found):
        yield f"not allowed: {one}"


def rules_name_ports(all_: Manifests) -> Iterator[str]:
    """No rule opens all ports, and policies select pods that are there."""
    for policy in _policies(all_):
        for rule in [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]:
            if not rule.get("ports") or any("port" not in port for port in rule["ports"]):
                yield f"{title(policy)} opens every port"
        if not any(selects(policy["spec"]["podSelector"], labels_of(pod)) for pod in _pods(all_)):
            yield f"{title(policy)} selects nothing"


def _policies(all_: Manifests) -> list[Thing]:
    return [one for one in all_.kind("NetworkPolicy") if namespace_of(one) == NAMESPACE]


def _pods(all_: Manifests) -> list[Thing]:
    return [
        one
        for one in all_.workloads()
        if namespace_of(one) == NAMESPACE and not pod_of(one).get("hostNetwork")
    ]


def _flows(all_: Manifests, way: str) -> set[Flow]:
    """The flows between pods that one side's policies allow."""
    flows: set[Flow] = set()
    for pod in _pods(all_):
        here = labels_of(pod)["app.kubernetes.io/name"]
        for direction, rule in _rules(all_, pod):
            if direction != way:
                continue
            for peer in rule.get("to" if way == "egress" else "from", []):
                for other in _pods(all_):
                    if "namespaceSelector" in peer or not selects(peer.get("podSelector"), labels_of(other)):
                        continue
                    there = labels_of(other)["app.kubernetes.io/name"]
                    who, whom = (here, there) if way == "egress" else (there, here)
                    flows |= {(who, whom, port["port"]) for port in rule["ports"]}
    return flows


def _rules(all_: Manifests, pod: Thing) -> Iterator[tuple[str, Any]]:
    """The rules that hold for a pod, with their way."""
    for policy in _policies(all_):
        if selects(policy["spec"]["podSelector"], labels_of(pod)):
            for way in ("ingress", "egress"):
                for rule in policy["spec"].get(way, []):
                    yield way, rule


def _outside(way: str, rule: Thing) -> Iterator[str]:
    word = "to" if way == "egress" else "from"
    for port in rule["ports"]:
        if not rule.get(word):
            yield f"{word} anybody {port['port']}"
        for peer in rule.get(word, []):
            if "namespaceSelector" in peer:
                labels = peer["namespaceSelector"]["matchLabels"]
                yield f"{word} namespace {labels['kubernetes.io/metadata.name']} {port['port']}"
            if "ipBlock" in peer:
                yield f"{word} {peer['ipBlock']['cidr']} {port['port']}"


RULES = (
    nobody_may_speak_by_default,
    pods_reach_whom_the_charters_say,
    nothing_else_goes_in_or_out,
    rules_name_ports,
)
