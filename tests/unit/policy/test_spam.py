"""The town of `python -m bench.spam`, smaller: the targets hold, and without a budget they do not."""

from typing import Any

import pytest

from bench.spam import WITHOUT, live, most
from bench.spam_town import Foes
from services.policy.ringing import MINUTE, Limits

FOES = Foes(spammers=12, accounts=60, victims=4)
"""As many of a few thousand people as there are of a hundred thousand in the town that is published."""


@pytest.fixture(scope="module")
def town() -> dict[str, Any]:
    """What became of it."""
    return live(size=6_000, days=1, seed=1, limits=Limits(), foes=FOES)


def test_a_spammer_reaches_twenty_strangers_a_day_at_most(town: dict[str, Any]) -> None:
    assert 10 < town["spammer_reaches_a_day"]["most"] <= 20
    assert 0 < town["account_reaches_a_day"]["most"] <= 20


def test_nobody_hears_more_than_six_rings_of_strangers_in_ten_minutes(town: dict[str, Any]) -> None:
    assert 3 < town["victim_rings_10_min"]["most"] <= 6
    assert 20 < town["victim_rings_a_day"]["most"] <= 60


def test_of_a_thousand_honest_calls_one_is_refused_at_most(town: dict[str, Any]) -> None:
    assert town["honest"]["attempts"] > 10_000
    assert 0 < town["honest"]["share"] <= 0.001


def test_the_same_seed_is_the_same_town() -> None:
    one, again, other = (live(300, 1, seed, Limits(), Foes(2, 10, 2)) for seed in (7, 7, 8))
    assert one == again != other


def test_without_a_budget_the_same_people_ring_whomever_they_can() -> None:
    found = live(size=300, days=1, seed=1, limits=WITHOUT, foes=Foes(spammers=2, accounts=10, victims=2))
    assert found["spammer_reaches_a_day"]["most"] > 100
    assert found["victim_rings_10_min"]["most"] > 20
    assert found["honest"]["refused"] == 0


def test_a_window_is_the_fullest_that_there_is() -> None:
    assert most([]) == 0
    assert most([0, 1, 2, 10 * MINUTE, 10 * MINUTE + 1, 10 * MINUTE + 3]) == 3
    assert most([0, 5, 5, 10 * MINUTE + 4]) == 3
