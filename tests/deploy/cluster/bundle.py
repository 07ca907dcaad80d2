"""A container of a pod as the runtime is told it (OCI): everything that the manifest says, or NotHonoured."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.deploy.cluster.network import API, NODE
from tests.deploy.cluster.objects import NotHonoured, Objects, Pod, only
from tests.deploy.cluster.roots import Root
from tests.deploy.cluster.volumes import Volume
from tests.deploy.manifests import Thing
from tools.test import MARK

POD = (
    "containers initContainers volumes serviceAccountName automountServiceAccountToken enableServiceLinks"
    " securityContext terminationGracePeriodSeconds restartPolicy topologySpreadConstraints nodeSelector"
    " hostNetwork dnsPolicy"
)
"""Of these, topologySpreadConstraints and dnsPolicy are of no effect, and a nodeSelector but where a pod uses
the network of its node: there is one node for all others."""
CONTAINER = (
    "name image imagePullPolicy command args env envFrom ports volumeMounts resources securityContext"
    " startupProbe livenessProbe readinessProbe"
)
SECURITY = "allowPrivilegeEscalation readOnlyRootFilesystem capabilities runAsNonRoot runAsUser runAsGroup"
POD_SECURITY = "runAsNonRoot runAsUser runAsGroup fsGroup fsGroupChangePolicy seccompProfile"
"""Of these, seccompProfile is of no effect."""
NAMESPACES = ("pid", "mount", "ipc", "uts")
HIDDEN = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
UNWRITABLE = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
Json = dict[str, Any]


def bundle(
    pod: Pod, container: Thing, root: Root, objects: Objects, made: Mapping[str, Volume], folder: Path
) -> Json:
    """The configuration of a container. `folder` has the files that the kubelet writes for the pod."""
    where = f"{pod.name}/{container['name']}"
    only(pod.spec, POD, pod.name)
    only(pod.spec.get("securityContext", {}), POD_SECURITY, pod.name)
    only(container, CONTAINER, where)
    if pod.spec.get("enableServiceLinks", True):
        raise NotHonoured(f"{where}: variables of Services")
    env = _environment(pod, container, root, objects)
    security = pod.spec.get("securityContext", {}) | container.get("securityContext", {})
    return {
        "ociVersion": "1.0.2",
        "process": _process(where, container, root, security, env),
        "root": {"path": str(root.folder), "readonly": True},
        "hostname": pod.name,
        "mounts": [*_system(folder), *root.mounts, *_mounts(where, container, security, made, folder)],
        "linux": {"maskedPaths": HIDDEN, "readonlyPaths": UNWRITABLE},
    }


def _process(where: str, container: Thing, root: Root, security: Thing, env: Mapping[str, str]) -> Json:
    own = container.get("securityContext", {})
    only(own, SECURITY, where)
    if not own.get("readOnlyRootFilesystem"):
        raise NotHonoured(f"{where}: a root that can be written to")
    rights = own.get("capabilities", {})
    only(rights, "drop add", where)
    if rights.get("drop") != ["ALL"] or own.get("allowPrivilegeEscalation") is not False:
        raise NotHonoured(f"{where}: privileges")
    bounds = [f"CAP_{name}" for name in rights.get("add", [])]
    user = security.get("runAsUser")
    if user is None or (security.get("runAsNonRoot") and user == 0):
        raise NotHonoured(f"{where}: runs as whoever the image says, or as root")
    command = container.get("command") or root.entrypoint
    args = container.get("args") or ([] if container.get("command") else root.arguments)
    extra = [security["fsGroup"]] if "fsGroup" in security else []
    return {
        "user": {"uid": user, "gid": security.get("runAsGroup", 0), "additionalGids": extra},
        "args": [_expanded(word, env) for word in [*command, *args]],
        "env": [f"{name}={value}" for name, value in env.items()],
        "cwd": root.workdir,
        "noNewPrivileges": True,
        # As container engines do for who is not root: what may be had, and nothing that one has.
        "capabilities": {"bounding": bounds},
    }


def _environment(pod: Pod, container: Thing, root: Root, objects: Objects) -> dict[str, str]:
    env = dict(root.env)
    if MARK in os.environ:
        env[MARK] = os.environ[MARK]  # whoever looks for leftovers finds it
    env |= {"HOSTNAME": pod.name, "KUBERNETES_SERVICE_HOST": API, "KUBERNETES_SERVICE_PORT": "443"}
    for source in container.get("envFrom", []):
        only(source, "configMapRef secretRef", "envFrom")
        kind = "Secret" if "secretRef" in source else "ConfigMap"
        name = source.get("secretRef", source.get("configMapRef"))["name"]
        data = objects.contents(kind, pod.namespace, name)
        env |= {key: content.decode() for key, content in data.items()}
    for one in container.get("env", []):
        env[one["name"]] = _expanded(one["value"], env) if "value" in one else _looked_up(one, pod, objects)
    return env


def _looked_up(one: Thing, pod: Pod, objects: Objects) -> str:
    source = one["valueFrom"]
    only(source, "fieldRef secretKeyRef configMapKeyRef", one["name"])
    if "fieldRef" in source:
        known = {
            "metadata.name": pod.name,
            "metadata.namespace": pod.namespace,
            "status.podIP": pod.address,
            "status.hostIP": pod.address if pod.is_on_host else NODE,
            "spec.serviceAccountName": pod.spec.get("serviceAccountName", "default"),
        }
        return str(known[source["fieldRef"]["fieldPath"]])
    kind = "Secret" if "secretKeyRef" in source else "ConfigMap"
    key = source.get("secretKeyRef", source.get("configMapKeyRef"))
    return objects.contents(kind, pod.namespace, key["name"])[key["key"]].decode()


def _expanded(text: str, env: Mapping[str, str]) -> str:
    return re.sub(r"\$\((\w+)\)", lambda found: env.get(found[1], found[0]), str(text))


def _system(folder: Path) -> list[Json]:
    memory = {"type": "tmpfs", "source": "tmpfs"}
    return [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", **memory, "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/shm", **memory, "options": ["nosuid", "noexec", "nodev", "mode=1777"]},
        *(bound(f"/etc/{name}", folder / name, "ro") for name in ("resolv.conf", "hosts", "hostname")),
    ]


def _mounts(
    where: str, container: Thing, security: Thing, made: Mapping[str, Volume], folder: Path
) -> list[Json]:
    found = []
    for mount in container.get("volumeMounts", []):
        only(mount, "name mountPath readOnly subPath", where)
        volume, options = made[mount["name"]], "ro" if mount.get("readOnly") else "rw"
        if volume.folder is not None:
            source = volume.folder / mount.get("subPath", "")
            found.append(bound(mount["mountPath"], source, options))
            continue
        group = security.get("fsGroup", 0)
        limits = [f"size={volume.bytes}", "mode=2777", f"gid={group}", "nosuid", "nodev", options]
        memory = {"type": "tmpfs", "source": "tmpfs", "options": limits}
        found.append({"destination": mount["mountPath"], **memory})
    return found


def bound(destination: str, source: Path, options: str) -> Json:
    """A mount of a folder or file of this machine."""
    mode = ["bind", "nosuid", "nodev", options]
    return {"destination": destination, "type": "bind", "source": str(source), "options": mode}
