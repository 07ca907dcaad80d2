"""Runs a role of the image as in a pod: as the image's user, on a read-only root, without any privilege.

By crun, which needs no daemon. Control groups are not touched: limits are no matter of the image.
"""

import json
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.deploy.image import Image
from tests.servers import Process
from tools.test import MARK

NAMESPACES = ("pid", "mount", "ipc", "uts")
"""Its own; the network is that of the tests unless another one is named."""


def bundle(
    image: Image, folder: Path, args: Sequence[str], env: Mapping[str, str], network: Path | None = None
) -> dict[str, Any]:
    """What the runtime is told (OCI): the image's configuration with these arguments and variables."""
    own = dict(word.split("=", 1) for word in image.config["Env"]) | dict(env)
    if MARK in os.environ:
        own[MARK] = os.environ[MARK]  # whoever looks for leftovers finds it
    user, group = (int(number) for number in image.config["User"].split(":"))
    namespaces: list[dict[str, str]] = [{"type": name} for name in NAMESPACES]
    if network is not None:
        namespaces.append({"type": "network", "path": str(network)})
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": user, "gid": group},
            "args": [*image.config["Entrypoint"], *args],
            "env": [f"{name}={value}" for name, value in own.items()],
            "cwd": image.config.get("WorkingDir") or "/",
            "noNewPrivileges": True,
            "capabilities": {},
        },
        "root": {"path": str(image.root), "readonly": True},
        "hostname": folder.name,
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            _memory("/dev", "mode=755"),
            _memory("/tmp", "mode=1777"),
        ],
        "linux": {"namespaces": namespaces},
    }


def _memory(place: str, mode: str) -> dict[str, Any]:
    options = ["nosuid", "nodev", mode] if place != "/dev" else ["nosuid", "strictatime", mode]
    return {"destination": place, "type": "tmpfs", "source": "tmpfs", "options": options}


@contextmanager
def container(
    image: Image, scratch: Path, args: Sequence[str], env: Mapping[str, str], network: Path | None = None
) -> Iterator[Process]:
    """A running container; it is gone at the end. What it writes is in the log of the process."""
    folder = scratch / f"ringline-{secrets.token_hex(4)}"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(bundle(image, folder, args, env, network)))
    crun = ["crun", "--root", str(scratch / "crun"), "--cgroup-manager=disabled"]
    process = Process(
        folder.name,
        [*crun, "run", "--bundle", str(folder), folder.name],
        dict(os.environ, **env),
        folder / "log",
    )
    try:
        yield process.start()
    finally:
        subprocess.run([*crun, "delete", "--force", folder.name], capture_output=True, check=False)
        process.kill()
