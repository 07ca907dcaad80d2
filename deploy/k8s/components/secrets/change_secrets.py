"""Changes secrets in three steps, under calls: reads Secrets as `kubectl get secret -o json` prints them, and
prints those that are different now, for `kubectl replace -f -`. docs/operations.md says what comes between.

`add` puts a new value behind the old one, where both are accepted; `use` puts it in front; `forget` drops the
old one. Without keys it is all that may be a list. `owner` gives the owner of the database a new password, of
which there is one at a time. It runs on Python alone; a step that does not follow the one before is refused.
A step that came to some of them only is done once more, and comes to the others.
"""

import argparse
import base64
import json
import re
import sys
from typing import Any

from new_secrets import line_of_server, password, seed

STEPS = ("add", "use", "forget", "owner")
LISTS = re.compile(
    r"ringline_(?:db_password_\w+|nats_password_\w+|directory_issuer_key"
    r"|gateway_ticket_key|signaling_turn_secret)"
)
BUS = re.compile(r"ringline_nats_password_(\w+)")
USED = "ringline.internal/used"
"""An annotation: which keys are past `use`."""
Secret = dict[str, Any]


class Unfit(Exception):
    """The step does not follow on what is there."""


def changed(secrets: list[Secret], step: str, chosen: list[str]) -> list[Secret]:
    """The Secrets that are different after the step. Raises Unfit."""
    known = {key for one in secrets for key in one.get("data", {}) if LISTS.fullmatch(key)}
    if unknown := set(chosen) - known:
        raise Unfit(f"there is no {', '.join(sorted(unknown))}")
    keys = set(chosen) or known
    new = {key: seed() if key.endswith("issuer_key") else password() for key in sorted(keys)}
    before = json.dumps(secrets)
    if step == "owner":
        for secret in secrets:
            _change_owner(secret)
    else:
        places = [(secret, key) for secret in secrets for key in sorted(keys & set(secret.get("data", {})))]
        # Where a step was cut off: a key of two Secrets is the same in both.
        new |= {key: listed(one, key)[1] for one, key in places if after(one, key) == "add"}
        if not sum([_step(secret, key, step, new[key]) for secret, key in places]) and places:
            raise _unfit(*places[0], step)
        for secret, key in places:
            if any(key == other and listed(secret, key) != listed(one, key) for one, other in places):
                raise Unfit(f"{key} is not the same in all Secrets that have it")
        for secret in secrets:
            _tell_bus(secret)
    return [one for one, old in zip(secrets, json.loads(before), strict=True) if one != old]


def _step(secret: Secret, key: str, step: str, new: str) -> bool:
    """Whether anything was left to do."""
    values = listed(secret, key)
    if after(secret, key) == step:
        return False
    if after(secret, key) != {"add": "forget", "use": "add", "forget": "use"}[step]:
        raise _unfit(secret, key, step)
    annotations = secret["metadata"].setdefault("annotations", {})
    used = set(filter(None, annotations.pop(USED, "").split(",")))
    if step == "add":
        values.append(new)
    elif step == "use":
        values.reverse()
        used.add(key)
    else:
        values.pop()
        used.remove(key)
    if used:
        annotations[USED] = ",".join(sorted(used))
    write(secret, key, ",".join(values))
    return True


def after(secret: Secret, key: str) -> str:
    """After which step a key is; "" where it is not as any of them leaves it."""
    used = secret["metadata"].get("annotations", {}).get(USED, "").split(",")
    states = {(1, False): "forget", (2, False): "add", (2, True): "use"}
    return states.get((len(listed(secret, key)), key in used), "")


def _unfit(secret: Secret, key: str, step: str) -> Unfit:
    count = len(listed(secret, key))
    last = f", after {after(secret, key)}" * (count == 2)
    return Unfit(f"no {step} for {key}: it has {count} values{last}")


def _tell_bus(secret: Secret) -> None:
    """The server of the bus has them in a file of its own."""
    if "passwords.conf" in secret.get("data", {}):
        users = [(match[1], key) for key in secret["data"] if (match := BUS.fullmatch(key))]
        lines = [line_of_server(user, read(secret, key)) for user, key in users]
        write(secret, "passwords.conf", "".join(lines))


def _change_owner(secret: Secret) -> None:
    if "ringline_database_owner_url" in secret.get("data", {}):
        url, new = read(secret, "ringline_database_owner_url"), password()
        old = read(secret, "postgres_password") if "postgres_password" in secret["data"] else ""
        if f":{old}@" not in url:
            raise Unfit("postgres_password is not the one in ringline_database_owner_url")
        write(secret, "ringline_database_owner_url", url.replace(f":{old}@", f":{new}@"))
        write(secret, "postgres_password", new)


def read(secret: Secret, key: str) -> str:
    """The value of a key."""
    return base64.b64decode(secret["data"][key]).decode().removesuffix("\n")


def listed(secret: Secret, key: str) -> list[str]:
    """The values of a key that may be a list, as processes read it."""
    return [one.strip() for one in read(secret, key).split(",") if one.strip()]


def write(secret: Secret, key: str, value: str) -> None:
    """Gives a key a value."""
    secret["data"][key] = base64.b64encode(value.encode()).decode()


def main() -> int:
    """The command."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("step", choices=STEPS)
    words.add_argument("key", nargs="*", help="such as ringline_gateway_ticket_key")
    given = words.parse_args()
    found = json.load(sys.stdin)
    try:
        items = changed(found["items"] if found["kind"] == "List" else [found], given.step, given.key)
    except Unfit as problem:
        print(problem, file=sys.stderr)
        return 1
    print(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
