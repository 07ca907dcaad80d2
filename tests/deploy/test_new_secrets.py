"""The secrets that new_secrets.py makes: at the first start, and what a later release wants besides."""

import base64
import json
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.deploy.cluster.api import Api
from tests.deploy.cluster.cluster import Cluster
from tests.deploy.cluster.door import door
from tests.deploy.cluster.objects import Objects, applied
from tests.deploy.manifests import NAMESPACE, Thing, name_of, namespace_of, rendered
from tests.deploy.newly import SCRIPT, made_secrets, script
from tests.deploy.reader import Reader
from tests.servers import scratch

KEYS = ("ringline-keys", "ringline_gateway_ticket_key")
USER = ("ringline-bus", "ringline_nats_password_policy")
LINE = re.compile(r'^RINGLINE_NATS_PASSWORD_(\w+): "(\w+)"$', re.M)


@contextmanager
def api_server(folder: Path, objects: Objects) -> Iterator[Any]:
    """The API server of a cluster, as the Job asks it."""
    listener = socket.create_server(("127.0.0.1", 0))
    host, port = listener.getsockname()
    with Api(listener, host, objects, folder) as server:
        trust = ssl.create_default_context(cadata=server.trust.decode())
        trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
        token = server.token(NAMESPACE, "new-secrets")
        yield script().InCluster(f"https://{host}:{port}", token, trust)


def fresh() -> list[Thing]:
    """New secrets of a trial."""
    made: list[Thing] = script().new_secrets("postgres:5432/ringline", (NAMESPACE,))
    return made


def trial() -> Objects:
    """The objects of a trial, with the one Role, and no secret yet."""
    return Objects(list(rendered("trial").things))


def values(objects: Objects) -> dict[tuple[str, str], str]:
    """All secrets, by Secret and key."""
    return {
        (name_of(one), key): base64.b64decode(text).decode()
        for one in objects.kind("Secret")
        for key, text in one["data"].items()
    }


def as_kept(made: list[Thing]) -> dict[tuple[str, str], Thing]:
    """Secrets as the API server has them, by namespace and name."""
    return {
        (namespace_of(one), name_of(one)): one
        | {"data": {key: base64.b64encode(text.encode()).decode() for key, text in one["stringData"].items()}}
        for one in made
    }


def test_secrets_are_made_once_and_never_changed(tmp_path: Path) -> None:
    objects = trial()
    with api_server(tmp_path, objects) as api:
        lines = script().complete(api, fresh())
        first = values(objects)
        assert lines == [f"ringline/{name_of(one)}: made" for one in objects.kind("Secret")]
        assert script().complete(api, fresh()) == [] and values(objects) == first
    assert first.keys() == {(name_of(one), key) for one in fresh() for key in one["stringData"]}


def test_what_a_later_release_wants_is_added_and_nothing_else_is_changed(tmp_path: Path) -> None:
    """A new key, a new user of the bus, and a whole Secret."""
    objects = trial()
    with api_server(tmp_path, objects) as api:
        script().complete(api, fresh())
        first = values(objects)
        for secret, key in (KEYS, USER):
            objects.get("Secret", NAMESPACE, secret)["data"].pop(key)
        bus = objects.get("Secret", NAMESPACE, "ringline-bus")
        before = "".join(f'RINGLINE_NATS_PASSWORD_{u}: "{g}"\n' for u, g in told(first) if u != "POLICY")
        bus["data"]["passwords.conf"] = base64.b64encode(before.encode()).decode()
        objects.things.remove(objects.get("Secret", NAMESPACE, "ringline-relay"))
        lines = script().complete(api, fresh())
    assert lines == [
        "ringline/ringline-bus: added ringline_nats_password_policy, passwords.conf",
        "ringline/ringline-keys: added ringline_gateway_ticket_key",
        "ringline/ringline-relay: made",
    ]
    now = values(objects)
    assert now.keys() == first.keys()
    new = {at for at in now if now[at] != first[at]}
    conf = ("ringline-bus", "passwords.conf")
    assert new == {KEYS, USER, conf, ("ringline-relay", "ringline_signaling_turn_secret")}
    assert now[conf] == before + f'RINGLINE_NATS_PASSWORD_POLICY: "{now[USER]}"\n'


def told(found: dict[tuple[str, str], str]) -> list[tuple[str, str]]:
    """The users that nats-server is told of, and their passwords."""
    return LINE.findall(found["ringline-bus", "passwords.conf"])


def test_a_secret_that_was_changed_meanwhile_is_left_as_it_is(tmp_path: Path) -> None:
    objects = trial()
    with api_server(tmp_path, objects) as api:
        script().complete(api, fresh())
        (old,) = api.there([one for one in fresh() if name_of(one) == "ringline-keys"]).values()
        api.add(old, {"another": "by somebody else"})
        kept = values(objects)
        with pytest.raises(HTTPError, match="409"):
            api.add(old, {"ringline_gateway_ticket_key": "x"})
        with pytest.raises(HTTPError, match="409"):
            api.create(fresh()[0])
    assert values(objects) == kept


