"""What is wanted and what is there: which pods to make and which to stop next. Pure."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.deploy.cluster.objects import NotHonoured, Pod, only
from tests.deploy.manifests import Thing, labels_of, name_of, namespace_of, pod_of, title

LETTERS = "bcdfghjklmnpqrstvwxz2456789"


@dataclass
class Plan:
    """Names of pods to make, and pods to stop."""

    make: list[str] = field(default_factory=list)
    stop: list[Pod] = field(default_factory=list)


def version_of(workload: Thing) -> str:
    """Another one for every other template."""
    text = json.dumps(workload["spec"]["template"], sort_keys=True)
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(LETTERS[byte % len(LETTERS)] for byte in digest[:9])


def pod_for(workload: Thing, name: str) -> Pod:
    """A pod of that name from its template."""
    spec = dict(pod_of(workload))
    claims = [
        {
            "name": claim["metadata"]["name"],
            "persistentVolumeClaim": {"claimName": f"{claim['metadata']['name']}-{name}"},
        }
        for claim in workload["spec"].get("volumeClaimTemplates", [])
    ]
    spec["volumes"] = [*spec.get("volumes", []), *claims]
    version = version_of(workload)
    return Pod(namespace_of(workload), name, dict(labels_of(workload)), spec, title(workload), version)


def plan(workload: Thing, pods: Sequence[Pod], new_name: str) -> Plan:
    """The next step. `pods` are those of this workload that are still there; `new_name` ends a new name."""
    kinds = {"Deployment": _deployment, "StatefulSet": _stateful, "Job": _job}
    return kinds[workload["kind"]](workload, pods, new_name)


def is_settled(workload: Thing, pods: Sequence[Pod]) -> bool:
    """Whether all pods that are wanted are there, ready and of this version, and no others."""
    wanted, version = workload["spec"].get("replicas", 1), version_of(workload)
    return len(pods) == wanted and all(pod.serves and pod.version == version for pod in pods)


def _deployment(workload: Thing, pods: Sequence[Pod], new_name: str) -> Plan:
    spec, version = workload["spec"], version_of(workload)
    only(spec, "replicas selector template strategy revisionHistoryLimit", title(workload))
    wanted = spec.get("replicas", 1)
    surge, away = _limits(spec.get("strategy", {}), wanted)
    staying = [pod for pod in pods if not pod.is_leaving]
    new = [pod for pod in staying if pod.version == version]
    old = [pod for pod in staying if pod.version != version]
    made = Plan()
    if len(new) < wanted and len(staying) < wanted + surge:
        made.make.append(f"{name_of(workload)}-{version}-{new_name}")
    made.stop += sorted(new, key=lambda pod: pod.serves)[: max(0, len(new) - wanted)]
    ready = sum(pod.serves for pod in staying if pod not in made.stop)
    for pod in sorted(old, key=lambda pod: pod.serves):
        if not pod.serves or ready - 1 >= wanted - away:
            made.stop.append(pod)
            ready -= pod.serves
    return made


def _limits(strategy: Thing, wanted: int) -> tuple[int, int]:
    """How many pods may be there beyond those that are wanted, and how many may be missing."""
    rolling = strategy.get("rollingUpdate", {"maxSurge": 1, "maxUnavailable": 0})  # 25 % of up to three
    surge, away = rolling["maxSurge"], rolling["maxUnavailable"]
    is_known = strategy.get("type", "RollingUpdate") == "RollingUpdate" and isinstance(surge, int)
    if not is_known or not isinstance(away, int) or ("rollingUpdate" not in strategy and wanted > 3):
        raise NotHonoured("a strategy of replacement other than by numbers")
    return surge, away


def _stateful(workload: Thing, pods: Sequence[Pod], new_name: str) -> Plan:
    spec, version = workload["spec"], version_of(workload)
    known = "replicas selector template serviceName podManagementPolicy volumeClaimTemplates"
    only(spec, known, title(workload))
    names = [f"{name_of(workload)}-{number}" for number in range(spec.get("replicas", 1))]
    there = {pod.name: pod for pod in pods}
    missing = [name for name in names if name not in there]
    if spec.get("podManagementPolicy", "OrderedReady") == "OrderedReady":
        earlier = names[: names.index(missing[0])] if missing else []
        missing = missing[:1] if all(there[name].serves for name in earlier) else []
    stale = [there[name] for name in reversed(names) if name in there and there[name].version != version]
    is_whole = not missing and all(pod.serves for pod in pods)
    return Plan(missing, stale[:1] if is_whole else [])


def _job(workload: Thing, pods: Sequence[Pod], new_name: str) -> Plan:
    only(workload["spec"], "backoffLimit activeDeadlineSeconds template", title(workload))
    return Plan([] if pods else [f"{name_of(workload)}-{new_name}"])
