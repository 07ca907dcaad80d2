"""Rules for what we know about people: a username is enough, and a log knows ids only."""

import ast
import re
from pathlib import Path
from typing import TypeGuard

from ringline.telemetry import KNOWN_KEYS
from tests.house.sources import found, read, tree, written

SHAPES = (
    written(".proto", below="protos/")
    + written(".py", ".sql", below="services/")
    + written(".ts", ".tsx", below="web/")
)
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}


def test_no_phone_number_and_no_mail_address_has_a_field_anywhere() -> None:
    """In no message, no table, no REST shape, no type of the client."""
    word = r"(phone(_?number)?|e_?mail(_?address)?|msisdn)"
    assert not found(SHAPES, rf"\b(\w+_)?{word}\s*(:|=|\?:| text\b| varchar\b)", re.IGNORECASE)
    assert not found(written(".proto", below="protos/"), r"^\s*[\w.]+ \w*(phone|mail)\w* = \d", re.IGNORECASE)


def test_inputs_ask_for_no_phone_number_and_no_mail_address() -> None:
    assert not found(
        written(".tsx", ".html", below="web/"),
        r"type=.?[\"'](tel|email)[\"']|autocomplete=.(tel|email)",
        re.I,
    )


def test_logs_hold_ids_only() -> None:
    """No log call of ours says a username, a name, an address or a whole request."""
    telling = re.compile(
        r"username|display_name|password|token|ticket_key|secret|remote_ip|client_ip|\bsdp\b"
    )
    breaches = []
    for path in written(".py", below="ringline/") + written(".py", below="services/"):
        for node in ast.walk(tree(path)):
            if _is_log(node) and telling.search(_after_event(node)):
                breaches.append(f"{path}:{node.lineno}: {ast.unparse(node)[:100]}")
    assert not breaches


def test_log_messages_are_fixed_words() -> None:
    """What varies is under a key, where the redaction sees it."""
    varying = []
    for path in written(".py", below="ringline/") + written(".py", below="services/"):
        for node in ast.walk(tree(path)):
            if _is_log(node) and node.args:
                first = node.args[0]
                if isinstance(first, ast.JoinedStr | ast.BinOp) or len(node.args) > 1:
                    varying.append(f"{path}:{node.lineno}: {ast.unparse(node)[:100]}")
    assert not varying


def test_the_keys_of_a_log_are_not_about_people() -> None:
    assert not KNOWN_KEYS & {"username", "user", "name", "display_name", "ip", "address_of", "query", "text"}


def test_nothing_is_printed_by_a_service() -> None:
    """Only the commands that talk to a person at a terminal print."""
    terminals = {"services/__main__.py", "services/dev.py", "services/dev_web.py", "services/dev_people.py"}
    paths = written(".py", below="ringline/") + written(".py", below="services/")
    assert not found([path for path in paths if str(path) not in terminals], r"^\s*print\(")


def test_the_web_client_keeps_no_diary() -> None:
    sources = [
        path for path in written(".ts", ".tsx", below="web/") if not re.search(r"\.test\.tsx?$", path.name)
    ]
    assert not found(sources, r"\bconsole\.(log|debug|info|dir)\(")


def test_usernames_never_enter_a_subject() -> None:
    assert "username" not in read(Path("ringline/bus.py")).replace("A username never", "")


def _is_log(node: ast.AST) -> TypeGuard[ast.Call]:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS):
        return False
    return bool(re.search(r"\blog(ger)?\b|\b_log\b|telemetry", ast.unparse(node.func.value)))


def _after_event(node: ast.Call) -> str:
    """The keys and values of a log call, without its fixed words."""
    return " ".join(ast.unparse(keyword) for keyword in node.keywords) + " ".join(
        map(ast.unparse, node.args[1:])
    )
