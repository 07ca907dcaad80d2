"""The volumes of a pod as folders, with the owners and modes that a kubelet gives."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.cluster.objects import NotThere, Objects, Pod, only
from tests.deploy.manifests import Thing

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
FILE_MODE = 0o644
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
Files = dict[str, tuple[bytes, int]]
"""Contents and mode by path."""


def size_of(quantity: str) -> int:
    """Bytes of a quantity such as "64Mi"."""
    return int(quantity[:-2]) * UNITS[quantity[-2:]] if quantity[-2:] in UNITS else int(quantity)


@dataclass(frozen=True)
class Volume:
    """Where a volume lies; one in memory has a size instead."""

    folder: Path | None
    bytes: int = 0


def volumes(pod: Pod, objects: Objects, folder: Path, claims: Path) -> dict[str, Volume]:
    """Makes the volumes of a pod. Claims last longer than pods, in `claims`. Raises NotThere, NotHonoured."""
    group = pod.spec.get("securityContext", {}).get("fsGroup", 0)
    made = {}
    for volume in pod.spec.get("volumes", []):
        name = volume["name"]
        only(volume, "name emptyDir persistentVolumeClaim secret configMap projected", f"{pod.name}: {name}")
        if "emptyDir" in volume:
            only(volume["emptyDir"], "sizeLimit", f"{pod.name}: {name}")
            made[name] = Volume(None, size_of(volume["emptyDir"].get("sizeLimit", "64Mi")))
        elif "persistentVolumeClaim" in volume:
            claim = claims / volume["persistentVolumeClaim"]["claimName"]
            claim.mkdir(exist_ok=True)
            os.chown(claim, 0, group)
            claim.chmod(0o2775)
            made[name] = Volume(claim)
        else:
            write(folder / name, _files(volume, pod.namespace, objects), group)
            made[name] = Volume(folder / name)
    return made


def write(folder: Path, files: Mapping[str, tuple[bytes, int]], group: int) -> None:
    """Writes files, each at once: who reads one finds the old content or the new."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    for name, (content, mode) in files.items():
        target = folder / name
        if target.is_file() and target.read_bytes() == content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = folder / f"..{target.name}"
        draft.write_bytes(content)
        os.chown(draft, 0, group)
        draft.chmod(mode | (mode & 0o400) >> 3 if group else mode)
        draft.replace(target)


def _files(volume: Thing, namespace: str, objects: Objects) -> Files:
    if (source := volume.get("projected")) is not None:
        only(source, "defaultMode sources", volume["name"])
        files: Files = {}
        for one in source["sources"]:
            files |= _source(one, namespace, objects, source.get("defaultMode", FILE_MODE))
        return files
    renamed = dict(volume)
    if "secret" in volume:
        renamed["secret"] = {
            "name" if key == "secretName" else key: value for key, value in volume["secret"].items()
        }
    return _source(renamed, namespace, objects, FILE_MODE)


def _source(one: Thing, namespace: str, objects: Objects, mode: int) -> Files:
    kind, source = next((key, one[key]) for key in ("secret", "configMap") if key in one)
    only(source, "name items defaultMode optional", kind)
    try:
        data = objects.contents("Secret" if kind == "secret" else "ConfigMap", namespace, source["name"])
    except NotThere:
        if source.get("optional"):
            return {}
        raise
    mode = source.get("defaultMode", mode)
    if "items" not in source:
        return {key: (content, mode) for key, content in data.items()}
    for item in source["items"]:
        if item["key"] not in data:
            raise NotThere(f"{item['key']} of {kind} {source['name']}")
    return {item["path"]: (data[item["key"]], item.get("mode", mode)) for item in source["items"]}
