"""The commands of docs/operations.md, carried out in their order, as far as that goes without a cluster."""

import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx
import pytest
import pytest_asyncio

from services.embedded import Nats, Postgres
from tests.deploy import page
from tests.deploy.manifests import name_of, pod_of, rendered
from tests.deploy.stand_in import FOLDER, State, write_secrets
from tests.house.sources import ROOT, services
from tests.servers import PASSWORD, START_SECONDS, Process, database_server, free_port, scratch
from tests.suite.people import PATIENCE, People, talk
from tests.suite.topology import Topology, ringline

pytestmark = pytest.mark.asyncio(loop_scope="module")
BLOCK_SECONDS = 120.0
OWNED = {"RINGLINE_DATABASE_STANDBY": "false", "RINGLINE_EVENT_REPLICAS": "1", "RINGLINE_DB_CONNECTIONS": "0"}
"""Here is one Postgres and one node of NATS, in place of what the page says that one brings."""
MANY = 1_000_000
"""Characters: the whole of a log."""
HASTE = {"RINGLINE_GATEWAY_DRAIN_S": "0.6"}
"""Nobody has a line while services are restarted."""
NOT_CLAIMED = {
    "RINGLINE_GATEWAY_OIDC_ISSUER": "",
    "RINGLINE_GATEWAY_OIDC_JWKS_URL": "",
    "RINGLINE_TLS_DIR": "",
}
"""There is neither a provider nor cert-manager."""


