"""What is there of a cluster: processes, mounts, control groups. Afterwards: nothing."""

from pathlib import Path

from tests.deploy.cluster.limits import groups


def remains(folder: Path) -> list[str]:
    """All that is there of the cluster in this folder. Its networks are held by processes."""
    mark = folder.name
    found = [f"control group {path}" for path in groups(mark)]
    found += [f"mount {line}" for line in _lines(Path("/proc/self/mountinfo")) if mark in line]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            places = (process / "mountinfo").read_text()
            opened = [str(file.readlink()) for file in (process / "fd").iterdir()]
        except OSError:
            continue  # gone meanwhile
        inside = any(mark in one for one in opened) and process.name != _own()
        if mark in command or mark in places or inside:
            found.append(f"process {process.name} {command}")
    return found


def _own() -> str:
    return str(Path("/proc/self").resolve().name)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()
