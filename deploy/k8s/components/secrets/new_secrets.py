"""Makes every secret that the manifests name, from nothing but the machine's random numbers.

Prints them as Kubernetes objects: `python3 new_secrets.py | kubectl create -f -`, which refuses where one is
there already, so nothing is overwritten. With `--in-cluster` they are created by the API server, and those
that are there are left alone. It runs on Python alone, in the image and on anybody's machine.
"""

import argparse
import base64
import json
import os
import secrets
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

NAMESPACE = "ringline"
RELAY_NAMESPACE = "ringline-relay"
STORES = ("directory", "presence", "policy", "signaling", "conversations")
"""Services with a role in the database."""
BUS_USERS = ("presence", "policy", "signaling", "conversations", "gateway")
"""Services with a user on the bus."""
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CALL_SECONDS = 10.0


def password() -> str:
    """A new one of 192 bits: letters and digits, a letter first, as nats-server's configuration wants it."""
    return "p" + secrets.token_hex(24)


def seed() -> str:
    """A new seed of an Ed25519 key, as RINGLINE_DIRECTORY_ISSUER_KEY wants it."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def new_secrets(database: str, namespaces: tuple[str, ...] = (NAMESPACE, RELAY_NAMESPACE)) -> list[object]:
    """All of them, new. `database` is host:port/name of the database, for the owner's URL."""
    owner, relay = password(), password()
    bus = {user: password() for user in BUS_USERS}
    contents = {
        "ringline-database-owner": {
            "ringline_database_owner_url": f"postgresql://ringline:{owner}@{database}",
            "postgres_password": owner,
        },
        "ringline-database": {f"ringline_db_password_{store}": password() for store in STORES},
        # Once for who signs in, which may be a list, and once for nats-server.
        "ringline-bus": {
            **{f"ringline_nats_password_{user}": given for user, given in bus.items()},
            "passwords.conf": "".join(
                f'RINGLINE_NATS_PASSWORD_{user.upper()}: "{given}"\n' for user, given in bus.items()
            ),
        },
        "ringline-keys": {"ringline_directory_issuer_key": seed(), "ringline_gateway_ticket_key": password()},
        "ringline-relay": {"ringline_signaling_turn_secret": relay},
    }
    made = [_secret(NAMESPACE, name, values) for name, values in contents.items()]
    if RELAY_NAMESPACE in namespaces:
        made.append(_secret(RELAY_NAMESPACE, "ringline-relay", contents["ringline-relay"]))
    return made


def _secret(namespace: str, name: str, values: Mapping[str, str]) -> object:
    labels = {"app.kubernetes.io/part-of": "ringline"}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "Opaque",
        "stringData": dict(values),
    }


def create(api: str, token: str, made: list[object], trust: ssl.SSLContext | None = None) -> dict[str, str]:
    """Creates each in the namespace of this pod; answers what became of it, by name: "made" or "was there".

    Raises urllib.error.URLError where the API server refuses, or is not there.
    """
    fates = {}
    for one in made:
        name = one["metadata"]["name"]  # type: ignore[index]
        request = urllib.request.Request(
            f"{api}/api/v1/namespaces/{NAMESPACE}/secrets",
            data=json.dumps(one).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=CALL_SECONDS, context=trust):
                fates[name] = "made"
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 409:
                raise
            fates[name] = "was there"
    return fates


def main() -> int:
    """The command."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--in-cluster", action="store_true", help="create them by the API server of this pod")
    words.add_argument("--database", default="postgres:5432/ringline", help="host:port/name of the database")
    given = words.parse_args()
    if not given.in_cluster:
        print(
            json.dumps({"apiVersion": "v1", "kind": "List", "items": new_secrets(given.database)}, indent=1)
        )
        return 0
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    api = f"https://{f'[{host}]' if ':' in host else host}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    # Python 3.13 would refuse authorities without key identifiers, as those of MicroK8s and older EKS are.
    trust.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made = new_secrets(given.database, (NAMESPACE,))
    for name, fate in create(api, (ACCOUNT / "token").read_text().strip(), made, trust).items():
        print(f"{name}: {fate}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