class Reader:
    """Who follows the page: a shell in a checkout, a Postgres, and the services, once there are secrets."""

    def __init__(self, folder: Path, postgres: Postgres) -> None:
        self.folder, self.postgres = folder, postgres
        self.secrets = folder / "secrets"
        self.secrets.mkdir()
        self.checkout = folder / "ringline"
        shutil.copytree(ROOT / "deploy", self.checkout / "deploy")
        self.old: dict[str, str] = {}
        self.nats: Nats | None = None
        self.all: Process | None = None
        self.ports = {name: free_port() for name in ("grpc", "http", "health", "bus", "monitor", "metrics")}
        bin_ = folder / "bin"
        bin_.mkdir()
        for name in ("kubectl", "docker", "kind"):
            script = f'#!/bin/sh\nexec "{sys.executable}" -m tests.deploy.stand_in {name} "$@"\n'
            (bin_ / name).write_text(script)
            (bin_ / name).chmod(0o755)
        paths = [str(bin_), str(Path(sys.executable).parent), str(postgres.programs), os.environ["PATH"]]
        self.env = {
            key: value for key, value in os.environ.items() if not key.startswith(("RINGLINE_", "PG"))
        } | {
            "PATH": os.pathsep.join(paths),
            "PYTHONPATH": str(ROOT),
            "HOME": str(folder),
            FOLDER: str(folder),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(postgres.port),
            "PGUSER": "postgres",
            "PGPASSWORD": postgres.password,
            "BUS_MONITOR": f"127.0.0.1:{self.ports['monitor']}",
            "RINGLINE_SECRETS_DIR": str(self.secrets),
            "RINGLINE_DATABASE_URL": f"postgresql://127.0.0.1:{postgres.port}/ringline",
            "RINGLINE_NATS_URL": f"nats://127.0.0.1:{self.ports['bus']}",
            "RINGLINE_LISTEN_PORT": str(self.ports["grpc"]),
            "RINGLINE_GATEWAY_PORT": str(self.ports["http"]),
            "RINGLINE_PROBE_PORT": str(self.ports["health"]),
            "RINGLINE_METRICS_PORT": str(self.ports["metrics"]),
            **{f"RINGLINE_ADDRESS_{name.upper()}": f"127.0.0.1:{self.ports['grpc']}" for name in services()},
            **OWNED,
            **HASTE,
            **NOT_CLAIMED,
        }

    @property
    def state(self) -> State:
        """What was applied."""
        return State(self.folder)

    async def shell(self, title: str, commands: str) -> str:
        """Runs commands where the page says; answers what they print."""
        name = re.sub(r"\W+", "-", title)
        # A pipe is as wrong as any of its commands.
        words = ["bash", "-euo", "pipefail", "-c", f"cd {self.checkout}\n{commands}"]
        shell = Process(title, words, self.env, self.folder / f"{name}.log").start()
        status = await shell.ended(BLOCK_SECONDS)
        assert status == 0, f"{title}: {shell.tail()}"
        return shell.tail()

    def key(self, name: str) -> str:
        """A secret, as pods have it."""
        write_secrets(self.state, self.secrets)
        return (self.secrets / name).read_text()

    def keys(self) -> set[str]:
        """The secrets that may be lists."""
        found = {key for one in self.state.find("Secret", "ringline") for key in one["data"]}
        return found - {"passwords.conf", "routes.conf", "postgres_password", "ringline_database_owner_url"}

    def built(self) -> set[str]:
        """The images that were built."""
        return set((self.folder / "images").read_text().split())

    def meet_database(self) -> None:
        """The owner's URL has the host of the page; the database of here is at another."""
        where = f"127.0.0.1:{self.postgres.port}"
        url = re.sub(r"@[^/]+/", f"@{where}/", self.key("ringline_database_owner_url"))
        self.env["RINGLINE_DATABASE_OWNER_URL"] = url

    async def is_let_in(self, user: str, password: str) -> bool:
        """Whether that password opens the database."""
        where = f"127.0.0.1:{self.postgres.port}/ringline"
        try:
            connection = await asyncpg.connect(f"postgresql://{user}:{password}@{where}")
        except asyncpg.InvalidPasswordError:
            return False
        await connection.close()
        return True

    async def serve(self) -> None:
        """Starts bus and services anew, with the secrets as they are now."""
        await self.stop()
        users = dict(re.findall(r'RINGLINE_NATS_PASSWORD_(\w+): "(\w+)"', self.key("passwords.conf")))
        self.nats = Nats(self.folder / "nats", PASSWORD, {user.lower(): one for user, one in users.items()})
        self.nats.start(self.ports["bus"])
        told = next(o["data"] for o in self.state.find("ConfigMap", "ringline") if "settings" in name_of(o))
        self.all = ringline(["all"], told | self.env, self.folder, "all").start()
        await Topology.until_serving(self.all, START_SECONDS)

    async def stop(self) -> None:
        """Stops them."""
        if self.all is not None:
            self.all.ask_to_stop()
            assert await self.all.ended() == 0, self.all.tail()
        if self.nats is not None:
            self.nats.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reader() -> AsyncIterator[Reader]:
    """A reader with a machine of his own."""
    with scratch("ringline-operations-") as folder, database_server(folder, durable=True) as postgres:
        who = Reader(folder, postgres)
        monitored = Process(
            "monitored",
            [
                str(Path(sys.executable).with_name("nats-server")),
                *(
                    "--addr",
                    "127.0.0.1",
                    "--port",
                    str(free_port()),
                    "--http_port",
                    str(who.ports["monitor"]),
                ),
                *("--jetstream", "--store_dir", str(folder / "monitored")),
            ],
            who.env,
            folder / "monitored.log",
        ).start()
        try:
            yield who
        finally:
            await who.stop()
            monitored.ask_to_stop()
            await monitored.ended()


async def trial_is_installed(reader: Reader, _: str) -> None:
    """What is run was built; the reader goes on to another cluster."""
    assert images_of(reader.state, "ringline") == reader.built()
    (reader.folder / "objects.json").unlink()


