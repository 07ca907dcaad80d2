"""The web client for `ringline dev`: built with the Node of this venv, and only when a source has changed."""

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.embedded import ServerFailed

LEFT_OUT = {"node_modules", "dist"}


def build_web(web: Path) -> Path | None:
    """The folder of the built client; None where there are no sources (in an installed product)."""
    if not (web / "app" / "index.html").exists():
        return None
    built = web / "app" / "dist"
    with only_one(web):
        stamp, value = built / ".built-from", digest(web)
        if not (stamp.exists() and stamp.read_text() == value):
            print("Building the web client…", flush=True)
            programs = Path(sys.executable).parent
            environment = dict(os.environ, PATH=f"{programs}{os.pathsep}{os.environ.get('PATH', '')}")
            command = [str(programs / "npm"), "run", "--silent", "build"]
            build = subprocess.run(
                command, cwd=web, env=environment, capture_output=True, text=True, check=False
            )
            if build.returncode != 0:
                raise ServerFailed(f"the web client does not build:\n{build.stdout}{build.stderr}")
            stamp.write_text(value)
    return built


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """One process at a time for this folder: another one waits until the first is done, or has died."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def digest(web: Path) -> str:
    """The hex digest of every source below `web`, names and contents."""
    total = hashlib.sha256()
    for parent, folders, files in os.walk(web):
        folders[:] = sorted(set(folders) - LEFT_OUT)
        for name in sorted(files):
            path = Path(parent, name)
            total.update(str(path.relative_to(web)).encode() + b"\0")
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
