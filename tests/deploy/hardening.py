"""Rules: what a pod may do, what it may use, and how its health is told."""

from collections.abc import Iterator

from ringline.node import LEAVE_SECONDS
from tests.deploy.manifests import (
    NAMESPACE,
    Manifests,
    Thing,
    containers_of,
    is_ours,
    name_of,
    namespace_of,
    pod_of,
    title,
)
from tests.deploy.newly import made_secrets

SPEAKS_TO_THE_API = {"new-secrets"}
ON_ITS_NODE = {"coturn"}
"""Uses the network of its node, and has a namespace of its own for that."""
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def pods_are_restricted(all_: Manifests) -> Iterator[str]:
    """Every field of the restricted profile, and the ones that it does not ask for."""
    for workload in all_.workloads():
        pod = pod_of(workload)
        context = pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
            yield f"{title(workload)} may run as root"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{title(workload)} has no seccomp profile"
        for word in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.get(word) and name_of(workload) not in ON_ITS_NODE:
                yield f"{title(workload)} has {word}"
        if pod.get("automountServiceAccountToken") is not (
            pod.get("serviceAccountName") in SPEAKS_TO_THE_API
        ):
            yield f"{title(workload)} has a token, or lacks one"
        if pod.get("enableServiceLinks") is not False:
            yield f"{title(workload)} gets variables of all services"
        for container in containers_of(workload):
            yield from _container_is_restricted(workload, container)
        for volume in pod.get("volumes", []):
            if not set(volume) & {"emptyDir", "projected", "configMap", "secret"}:
                yield f"{title(workload)}: volume {volume['name']} is of a kind that is not expected"
            if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {}):
                yield f"{title(workload)}: volume {volume['name']} has no limit"


def _container_is_restricted(workload: Thing, container: Thing) -> Iterator[str]:
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{title(workload)} may gain rights"
    if context.get("readOnlyRootFilesystem") is not True:
        yield f"{title(workload)} may write to its image"
    granted = {"add": ["NET_BIND_SERVICE"]} if name_of(workload) in ON_ITS_NODE else {}
    if context.get("capabilities") != {"drop": ["ALL"]} | granted:
        yield f"{title(workload)} has capabilities"
    if context.get("privileged") or any("hostPort" in port for port in container.get("ports", [])):
        yield f"{title(workload)} is privileged"


def namespaces_are_restricted(all_: Manifests) -> Iterator[str]:
    """The API server refuses what is not, too; the relay's namespace is the one that is not enforced."""
    for namespace in all_.kind("Namespace"):
        for mode in ("enforce", "audit", "warn"):
            level = namespace["metadata"]["labels"].get(f"pod-security.kubernetes.io/{mode}")
            if level != "restricted" and (mode != "enforce" or name_of(namespace) == NAMESPACE):
                yield f"{title(namespace)}: {mode} is {level}"
    known = {name_of(namespace) for namespace in all_.kind("Namespace")}
    for thing in all_.things:
        if thing["kind"] != "Namespace" and namespace_of(thing) not in known:
            yield f"{title(thing)} is in no namespace of ours"


def accounts_have_no_token(all_: Manifests) -> Iterator[str]:
    """Nor may one be mounted by a pod that does not say anything."""
    for account in all_.kind("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield f"{title(account)} has a token"
    for role in all_.kind("Role", "ClusterRole"):
        names = [name_of(one) for one in made_secrets() if namespace_of(one) == NAMESPACE]
        of_all = {"apiGroups": [""], "resources": ["secrets"]}
        if role["rules"] != [
            of_all | {"verbs": ["create"]},
            of_all | {"resourceNames": names, "verbs": ["get", "patch"]},
        ]:
            yield f"{title(role)} may do more than create secrets, and add to its own"


def containers_have_bounds(all_: Manifests) -> Iterator[str]:
    """Requests and limits; and a limit is not below the request."""
    for workload in all_.workloads():
        for container in containers_of(workload):
            resources = container.get("resources", {})
            for word in ("requests", "limits"):
                for what in ("cpu", "memory"):
                    if what not in resources.get(word, {}):
                        yield f"{title(workload)}: no {what} in {word}"
            if "memory" in resources.get("limits", {}) and "memory" in resources.get("requests", {}):
                if _bytes(resources["limits"]["memory"]) < _bytes(resources["requests"]["memory"]):
                    yield f"{title(workload)}: less memory than it asks for"


def _bytes(text: str) -> int:
    units = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
    return int(text[:-2]) * units[text[-2:]]


def images_are_pinned(all_: Manifests) -> Iterator[str]:
    """Each by a version, none by `latest`."""
    for workload in all_.workloads():
        for container in containers_of(workload):
            _, _, tag = container["image"].rpartition(":")
            if ":" not in container["image"] or tag == "latest" or not any(c.isdigit() for c in tag):
                yield f"{title(workload)}: {container['image']} is not pinned"


def pods_say_how_they_are(all_: Manifests) -> Iterator[str]:
    """Whatever runs on has three probes; those of our services ask health at the port for probes."""
    for workload in all_.kind("Deployment", "StatefulSet"):
        if name_of(workload) == "operator":
            continue
        for container in containers_of(workload):
            for word in PROBES:
                if word not in container:
                    yield f"{title(workload)}: no {word}"
            if is_ours(workload):
                yield from _probes_ask_health(all_, workload, container)


def _probes_ask_health(all_: Manifests, workload: Thing, container: Thing) -> Iterator[str]:
    port = int(all_.settings()["RINGLINE_PROBE_PORT"])
    for word, service in (("startupProbe", "live"), ("livenessProbe", "live"), ("readinessProbe", "ready")):
        probe = container.get(word, {})
        if name_of(workload) == "gateway" and word == "readinessProbe":
            if probe.get("httpGet") != {"path": "/readyz", "port": "http"}:
                yield f"{title(workload)}: readiness is not that of HTTP"
        elif probe.get("grpc") != {"port": port, "service": service}:
            yield f"{title(workload)}: {word} does not ask for {service} at {port}"


def pods_may_finish(all_: Manifests) -> Iterator[str]:
    """A process may wait for its last answers; the kubelet waits longer. No old pod stops before a new one is
    ready.
    """
    for workload in all_.workloads():
        if not is_ours(workload):
            continue
        grace = pod_of(workload).get("terminationGracePeriodSeconds", 30)
        if not LEAVE_SECONDS < grace <= 60:
            yield f"{title(workload)} is killed after {grace} s"
        rolling = workload["spec"].get("strategy", {}).get("rollingUpdate", {})
        if rolling.get("maxUnavailable") != 0 or not rolling.get("maxSurge"):
            yield f"{title(workload)} stops old pods first"


RULES = (
    pods_are_restricted,
    namespaces_are_restricted,
    accounts_have_no_token,
    containers_have_bounds,
    images_are_pinned,
    pods_say_how_they_are,
    pods_may_finish,
)
