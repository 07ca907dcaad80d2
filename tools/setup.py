"""Make this clone ready: `.venv` with everything locked in requirements/dev.txt, and web/node_modules.

Runs on the system's Python before anything is installed, so: standard library only.
A second run compares two stamps and is done; it asks no network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
WEB = ROOT / "web"
# Never .venv's own Python, which may come first on the PATH: it is about to be replaced.
BASE_PYTHON = Path(sys.base_prefix) / "bin" / "python{}.{}".format(*sys.version_info)
DEBIAN_PIP = Path("/usr/share/python-wheels")


def say(line: str) -> None:
    print("setup: " + line, flush=True)


def digest(*parts: object) -> str:
    """The hex digest of texts and of the contents of files (a missing file counts as empty)."""
    total = hashlib.sha256()
    for part in parts:
        data = (
            (part.read_bytes() if part.is_file() else b"") if isinstance(part, Path) else str(part).encode()
        )
        total.update(hashlib.sha256(data).digest())
    return total.hexdigest()


def stamped(stamp: Path, value: str) -> bool:
    return stamp.exists() and stamp.read_text() == value


def run(command: list[str], env: dict[str, str], quiet: bool = False) -> bool:
    output = subprocess.DEVNULL if quiet else None
    return (
        subprocess.run(command, cwd=str(ROOT), env=env, stdout=output, stderr=output, check=False).returncode
        == 0
    )


def create_venv() -> None:
    """An empty venv with pip, by the first way that this machine has."""
    env = dict(os.environ)
    if VENV.exists():
        shutil.rmtree(str(VENV))
    if run([str(BASE_PYTHON), "-m", "venv", str(VENV)], env, quiet=True):
        return
    # Debian ships venv without ensurepip: take pip from the system's pip, or from Debian's own wheel of it.
    if run([str(BASE_PYTHON), "-m", "venv", "--clear", "--without-pip", str(VENV)], env):
        pip = [str(BASE_PYTHON), "-m", "pip", "--python", str(PYTHON), "install", "--quiet", "pip"]
        if run(pip, env, quiet=True):
            return
        for wheel in sorted(DEBIAN_PIP.glob("pip-*.whl")):
            if run([str(PYTHON), str(wheel / "pip"), "install", "--quiet", "--no-index", str(wheel)], env):
                return
    shutil.rmtree(str(VENV), ignore_errors=True)
    sudo = "" if os.geteuid() == 0 else "sudo "
    sys.exit(
        "setup: this Python comes without pip. One line puts it right:  "
        + sudo
        + "apt-get install -y python3-venv"
    )


def installer_env() -> dict[str, str]:
    """The environment for uv, with what pip is configured to (a mirror, a certificate) said in uv's words."""
    env = dict(os.environ)
    for key, name in [
        ("index-url", "UV_DEFAULT_INDEX"),
        ("extra-index-url", "UV_INDEX"),
        ("find-links", "UV_FIND_LINKS"),
        ("cert", "SSL_CERT_FILE"),
        ("proxy", "ALL_PROXY"),
    ]:
        for section in ("global", "install", ":env:"):
            asked = subprocess.run(
                [str(PYTHON), "-m", "pip", "config", "get", section + "." + key],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                check=False,
            )
            value = " ".join(asked.stdout.split())
            if asked.returncode == 0 and value:
                env.setdefault(name, value.replace(" ", ",") if key == "find-links" else value)
    # Every file is pinned by hash, so whichever index has it may give it.
    env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return env


def install() -> None:
    locks = ["--require-hashes", "-r", "requirements/dev.txt"]
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    env = dict(os.environ)
    fast = run([*pip, "--require-hashes", "-r", "requirements/bootstrap.txt"], env)
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON)]
    # Compiled now: where nothing may be cached, every process of the tests would compile for seconds.
    uv += ["--compile-bytecode"]
    if not (fast and run([*uv, *locks], installer_env())):
        say("the quick installer found no way here; pip takes a minute longer")
        if not run([*pip, *locks], env):
            sys.exit("setup: the locked packages could not be installed (is a package index reachable?)")
    if not run([*pip, "--no-index", "--no-deps", "--no-build-isolation", "--editable", "."], env):
        sys.exit("setup: ringline itself could not be installed")


def setup_python() -> None:
    place, stamp = VENV / ".ringline-place", VENV / ".ringline-setup"
    here = digest(str(ROOT), sys.version_info[:2])  # a venv can neither be moved nor change its Python
    value = digest(here, ROOT / "requirements" / "dev.txt", ROOT / "pyproject.toml")
    if stamped(stamp, value):
        return
    say("installing the locked Python packages and Node into .venv")
    if not stamped(place, here):
        create_venv()
        place.write_text(here)
    install()
    stamp.write_text(value)


def setup_web() -> None:
    lock, stamp = WEB / "package-lock.json", WEB / "node_modules" / ".ringline-setup"
    value = digest(lock)
    if not lock.exists() or stamped(stamp, value):
        return
    say("installing the locked packages of the web client")
    env = dict(os.environ, PATH=str(VENV / "bin") + os.pathsep + os.environ.get("PATH", ""))
    npm = [
        str(VENV / "bin" / "npm"),
        "ci",
        "--prefix",
        str(WEB),
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]
    if not run(npm, env):
        sys.exit("setup: the packages of the web client could not be installed")
    stamp.write_text(value)


def main() -> None:
    if sys.version_info < (3, 11):
        sys.exit("setup: Ringline needs Python 3.11 or newer; name one with  make PYTHON=/path/to/python3")
    setup_python()
    setup_web()


if __name__ == "__main__":
    main()