def test_the_job_may_neither_look_at_nor_change_what_is_not_its_own(tmp_path: Path) -> None:
    objects = trial()
    other = {"kind": "Secret", "metadata": {"name": "other", "namespace": NAMESPACE, "resourceVersion": "1"}}
    objects.add(other)
    with api_server(tmp_path, objects) as api:
        with pytest.raises(HTTPError, match="403"):
            api.there([other])
        with pytest.raises(HTTPError, match="403"):
            api.add(other, {"key": "value"})


def test_what_stands_in_two_namespaces_is_added_as_it_is_in_the_other() -> None:
    there = as_kept(made_secrets())
    secret = base64.b64encode(b"new,old").decode()
    there["ringline", "ringline-relay"]["data"]["ringline_signaling_turn_secret"] = secret
    del there["ringline-relay", "ringline-relay"]
    (relay,) = script().missing(script().new_secrets("db:5432/x"), there)
    assert (namespace_of(relay), name_of(relay)) == ("ringline-relay", "ringline-relay")
    assert relay["stringData"] == {"ringline_signaling_turn_secret": "new,old"}


def test_an_owner_of_the_database_who_signs_in_otherwise_gets_no_password() -> None:
    there = as_kept(made_secrets())
    del there["ringline", "ringline-database-owner"]["data"]["postgres_password"]
    assert script().missing(script().new_secrets("db:5432/x"), there) == []


def test_a_new_user_of_the_bus_has_the_password_that_its_server_knows() -> None:
    """Also where passwords are being changed, and the file does not end in a line."""
    there = as_kept(made_secrets())
    bus = there["ringline", "ringline-bus"]["data"]
    bus["ringline_nats_password_gateway"] = base64.b64encode(b"pnew,pold").decode()
    bus["passwords.conf"] = base64.b64encode(b'RINGLINE_NATS_PASSWORD_POLICY: "p1"').decode()
    (added,) = script().missing(script().new_secrets("db:5432/x"), there)
    users = LINE.findall(added["stringData"].pop("passwords.conf"))
    assert ("POLICY", "p1") in users and ("GATEWAY", "pnew") in users and not added["stringData"]
    assert {user.lower() for user, _ in users} == set(script().BUS_USERS) and len(users) == len(dict(users))


async def test_an_operator_adds_what_is_missing_by_kubectl() -> None:
    """The command of the page; what is there stays, and a second time there is nothing to do."""
    command = "python3 deploy/k8s/components/secrets/new_secrets.py"
    with scratch() as folder:
        cluster = Cluster(folder, {})
        cluster.apply(applied("deploy/k8s/overlays/production"))
        reader = Reader(folder, None, folder)
        async with door(cluster, folder, Path(sys.executable).with_name("kubectl")) as unknown:
            await reader.shell("make", f"{command} --database db:5432/x | kubectl create -f -")
            assert await reader.shell("nothing", f"{command} --missing") == "nothing is missing\n"
            first = values(cluster.objects)
            keys = cluster.objects.get("Secret", NAMESPACE, KEYS[0])
            keys["data"] = {key: value for key, value in keys["data"].items() if key != KEYS[1]}
            await cluster.remove(cluster.objects.get("Secret", "ringline-relay", "ringline-relay"))
            printed = await reader.shell("missing", f"{command} --missing")
            now = values(cluster.objects)
        assert not unknown
    assert {at for at in now if now[at] != first[at]} == {KEYS} and now.keys() == first.keys()
    assert printed == (f"ringline/ringline-keys: added {KEYS[1]}\nringline-relay/ringline-relay: made\n")


def test_secrets_are_different_each_time_and_fit_together() -> None:
    first, second = ({one["metadata"]["name"]: one["stringData"] for one in _printed()} for _ in range(2))
    for name in first:
        assert not set(first[name].values()) & set(second[name].values())
    owner = first["ringline-database-owner"]
    assert f":{owner['postgres_password']}@db:5432/x" in owner["ringline_database_owner_url"]
    bus = first["ringline-bus"]
    assert len(set(re.findall(r"(?:routes:|password: \")(p\w{48})", bus.pop("routes.conf")))) == 1
    of_server = dict(re.findall(r'^(\w+): "(\w+)"$', bus.pop("passwords.conf"), re.M))
    assert {name.upper(): given for name, given in bus.items()} == of_server


def _printed() -> list[dict[str, dict[str, str]]]:
    command = [sys.executable, "-B", "-I", str(SCRIPT), "--database", "db:5432/x"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    items: list[dict[str, dict[str, str]]] = json.loads(said)["items"]
    return items
