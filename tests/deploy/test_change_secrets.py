"""change_secrets.py where not all is as it should be; that it does what it says, test_operations.py shows."""

import base64
import copy
import json
import subprocess
import sys
from typing import Any

import pytest

from tests.deploy.newly import SCRIPT, made_secrets

Secrets = list[dict[str, Any]]
RELAY = "ringline_signaling_turn_secret"
OWNER = "ringline_database_owner_url"


def there() -> Secrets:
    """New secrets, as a cluster tells them."""
    secrets = copy.deepcopy(made_secrets())
    for one in secrets:
        one["data"] = {key: encoded(text) for key, text in one.pop("stringData").items()}
    return secrets


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def values(secrets: Secrets, key: str) -> list[str]:
    """What each Secret has that has this key."""
    return [base64.b64decode(one["data"][key]).decode() for one in secrets if key in one["data"]]


def change(secrets: Secrets, step: str) -> tuple[Secrets, str]:
    """What the script prints: Secrets that are different now, and its complaint."""
    program = [sys.executable, str(SCRIPT.with_name("change_secrets.py")), step]
    given = json.dumps({"kind": "List", "items": secrets})
    ran = subprocess.run(program, input=given, capture_output=True, text=True, check=False, timeout=60)
    return (json.loads(ran.stdout)["items"] if ran.returncode == 0 else []), ran.stderr


def taken(secrets: Secrets, changed: Secrets) -> Secrets:
    """The Secrets after these were replaced."""
    new = {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in changed}
    return [new.get((one["metadata"]["namespace"], one["metadata"]["name"]), one) for one in secrets]


@pytest.mark.parametrize("cut_off", ["add", "use", "forget"])
def test_a_step_that_was_cut_off_is_done_once_more_and_comes_to_the_rest(cut_off: str) -> None:
    """Half of the Secrets were replaced, and of the relay's two only one."""
    secrets = there()
    for step in ("add", "use", "forget"):
        changed, _ = change(secrets, step)
        if step == cut_off:
            secrets = taken(secrets, changed[-1:])
            assert len(set(values(secrets, RELAY))) == 2
            changed, told = change(secrets, step)
            assert changed, told
        secrets = taken(secrets, changed)
        assert len(set(values(secrets, RELAY))) == 1
        again, told = change(secrets, step)
        assert not again and f"no {step} for" in told
    assert "," not in values(secrets, RELAY)[0]


def test_a_list_with_spaces_and_ends_of_lines_is_read_as_processes_read_it() -> None:
    secrets = there()
    for one in secrets:
        if RELAY in one["data"]:
            one["data"][RELAY] = encoded(" old ,\r\n new\r\n")
    changed, told = change([one for one in secrets if RELAY in one["data"]], "use")
    assert set(values(changed, RELAY)) == {"new,old"}, told


def test_what_would_be_changed_by_half_is_refused() -> None:
    secrets = there()
    next(one for one in secrets if RELAY in one["data"])["data"][RELAY] = encoded("another")
    assert "not the same in all Secrets" in change(secrets, "add")[1]
    for password in (None, encoded("another")):
        [owner] = [copy.deepcopy(one) for one in secrets if OWNER in one["data"]]
        owner["data"].pop("postgres_password")
        owner["data"] |= {"postgres_password": password} if password else {}
        changed, told = change([owner], "owner")
        assert not changed and "is not the one in" in told
