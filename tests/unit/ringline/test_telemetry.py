"""Nothing personal gets into a log."""

import json
import logging
import sys

import pytest

from ringline import ids, telemetry
from ringline.v1 import accounts_pb2, policy_pb2, types_pb2


def test_marked_fields_of_a_message_are_hidden_and_ids_are_shown() -> None:
    user = ids.mint_user()
    verdict = policy_pb2.Verdict(caller=types_pb2.Profile(user_id=user, username="ada", verified=True))
    shown = telemetry.redacted(verdict)
    assert shown["caller"] == {"user_id": user, "username": "…", "verified": True}
    assert "hunter2" not in str(telemetry.redacted(accounts_pb2.SignInRequest(password="hunter2")))


@pytest.mark.parametrize("value", ["ada", "hello there", {"username": "ada"}, ["ada"], {"ada": 1}, b"ada"])
def test_text_under_an_unknown_key_is_hidden(value: object) -> None:
    assert "ada" not in str(telemetry.redact(None, "", {"event": "said", "text": value}))
    assert "hello" not in str(telemetry.redact(None, "", {"event": "said", "text": value}))


def test_ids_lines_and_numbers_are_shown_under_any_key() -> None:
    device = ids.mint_device()
    line = ids.line_id(device, "tab-00000001")
    shown = telemetry.redact(
        None, "", {"event": "seen", "who": device, "line": line, "n": 3, "port": "127.0.0.1:80"}
    )
    assert shown == {"event": "seen", "who": device, "line": line, "n": 3, "port": "127.0.0.1:80"}


def test_a_fault_is_told_by_type_and_place_and_not_by_its_message(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure("info")
    try:
        raise ValueError("no such name: ada")
    except ValueError as error:
        bug = telemetry.report_bug("directory.Resolve", error)
    line = json.loads(capsys.readouterr().err)
    assert line["bug"] == bug
    assert line["fault"]["type"] == "builtins.ValueError"
    assert "ada" not in json.dumps(line)


def test_logs_of_libraries_are_redacted_too(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure("info")
    logging.getLogger("some.library").warning("user %s failed", "ada", exc_info=sys.exc_info())
    written = capsys.readouterr().err
    assert json.loads(written)["level"] == "warning"
    assert "ada" not in written
