"""What `kubectl` reads: objects as JSON, tables of them, and logs."""

import json
import re

import yaml

from tests.deploy.cluster.order import PODS, Order
from tests.deploy.manifests import Thing, name_of

WITHOUT_OBJECTS = ("events", "persistentvolumeclaims")
TAIL = 10
"""Lines of each pod that are shown where pods are chosen by their labels."""


async def get(order: Order) -> str:
    """Objects, in the form that is asked for. Raises ValueError for a form that is not known."""
    kind, form = order.given.things[0], order.given.output
    if kind == "events":
        return f"No resources found in {order.namespace} namespace.\n"
    if kind == "persistentvolumeclaims":
        return "".join(f"{claim.name} Bound\n" for claim in order.cluster.claims())
    if kind in PODS:
        return _pods(order)
    found = order.found("Secret", "Certificate", "HorizontalPodAutoscaler", "Issuer")
    if form == "json":
        is_one = len(order.given.things) > 1
        return json.dumps(found[0] if is_one else {"apiVersion": "v1", "kind": "List", "items": found})
    if path := re.fullmatch(r"jsonpath=\{\.data\.(\w+)\}", form):
        return str(found[0]["data"][path[1]])
    if form:
        raise ValueError(form)
    return "".join(f"{name_of(one)} {_state(order, one)}\n" for one in found)


def _pods(order: Order) -> str:
    if order.given.output not in ("", "wide"):
        raise ValueError(order.given.output)
    found = order.pods(and_past=False)
    if not found:
        raise RuntimeError(f"no pods {order.given.labels} in {order.namespace}")
    return "".join(f"{one.pod.name} {'Ready' if one.pod.serves else one.trouble}\n" for one in found)


def _state(order: Order, thing: Thing) -> str:
    if thing["kind"] == "Certificate":
        return str(order.cluster.issuer.is_ready(thing))
    if thing["kind"] == "HorizontalPodAutoscaler":
        deployment = order.cluster.objects.get("Deployment", order.namespace, name_of(thing))
        return f"{thing['spec']['minReplicas']} {deployment['spec'].get('replicas', 1)}"
    return ""


async def describe(order: Order) -> str:
    """All that is known of objects or pods."""
    if order.given.things[0] in PODS:
        return "".join(yaml.safe_dump({one.pod.name: one.pod.spec}) for one in order.pods())
    return yaml.safe_dump_all(order.found("Certificate", "Issuer"))


async def logs(order: Order) -> str:
    """What pods wrote. Raises RuntimeError where there is none, or none that began anew and that is asked."""
    found = order.pods()
    if not found:
        raise RuntimeError(f"no pods {order.given.labels} in {order.namespace}")
    tail = order.given.tail if order.given.tail is not None else TAIL if order.given.labels else -1
    told = []
    for one in found:
        if order.given.previous and not one.restarts:
            if not order.given.ignore_errors:
                raise RuntimeError(f"{one.pod.name}: previous terminated container not found")
            continue
        lines = one.log.read_text(errors="replace").splitlines(True) if one.log.exists() else []
        prefix = f"[pod/{one.pod.name}] " if order.given.prefix else ""
        told += [prefix + line for line in (lines[-tail:] if tail >= 0 else lines)]
    return "".join(told)
