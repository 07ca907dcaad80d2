"""The seeded slice of `make campaign` that every run of `make test` does.

Real services, Postgres and NATS, two processes of each service. The seeds are fixed, so that what fails here
fails for everybody; `make campaign` goes on with other ones.
"""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.properties import races
from tests.properties.machine import run_round
from tests.properties.races import Kind
from tests.properties.town import SERVICES, Town

STEPS = 20_000
FOUND = Path(".ringline/found")
"""Where histories are left that break a property."""
SEED = 1


@pytest.mark.shows("S3", "S4", "S5", "S7", "S8", "S9", "S10", "S11", "S12", "S14", "L1", "L2", "L4")
def test_random_commands_break_no_property(installation: Town, runner: asyncio.Runner) -> None:
    """Commands, duplicates, other orders, lost wake-ups, blocks, revocations, restarts."""
    steps, restarts, answered, number = 0, 0, 0, 0
    rang_out, gave_up, waited, busy = 0, 0, 0, 0
    verbs: Counter[str] = Counter()
    while steps < STEPS:
        number += 1
        done = run_round(installation, runner, number, FOUND)
        assert not done.found, f"seed {number}: {done.found[:3]}\n{done.story}"
        steps, restarts = steps + done.steps, restarts + done.restarts
        answered += done.answered
        rang_out, gave_up = rang_out + done.rang_out, gave_up + done.gave_up
        waited, busy = waited + done.waited, busy + done.busy
        verbs.update(done.commands)
    assert restarts >= len(SERVICES) and answered >= STEPS / 100 and min(verbs.values()) >= STEPS / 1_000, (
        verbs
    )
    assert min(rang_out, gave_up) >= STEPS / 2_000, f"deadlines ended {rang_out} and {gave_up} calls"
    assert min(waited, busy * 4) >= STEPS / 1_000, f"{waited} calls waited, for {busy} there was no room"


@pytest.mark.shows("S3", "S11", "S12", "L4")
def test_of_sixteen_devices_that_answer_together_one_wins(installation: Town, runner: asyncio.Runner) -> None:
    expect_nothing(runner, installation, races.SAME_MILLISECOND, 1_000)


@pytest.mark.shows("S7", "S10")
def test_two_who_dial_each_other_always_have_one_call(installation: Town, runner: asyncio.Runner) -> None:
    expect_nothing(runner, installation, races.GLARE, 1_000)


@pytest.mark.shows("S5", "S6")
def test_nothing_rings_after_a_block_that_was_acknowledged(
    installation: Town, runner: asyncio.Runner
) -> None:
    outcome = expect_nothing(runner, installation, races.BLOCK_AND_PLACE, 1_000)
    for way in ("placed after the block", "ended by the block"):
        assert outcome.figures[way] >= 50, "the two must come in both orders"


def expect_nothing(runner: asyncio.Runner, installation: Town, kind: Kind, rounds: int) -> races.Outcome:
    """Runs a race; nothing may be found. No process restarts here, and the bus loses next to nothing on
    loopback: of a hundred views not one may need a comparison.
    """
    outcome = runner.run(races.run(installation, kind, rounds, SEED))
    assert not outcome.found, outcome.found[:5]
    assert outcome.rounds == rounds
    assert rounds < outcome.figures["views"] > 100 * outcome.figures["views that needed a comparison"]
    return outcome
