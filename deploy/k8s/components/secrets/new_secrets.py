"""Makes every secret that the manifests name, from nothing but the machine's random numbers.

Prints them as Kubernetes objects: `python3 new_secrets.py | kubectl create -f -`, which refuses where one is
there already, so nothing is overwritten. With `--missing` it asks kubectl what is there, and creates and adds
what a later release wants besides; in a pod, `--in-cluster` does the same by the API server. No value that is
there is changed. It runs on Python alone, in the image and on anybody's machine.
"""

import argparse
import base64
import json
import os
import secrets
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAMESPACE = "ringline"
RELAY_NAMESPACE = "ringline-relay"
STORES = ("directory", "presence", "policy", "signaling", "conversations")
"""Services with a role in the database."""
BUS_USERS = ("presence", "policy", "signaling", "conversations", "gateway")
"""Services with a user on the bus."""
BUS_NODES = tuple(f"nats-{number}.nats:6222" for number in range(3))
"""Where nodes of the bus listen to one another."""
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CALL_SECONDS = 10.0
OWNER = "ringline-database-owner"
PART_OF = {"app.kubernetes.io/part-of": "ringline"}
Secret = dict[str, Any]
"""A Secret, as Kubernetes has it."""
Place = tuple[str, str]
"""Namespace and name of one."""


def password() -> str:
    """A new one of 192 bits: letters and digits, a letter first, as nats-server's configuration wants it."""
    return "p" + secrets.token_hex(24)


def seed() -> str:
    """A new seed of an Ed25519 key, as RINGLINE_DIRECTORY_ISSUER_KEY wants it."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def routes(given: str) -> str:
    """What a node of the bus wants of the others, and shows them, within nats-server's `cluster`."""
    nodes = ", ".join(f'"nats://routes:{given}@{node}"' for node in BUS_NODES)
    return f'authorization: {{ user: routes, password: "{given}" }}\nroutes: [{nodes}]\n'


def line_of_server(user: str, given: str) -> str:
    """What passwords.conf says of a user, of whose passwords nats-server takes one: the first."""
    return f'RINGLINE_NATS_PASSWORD_{user.upper()}: "{given.strip().split(",")[0]}"\n'


def new_secrets(database: str, namespaces: tuple[str, ...] = (NAMESPACE, RELAY_NAMESPACE)) -> list[Secret]:
    """All of them, new. `database` is host:port/name of the database, for the owner's URL."""
    owner, relay = password(), password()
    bus = {user: password() for user in BUS_USERS}
    contents = {
        OWNER: {
            "ringline_database_owner_url": f"postgresql://ringline:{owner}@{database}",
            "postgres_password": owner,
        },
        "ringline-database": {f"ringline_db_password_{store}": password() for store in STORES},
        # Once for who signs in, which may be a list, and once for nats-server.
        "ringline-bus": {
            **{f"ringline_nats_password_{user}": given for user, given in bus.items()},
            "passwords.conf": "".join(line_of_server(user, given) for user, given in bus.items()),
            "routes.conf": routes(password()),
        },
        "ringline-keys": {"ringline_directory_issuer_key": seed(), "ringline_gateway_ticket_key": password()},
        "ringline-relay": {"ringline_signaling_turn_secret": relay},
    }
    made = [_secret(NAMESPACE, name, values) for name, values in contents.items()]
    if RELAY_NAMESPACE in namespaces:
        made.append(_secret(RELAY_NAMESPACE, "ringline-relay", contents["ringline-relay"]))
    return made


def _secret(namespace: str, name: str, values: Mapping[str, str]) -> Secret:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(PART_OF)},
        "type": "Opaque",
        "stringData": dict(values),
    }


def place(secret: Secret) -> Place:
    """Where it is."""
    return secret["metadata"]["namespace"], secret["metadata"]["name"]


def missing(made: list[Secret], there: Mapping[Place, Secret]) -> list[Secret]:
    """Of the secrets that were `made`, whole ones or with some keys, what those that are `there` lack."""
    found = [_secret(*place(one), _lacking(one, there)) for one in made]
    return [one for one in found if one["stringData"]]


def _lacking(one: Secret, there: Mapping[Place, Secret]) -> dict[str, str]:
    name = place(one)[1]
    own = _values(there.get(place(one), {}))
    if name == OWNER and own:  # its two keys are one password; a URL of one's own may stand there alone
        return {}
    # What stands in two namespaces is the same in both.
    alike = {
        key: value for at, each in there.items() if at[1] == name for key, value in _values(each).items()
    }
    new = {key: alike.get(key, value) for key, value in one["stringData"].items() if key not in own}
    if "passwords.conf" in one["stringData"]:
        new.pop("passwords.conf", None)
        told = own.get("passwords.conf", "")
        more = "".join(
            line_of_server(user, (own | new)[f"ringline_nats_password_{user}"])
            for user in BUS_USERS
            if f"RINGLINE_NATS_PASSWORD_{user.upper()}:" not in told
        )
        if more:
            new["passwords.conf"] = f"{told.rstrip()}\n{more}".lstrip()
    return new


