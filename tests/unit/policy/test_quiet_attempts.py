"""Attempts in quiet hours: written together, once a pair, and not lost while the database is away."""

from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from ringline.db import Database
from ringline.refusal import Refusal
from ringline.v1 import reasons_pb2
from services.policy import quiet
from services.policy.quiet_attempts import MOST, QuietAttempts


class FakeDatabase:
    """Notes what it is told to write; away where told to be."""

    def __init__(self) -> None:
        self.is_away = False
        self.written: list[list[tuple[str, str]]] = []

    async def execute(self, sql: str, *values: Any) -> int:
        """As Database."""
        if self.is_away:
            raise Refusal(reasons_pb2.REASON_UNAVAILABLE)
        callees, callers, ages, _ = values
        assert all(age >= 0 for age in ages)
        self.written.append(list(zip(callees, callers, strict=True)))
        return len(callees)


def lost() -> float:
    """How many were lost so far."""
    return REGISTRY.get_sample_value("ringline_policy_quiet_attempts_lost_total") or 0.0


def attempts(db: FakeDatabase) -> QuietAttempts:
    """The attempts over this database."""
    return QuietAttempts(cast(Database, db))


async def test_what_comes_together_is_one_statement_and_one_row_a_pair() -> None:
    db = FakeDatabase()
    noted = attempts(db)
    for caller in ("ada", "eve", "ada"):
        noted.note("bob", caller, "")
    await noted.flush()
    await noted.flush()
    assert db.written == [[("bob", "eve"), ("bob", "ada")]]


async def test_what_could_not_be_written_is_written_later() -> None:
    db = FakeDatabase()
    noted = attempts(db)
    noted.note("bob", "ada", "")
    db.is_away = True
    with pytest.raises(Refusal):
        await noted.flush()
    noted.note("bob", "eve", "")
    db.is_away = False
    await noted.flush()
    assert db.written == [[("bob", "ada"), ("bob", "eve")]]


async def test_of_too_many_the_oldest_are_lost_and_counted() -> None:
    db = FakeDatabase()
    noted, before = attempts(db), lost()
    for number in range(MOST + 2):
        noted.note("bob", f"caller {number}", "")
    await noted.flush()
    assert len(db.written[0]) == MOST and ("bob", "caller 1") not in db.written[0]
    assert lost() - before == 2


def test_a_zone_that_is_known_no_more_counts_as_utc() -> None:
    span = quiet.Span(frozenset(range(1, 8)), 22 * 60, 7 * 60)
    lost, utc = (
        quiet.Quiet((span,), zone, favourites=False, repeated=False) for zone in ("Mars/Olympus", "UTC")
    )
    seen = {quiet.is_quiet(lost, hour * 3600) for hour in range(24)}
    assert seen == {True, False}
    assert all(quiet.is_quiet(lost, hour * 3600) is quiet.is_quiet(utc, hour * 3600) for hour in range(24))
