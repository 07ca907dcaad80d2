"""Builds the image for the tests: the unmodified Dockerfile, by buildah, on a base made of Debian's packages.

No registry of images is needed: what stands in for the official image of Python is made by debootstrap from
the mirror that apt is configured for, and is kept in the user's cache. Needs root.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ringline"
PYTHON_VERSION = "3.13"
SUITE = "trixie"
PACKAGES = "ca-certificates,python3,python3-pip-whl,python3-venv"
STANDS_FOR = f"docker.io/library/python:{PYTHON_VERSION}-slim"
REVISION = "0123456789abcdef0123456789abcdef01234567"
PROGRAMS = "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LIMITS = {"nofile": 20_000, "nproc": 30_000}
CONFIGURATION = "/srv"
"""Where the build finds what pip and npm are configured to here; an empty folder of every Debian."""
LIKE_THE_OFFICIAL_IMAGE = f"""
set -eu
ln -s /usr/bin/python{PYTHON_VERSION} /usr/local/bin/python
ln -s /usr/bin/python{PYTHON_VERSION} /usr/local/bin/python3
wheel=$(echo /usr/share/python-wheels/pip-*.whl)
site=/usr/local/lib/python{PYTHON_VERSION}/dist-packages
python "$wheel/pip" install --quiet --root-user-action=ignore --no-index --target "$site" "$wheel"
mv "$site/bin/pip" /usr/local/bin/pip
rm -rf "$site/bin" /usr/share/python-wheels /var/cache/apt/* /var/lib/apt/lists/* /var/log/*
rm -f /etc/apt/sources.list /etc/hostname /etc/resolv.conf
"""
"""Python and pip lie below /usr/local there; what debootstrap left of this machine goes."""


class BuildFailed(Exception):
    """A step of the build failed; the text ends with what it said."""


@dataclass(frozen=True)
class Image:
    """A built image, unpacked: its root file system, its configuration, and all that is written about it."""

    root: Path
    config: dict[str, Any]
    description: str


def run(command: Sequence[str | Path], env: dict[str, str] | None = None) -> str:
    """Runs a command and answers its output. Raises BuildFailed."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BuildFailed(f"{' '.join(words)} failed:\n{(done.stdout + done.stderr)[-6000:]}")
    return done.stdout


def base_archive(cache: Path = CACHE) -> Path:
    """A tar of what stands in for the official image; made once for each content."""
    recipe = "\n".join([SUITE, PACKAGES, LIKE_THE_OFFICIAL_IMAGE])
    archive = cache / f"base-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}.tar"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with _scratch(cache) as folder:
            base = folder / "base"
            include = f"--include={PACKAGES}"
            run(["debootstrap", "--variant=minbase", include, SUITE, base, debian_mirror()], proxied())
            run(["chroot", base, "/bin/sh", "-c", LIKE_THE_OFFICIAL_IMAGE], {"PATH": PROGRAMS})
            run(["tar", "--one-file-system", "-C", base, "-cf", folder / "base.tar", "."])
            (folder / "base.tar").rename(archive)
    return archive


def debian_mirror() -> str:
    """The address from which apt on this machine takes the packages of its own release."""
    release = dict(line.partition("=")[::2] for line in Path("/etc/os-release").read_text().splitlines())
    own = f"Codename: {release['VERSION_CODENAME']}"
    sources = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", own])
    return sources.split()[0]


def proxied() -> dict[str, str]:
    """The environment, with the proxy that apt is configured for."""
    configured = run(["apt-config", "--format", "%v%n", "dump", "Acquire::http::Proxy"]).strip()
    return dict(os.environ, **({"http_proxy": configured} if configured else {}))


def configure(folder: Path) -> dict[str, str]:
    """Writes what pip and npm are configured to here, for the build only; answers its build arguments."""
    listed = run([sys.executable, "-m", "pip", "config", "list"]).splitlines()
    listed.sort(key=lambda line: line.startswith(":env:"))  # the environment wins
    settings = {
        name.rpartition(".")[2]: value.strip("'\"")
        for name, _, value in (line.partition("=") for line in listed)
    }
    authorities = folder / "authorities.pem"
    shutil.copyfile(settings.get("cert") or "/etc/ssl/certs/ca-certificates.crt", authorities)
    pip = [f"cert = {CONFIGURATION}/{authorities.name}"]
    for name in ("index-url", "extra-index-url", "trusted-host", "proxy", "default-timeout"):
        reached = [word for word in settings.get(name, "").replace("\\n", " ").split() if "file:" not in word]
        if reached:
            pip.append(f"{name} = {' '.join(reached)}")
    (folder / "pip.conf").write_text("\n".join(["[global]", *pip, ""]))
    npm = [f"cafile={CONFIGURATION}/{authorities.name}"]
    for name in ("registry", "proxy", "https-proxy"):
        value = run([Path(sys.executable).with_name("npm"), "config", "get", name]).strip()
        if value not in ("", "null", "undefined"):
            npm.append(f"{name}={value}")
    (folder / "npmrc").write_text("\n".join([*npm, ""]))
    return {
        "PIP_CONFIG_FILE": f"{CONFIGURATION}/pip.conf",
        "NPM_CONFIG_USERCONFIG": f"{CONFIGURATION}/npmrc",
    }


class Buildah:
    """buildah with storage of its own, below a folder that goes away."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._command: list[str | Path] = [
            "buildah",
            "--root",
            folder / "storage",
            "--runroot",
            folder / "run",
        ]
        self._command += ["--storage-driver", "overlay"]

    def __call__(self, *words: str | Path) -> str:
        """Runs `buildah words…` and answers its output."""
        return run([*self._command, *words], dict(os.environ, TMPDIR=str(self._folder)))

    def build(self, arguments: dict[str, str], configuration: Path) -> None:
        """Builds the Dockerfile as `ringline`."""
        options: list[str | Path] = ["--volume", f"{configuration}:{CONFIGURATION}:ro"]
        for name, number in LIMITS.items():  # where nobody says, buildah asks for more than it may have
            options += ["--ulimit", f"{name}={number}:{number}"]
        for name, value in arguments.items():
            options += ["--build-arg", f"{name}={value}"]
        self(
            *("bud", "--pull=never", "--isolation", "chroot", "--tag", "ringline"),
            *(*options, "--file", ROOT / "deploy/image/Dockerfile", ROOT),
        )


@contextmanager
def built_image(cache: Path = CACHE) -> Iterator[Image]:
    """The image, built from this tree and unpacked; it goes at the end."""
    base = base_archive(cache)
    with _scratch(Path(tempfile.gettempdir())) as folder:
        configuration = folder / "configuration"
        configuration.mkdir()
        arguments = configure(configuration) | {"PYTHON_VERSION": PYTHON_VERSION, "REVISION": REVISION}
        with _storage(folder) as buildah:
            buildah("from", "--name", "base", "scratch")
            buildah("add", "base", base, "/")
            buildah("commit", "--quiet", "--rm", "base", STANDS_FOR)
            buildah.build(arguments, configuration)
            described = buildah("inspect", "--type", "image", "ringline")
            buildah("from", "--pull-never", "--name", "unpacked", "ringline")
            run(["cp", "-a", buildah("mount", "unpacked").strip(), folder / "root"])
            buildah("umount", "unpacked")
        yield Image(folder / "root", json.loads(described)["OCIv1"]["config"], described)


@contextmanager
def _storage(folder: Path) -> Iterator[Buildah]:
    try:
        yield Buildah(folder)
    finally:
        # What is mounted there: the driver's own place, and below it what a step that failed has left.
        mounts = ["umount", "--recursive", "--quiet", str(folder / "storage" / "overlay")]
        subprocess.run(mounts, check=False)
        shutil.rmtree(folder / "storage", ignore_errors=True)
        shutil.rmtree(folder / "run", ignore_errors=True)


@contextmanager
def _scratch(parent: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ringline-image-", dir=parent))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
