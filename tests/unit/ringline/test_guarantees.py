"""What a database must promise."""

from typing import Any

import pytest

from ringline.config import NodeSettings
from ringline.guarantees import Promise, is_beyond, objection, worry

GOOD = Promise(fsync="on", synchronous_commit="on", standbys="", connections=100)


def settings(**given: Any) -> NodeSettings:
    """Of production, unless said otherwise."""
    return NodeSettings(**{"environment": "production", **given})


@pytest.mark.parametrize(
    "broken", [{"fsync": "off"}, {"synchronous_commit": "off"}, {"fsync": "off", "standbys": "one"}]
)
def test_production_does_not_start_where_a_crash_loses_what_was_acknowledged(broken: dict[str, Any]) -> None:
    assert not objection(GOOD, settings())
    assert "synchronous_commit = on" in objection(GOOD._replace(**broken), settings())
    assert not objection(GOOD._replace(**broken), settings(environment="test"))


@pytest.mark.parametrize("commit", ["local", "off", "remote_write"])
def test_where_a_standby_is_needed_each_commit_waits_for_it(commit: str) -> None:
    needs = settings(database_standby=True)
    assert "synchronous_standby_names" in objection(GOOD, needs)
    assert "synchronous_standby_names" in objection(GOOD._replace(standbys=" "), needs)
    with_standby = GOOD._replace(standbys="ANY 1 (a, b)")
    assert not objection(with_standby, needs)
    assert objection(with_standby._replace(synchronous_commit=commit), needs)


def test_a_standby_that_is_gone_is_a_worry_and_no_reason_not_to_start() -> None:
    needs, alone = settings(database_standby=True), GOOD._replace(standbys="ANY 1 (a)")
    assert not objection(alone, needs) and worry(alone, needs) == "no standby is connected"
    assert not worry(alone._replace(followers=1), needs)
    assert not worry(GOOD, settings())


def test_what_a_process_must_not_start_on_is_a_worry_while_it_runs() -> None:
    assert "synchronous_standby_names" in worry(GOOD._replace(followers=1), settings(database_standby=True))
    assert "fsync" in worry(GOOD._replace(fsync="off"), settings())


def test_more_connections_than_there_are_is_noticed() -> None:
    assert not is_beyond(GOOD, settings(db_connections=100))
    assert is_beyond(GOOD, settings(db_connections=101))
    assert is_beyond(GOOD, settings(db_pool=101))
