"""`ringline dev`: everything on this machine, in one process, with its own Postgres and NATS.

What it keeps (data, ports, passwords) is in `.ringline/` of the folder it is started in. One at a time;
whatever way it ends, nothing is left running and nothing committed is lost.
"""

import argparse
import asyncio
import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn

import asyncpg
import uvloop

from ringline.config import NodeSettings
from ringline.migrate import migrate
from ringline.node import Node
from services.__main__ import build_all, migrations, present
from services.dev_people import Person, invite
from services.dev_web import build_web
from services.embedded import (
    Nats,
    Postgres,
    ServerFailed,
    data_folder,
    free_port,
    is_root,
    secret_file,
    someone_listens,
    wait_until,
)

FOLDER = ".ringline"
DATABASE = "ringline"
WEB_PORT = 7400
PEOPLE = ("ada", "bob")
LISTEN_SECONDS = 30.0


@dataclass
class State:
    """What one run tells the next. `passwords` are by name of a service, a server or a person."""

    web_port: int = WEB_PORT
    postgres_port: int = 0
    nats_port: int = 0
    passwords: dict[str, str] = field(default_factory=dict)

    def password(self, name: str) -> str:
        """The password of `name`, made up at first sight."""
        return self.passwords.setdefault(name, secrets.token_urlsafe(24))

    @classmethod
    def read(cls, path: Path) -> "State":
        """The state of the last run, or a new one."""
        return cls(**json.loads(path.read_text())) if path.exists() else cls()

    def write(self, path: Path) -> None:
        """Keeps it for the next run, whole or not at all."""
        with secret_file(path.with_suffix(".draft"), json.dumps(asdict(self), indent=1)) as draft:
            draft.replace(path)


def main(arguments: Sequence[str]) -> None:
    """Runs until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="ringline dev", description=__doc__)
    parser.add_argument(
        "--reset", action="store_true", help="start afresh: forget all data, ports and people"
    )
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _leave)
    folder = Path.cwd() / FOLDER
    try:
        with only_one(folder):
            run(folder, options.reset)
    except ServerFailed as failure:
        sys.exit(f"ringline dev: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)


def run(folder: Path, reset: bool) -> None:
    """Brings everything up, serves, and takes everything down again."""
    postgres_folder = data_folder(folder / "postgres")
    if reset:
        forget(folder, postgres_folder)
    state = State.read(folder / "state.json")
    choose_ports(state)
    web = build_web(Path.cwd() / "web")
    postgres = Postgres(postgres_folder, state.password("postgres"))
    nats = Nats(folder / "nats", state.password("nats"))
    environment = settings(state, web)
    state.write(folder / "state.json")
    with ExitStack() as stack:
        stack.callback(postgres.stop)
        postgres.start(state.postgres_port)
        stack.callback(nats.stop)
        nats.start(state.nats_port)
        environment["RINGLINE_DATABASE_URL"] = postgres.url(DATABASE, owner=False)
        environment["RINGLINE_DATABASE_OWNER_URL"] = postgres.url(DATABASE)
        environment["RINGLINE_NATS_URL"] = nats.url()
        for name, value in environment.items():
            os.environ.setdefault(name, value)
        uvloop.run(serve(state, postgres))
    print("Stopped; the data stays in .ringline", flush=True)


async def serve(state: State, postgres: Postgres) -> None:
    """All services in this process, until it is told to stop."""
    await create_database(postgres)
    node_settings = NodeSettings()
    await migrate(node_settings, migrations(present()))
    async with Node(node_settings, present()) as node:
        await build_all(node, present())
        await node.start()
        node.spawn(welcome(node, state), "welcome")
        await node.run()


async def welcome(node: Node, state: State) -> None:
    """Makes the two people who can call each other, and prints the door of each."""
    await node.started()
    people = [Person(name, state.password(name)) for name in PEOPLE]
    await invite(node, people)
    if not await asyncio.to_thread(wait_until, lambda: someone_listens(state.web_port), LISTEN_SECONDS):
        raise ServerFailed(f"the gateway does not listen on port {state.web_port}")
    print("\nRingline is up. Two people, two links, one call:\n")
    ada, bob = people
    print(f"@ada  http://localhost:{state.web_port}/@bob{ada.fragment()}")
    print(f"@bob  http://127.0.0.1:{state.web_port}/@ada{bob.fragment()}")
    print("\nNo camera or microphone? Put ?media=test before the # of a link.")
    print("Ctrl-C stops it. RESET=1 starts afresh.", flush=True)


async def create_database(postgres: Postgres) -> None:
    """The database of all services, where it is not there yet."""
    connection = await asyncpg.connect(postgres.url())
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close()


def settings(state: State, web: Path | None) -> dict[str, str]:
    """The environment of the services. What is set already (RINGLINE_LOG_LEVEL=info, say) wins over it."""
    environment = {
        "RINGLINE_ENVIRONMENT": "dev",
        "RINGLINE_LOG_LEVEL": "warning",
        "RINGLINE_DRAIN_SECONDS": "1",
        "RINGLINE_GATEWAY_HOST": "127.0.0.1",
        "RINGLINE_GATEWAY_PORT": str(state.web_port),
    }
    if web is not None:
        environment["RINGLINE_GATEWAY_WEB_ROOT"] = str(web)
    for name in PEOPLE:
        state.password(name)
    for service in present():
        environment[f"RINGLINE_DB_PASSWORD_{service.upper()}"] = state.password(service)
    return environment


def choose_ports(state: State) -> None:
    """Keeps the ports of the last run; steps over those that somebody else has taken, and says so."""
    wanted = state.web_port
    while someone_listens(state.web_port):
        state.web_port += 1
    if state.web_port != wanted:
        print(f"Port {wanted} is taken; using {state.web_port}.")
    for name in ("postgres_port", "nats_port"):
        port: int = getattr(state, name)
        if port == 0 or someone_listens(port):
            setattr(state, name, free_port())
            if port:
                print(f"Port {port} is taken; using {getattr(state, name)}.")


def forget(folder: Path, postgres_folder: Path) -> None:
    """Removes all data; the lock, which this process holds, stays."""
    shutil.rmtree(postgres_folder, ignore_errors=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Holds this folder's lock, which the kernel frees however the process ends."""
    folder.mkdir(mode=0o711 if is_root() else 0o700, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            sys.exit(f"ringline dev: this folder's is running already (process {lock.read().strip()})")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _leave(*_: object) -> NoReturn:
    """SIGTERM before the services run: leave as by Ctrl-C, through every `finally`."""
    sys.exit(143)
