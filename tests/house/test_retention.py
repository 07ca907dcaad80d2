"""Rules for what is kept: docs/retention.md has every table, with how long it is kept and who deletes it."""

import re
from pathlib import Path

from ringline.log import KEEP_SECONDS
from services.policy.settings import Settings as PolicySettings
from tests.house.sources import read, services, written

PAGE = Path("docs/retention.md")
NEVER = "nobody"


def kept() -> dict[str, list[str]]:
    """What the page says of each table: what, how long, who."""
    rows = re.findall(r"^\| ([a-z]+\.[a-z_]+) \|(.*)\|$", read(PAGE), re.M)
    assert len(rows) == len(dict(rows)), "a table has one row"
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in rows}


def tables() -> set[str]:
    """Every table that a migration makes."""
    found = set()
    for service in services():
        for path in written(".py", ".sql", below=f"services/{service}/migrations/"):
            text = read(path)
            names = re.findall(r"CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?(\w+)", text)
            names += re.findall(r"create_table\(\s*\"(\w+)\"", text)
            names += ["outbox"] if "OUTBOX_DDL" in text else []
            found |= {f"{service}.{name}" for name in names}
    return found


def test_every_table_is_on_the_page_and_no_other() -> None:
    assert set(kept()) == tables()


def test_whoever_is_said_to_delete_has_a_statement_that_does() -> None:
    """A table of which it is said that nobody deletes from it has none, and the other way round."""
    for name, (_, _, who) in kept().items():
        service, _, table = name.partition(".")
        source = "\n".join(read(path) for path in written(".py", below=f"services/{service}/"))
        source += read(Path("ringline/outbox.py"))
        # The two tables of the ring budget share one statement.
        word = r"\{table\}" if table in ("ring_caller", "ring_callee") else rf"{table}\b"
        goes = re.search(rf"DELETE FROM {word}", source) is not None
        if table == "evidence":  # with its report
            made = "\n".join(read(path) for path in written(".py", below="services/policy/migrations/"))
            goes = re.search(r"CREATE TABLE evidence \([^)]*ON DELETE CASCADE", made) is not None
        assert (who == NEVER) == (not goes), f"{name}: {who}, but its service has a DELETE: {goes}"
        assert who in (NEVER, service), name


def test_the_days_on_the_page_are_those_of_the_settings() -> None:
    page, settings = read(PAGE), PolicySettings()
    for name in ("verdict_days", "report_days", "audit_days"):
        assert f"{getattr(settings, name)} days (`RINGLINE_POLICY_{name.upper()}`)" in page
    assert f"| {KEEP_SECONDS / 86_400:.0f} days | NATS |" in page