def _values(secret: Secret) -> dict[str, str]:
    return {key: base64.b64decode(text).decode() for key, text in secret.get("data", {}).items()}


class InCluster:
    """The API server, as a pod of the namespace asks it."""

    def __init__(self, api: str, token: str, trust: ssl.SSLContext | None = None) -> None:
        self._secrets = f"{api}/api/v1/namespaces/{NAMESPACE}/secrets"
        self._token = token
        self._trust = trust

    def there(self, made: list[Secret]) -> dict[Place, Secret]:
        """Those of the secrets that are there."""
        found = {}
        for one in made:
            try:
                found[place(one)] = self._ask("GET", f"/{place(one)[1]}")
            except urllib.error.HTTPError as error:
                error.close()
                if error.code != 404:
                    raise
        return found

    def create(self, new: Secret) -> None:
        """Creates one. Raises urllib.error.URLError where that is refused, as for one that is there."""
        self._ask("POST", "", new)

    def add(self, old: Secret, values: Mapping[str, str]) -> None:
        """Gives one these keys, unless it was changed since; raises as above."""
        version = {"resourceVersion": old["metadata"]["resourceVersion"]}
        self._ask("PATCH", f"/{place(old)[1]}", {"metadata": version, "stringData": dict(values)})

    def _ask(self, method: str, path: str, body: object = None) -> Secret:
        sort = "application/merge-patch+json" if method == "PATCH" else "application/json"
        request = urllib.request.Request(
            self._secrets + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": sort},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=CALL_SECONDS, context=self._trust) as answer:
            told: Secret = json.load(answer)
        return told


class Kubectl:
    """The same by kubectl, on the machine of an operator."""

    def there(self, made: list[Secret]) -> dict[Place, Secret]:
        """Those of the secrets that are there, of all with our label."""
        label = "=".join(*PART_OF.items())
        told = self._run(["get", "secret", "--all-namespaces", "--selector", label, "-o", "json"])
        wanted = {place(one) for one in made}
        return {place(one): one for one in json.loads(told)["items"] if place(one) in wanted}

    def create(self, new: Secret) -> None:
        """Creates one. Raises subprocess.CalledProcessError where that is refused."""
        self._write("create", new)

    def add(self, old: Secret, values: Mapping[str, str]) -> None:
        """Gives one these keys, unless it was changed since; raises as above."""
        coded = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        self._write("replace", old | {"data": old.get("data", {}) | coded})

    def _write(self, verb: str, secret: Secret) -> None:
        self._run([verb, "-f", "-"], json.dumps({"apiVersion": "v1", "kind": "List", "items": [secret]}))

    def _run(self, words: list[str], given: str = "") -> str:
        command = ["kubectl", *words]
        return subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=True).stdout


def complete(at: InCluster | Kubectl, made: list[Secret]) -> list[str]:
    """Creates and adds what is missing; answers a line for each Secret of which something was, without
    values.
    """
    there = at.there(made)
    lines = []
    for new in missing(made, there):
        old = there.get(place(new))
        if old is None:
            at.create(new)
        else:
            at.add(old, new["stringData"])
        added = "made" if old is None else "added " + ", ".join(new["stringData"])
        lines.append(f"{'/'.join(place(new))}: {added}")
    return lines


def in_cluster() -> InCluster:
    """By the account of this pod."""
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    api = f"https://{f'[{host}]' if ':' in host else host}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    # Python 3.13 would refuse authorities without key identifiers, as those of MicroK8s and older EKS are.
    trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return InCluster(api, (ACCOUNT / "token").read_text().strip(), trust)


def main() -> int:
    """The command."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--missing", action="store_true", help="create and add, by kubectl, what is not there")
    words.add_argument("--in-cluster", action="store_true", help="the same, by the API server of this pod")
    words.add_argument("--database", default="postgres:5432/ringline", help="host:port/name of the database")
    given = words.parse_args()
    if given.in_cluster:
        lines = complete(in_cluster(), new_secrets(given.database, (NAMESPACE,)))
    elif given.missing:
        lines = complete(Kubectl(), new_secrets(given.database))
    else:
        items = new_secrets(given.database)
        print(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=1))
        return 0
    print("\n".join(lines) or "nothing is missing")
    return 0


if __name__ == "__main__":
    sys.exit(main())