async def is_installed(reader: Reader, _: str) -> None:
    """The image of the overlay is in the registry; the database of here is not where the page says. What is
    appended to the overlay is in the objects.
    """
    assert images_of(reader.state, "ringline") <= reader.built()
    [relay] = reader.state.find("Deployment", "ringline-relay", "coturn")
    [coturn] = pod_of(relay)["containers"]
    told = {one["name"]: one.get("value", "") for one in coturn["env"]}
    assert all(re.fullmatch(r"[\d.]+/[\d.]+", pair) for pair in told["EXTERNAL_IPS"].split())
    assert "$EXTERNAL_IPS" in coturn["args"][0] and coturn["image"].startswith("registry.example.org/")
    for kind in ("ServiceMonitor", "PrometheusRule"):
        assert all("release" in one["metadata"]["labels"] for one in reader.state.find(kind, "ringline"))
    accounts = reader.state.find("ServiceAccount", None)
    assert accounts and all("imagePullSecrets" in one for one in accounts)
    reader.meet_database()


async def owner_is_let_in(reader: Reader, _: str) -> None:
    """With the password of the Secret."""
    assert await reader.is_let_in("ringline", reader.key("postgres_password"))


async def nothing_is_missing(_: Reader, printed: str) -> None:
    """It was all made by this release; what another one adds is in test_new_secrets.py."""
    assert printed == "nothing is missing\n"


async def schemas_are_there(reader: Reader, _: str) -> None:
    """Services start, two people call each other, and the operator's commands have somebody to speak of."""
    await reader.serve()
    async with httpx.AsyncClient(trust_env=False, timeout=10.0) as http:
        people = People([f"http://127.0.0.1:{reader.ports['http']}"], http)
        friends = await people.friends("eve", "flo")
        assert reader.all is not None
        before = reader.all.tail(MANY)
        call, ring = await talk(*friends)
        await call.hang_up()
        await ring.until(ended="hung_up", within=PATIENCE)
        # A machine that is busy may be warned of.
        assert '"level":"info"' in before
        assert '"level":"info"' not in reader.all.tail(MANY)[len(before) :], (
            "the page says that no call is logged"
        )
        await people.close()
    for name in ("ada", "bob"):
        await reader.shell(name, f"ringline user add {name} --password {secrets.token_hex(8)}")


async def both_are_accepted(reader: Reader, _: str) -> None:
    """Each secret is a list of the old one and a new one, and services start with it."""
    reader.old = {key: reader.key(key).split(",")[0] for key in reader.keys()}
    assert {key: len(reader.key(key).split(",")) for key in reader.old} == dict.fromkeys(reader.old, 2)
    await reader.serve()


async def new_ones_are_used(reader: Reader, _: str) -> None:
    """The new one is the first of the two, and the database knows it alone."""
    for key, old in reader.old.items():
        new, kept = reader.key(key).split(",")
        assert kept == old != new, key
        if key.startswith("ringline_db_password_"):
            role = "ringline_" + key.removeprefix("ringline_db_password_")
            assert await reader.is_let_in(role, new)
            assert not await reader.is_let_in(role, old)
    await reader.serve()


async def old_ones_are_forgotten(reader: Reader, _: str) -> None:
    """One value each, that of the relay is the same in both namespaces, and services start with them."""
    assert not [key for key, old in reader.old.items() if old in reader.key(key)]
    assert not [key for key in reader.old if "," in reader.key(key)]
    relays = [one["data"] for one in reader.state.find("Secret", None, "ringline-relay")]
    assert relays == [relays[0]] * 2
    await reader.serve()


async def owner_is_changed(reader: Reader, _: str) -> None:
    """As the page says: the block that tells the database once more."""
    [owner] = [one for one in page.blocks() if one.title == "owner"]
    before = reader.key("postgres_password")
    assert not await reader.is_let_in("ringline", before)
    await reader.shell("owner again", owner.commands)
    assert await reader.is_let_in("ringline", before)
    assert before in reader.key("ringline_database_owner_url")
    reader.meet_database()


async def disks_of_the_bus_are_told(_: Reader, printed: str) -> None:
    """What the page says to look at is there."""
    told = json.loads(printed[printed.index("{") :])
    assert "storage" in told and "max_storage" in told["config"]


async def relay_is_told(_: Reader, printed: str) -> None:
    """As the overlay of the page has it."""
    assert "turn:relay.example.org:3478" in printed


CHECKS: dict[str, Callable[[Reader, str], Awaitable[None]]] = {
    "trial: install": trial_is_installed,
    "install": is_installed,
    "owner": owner_is_let_in,
    "wait": schemas_are_there,
    "upgrade: secrets": nothing_is_missing,
    "rotate: add": both_are_accepted,
    "rotate: use": new_ones_are_used,
    "rotate: forget": old_ones_are_forgotten,
    "rotate: owner": owner_is_changed,
    "EventsWait": disks_of_the_bus_are_told,
    "relay is there": relay_is_told,
}
"""What is so after a block of the page."""
ONLY_TRIAL = "uninstall: trial"


async def test_every_command_of_the_page_does_what_the_page_says(reader: Reader) -> None:
    blocks = {one.title: one.commands for one in page.blocks()}
    assert len(blocks) == page.TEXT.count("```sh\n") and blocks.keys() >= CHECKS.keys()
    del blocks[ONLY_TRIAL]
    for title, commands in blocks.items():
        printed = await reader.shell(title, commands)
        if title in CHECKS:
            await CHECKS[title](reader, printed)
    assert not reader.state.things


def images_of(state: State, name: str) -> set[str]:
    """The images of that name that pods run."""
    return {
        container["image"]
        for kind in ("Deployment", "Job")
        for one in state.find(kind, "ringline")
        for container in pod_of(one)["containers"]
        if container["image"].rpartition(":")[0].rpartition("/")[2] == name
    }


@pytest.mark.parametrize(
    ("commands", "told"),
    [
        ("kubectl -n ringline rollout restart deployment/signalling", "there is no deployment signalling"),
        ("kubectl -n ringline logs --selector app.kubernetes.io/name=bus", "no pods"),
        ("kubectl -n ringline exec nats-3 -- true", "there is no pod nats-3"),
        ("kubectl -n ringlin get pods", "there is no namespace ringlin"),
        ("kubectl -n ringline rollout restart deployment/policy --al", "unknown flag"),
        ("kubectl -n ringline restart deployment/policy", "Error"),
        ('kubectl -n ringline patch hpa policy --patch \'{"spec": {"minReplicas": 9}}\'', "at most"),
        ("kubectl label node n ringline.internal/relays=true", "no pod looks"),
        ("docker push registry.example.org/ringline:9", "was not built"),
    ],
)
async def test_a_command_that_would_not_work_is_found(tmp_path: Path, commands: str, told: str) -> None:
    with scratch() as folder:
        reader = Reader(folder, Postgres(folder / "none", PASSWORD))
        State(folder).put(rendered("production").things)
        with pytest.raises(AssertionError, match=told):
            await reader.shell("wrong", commands)


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        (["add", "add"], "no add for .* 2 values, after add"),
        (["add", "forget"], "no forget for .* after add"),
        (["add", "use", "use"], "no use for .* after use"),
        (["use"], "no use for .* 1 values"),
        (["add ringline_gateway_key"], "there is no ringline_gateway_key"),
    ],
)
async def test_a_step_of_a_rotation_that_does_not_follow_is_refused(steps: list[str], told: str) -> None:
    folder = "deploy/k8s/components/secrets"
    read = "kubectl get secret --all-namespaces -o json"
    with scratch() as own:
        reader = Reader(own, Postgres(own / "none", PASSWORD))
        State(own).put(rendered("production").things)
        await reader.shell("make", f"python3 {folder}/new_secrets.py | kubectl create -f -")
        commands = [
            f"{read} | python3 {folder}/change_secrets.py {one} | kubectl replace -f -" for one in steps
        ]
        for done in commands[:-1]:
            await reader.shell("done", done)
        with pytest.raises(AssertionError, match=told):
            await reader.shell("refused", commands[-1])
