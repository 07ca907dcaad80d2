"""The smaller configurations of the model, and the mutants found in them; `make model` does the rest."""

from collections import deque

import pytest

from tests.model.configurations import HANG_UP, PLACING_CRASH, SMALL
from tests.model.explorer import Exploration, Possible, explore
from tests.model.mutants import MUTANTS, Mutant
from tests.model.quiet import tidied
from tests.model.stage import Stage
from tests.model.world import Configuration, World

QUICK = [mutant for mutant in MUTANTS if mutant.configuration in SMALL]


@pytest.mark.parametrize("configuration", SMALL, ids=lambda one: one.name)
def test_no_interleaving_breaks_a_property(configuration: Configuration) -> None:
    explored = explore(configuration)
    assert explored.violation is None, str(explored.violation)
    assert explored.states == SMALL[configuration], "a change of the call that changes this must be meant"


@pytest.mark.parametrize("mutant", QUICK, ids=lambda one: one.name)
def test_a_property_finds_the_mutant(mutant: Mutant) -> None:
    with mutant.alive():
        explored = explore(mutant.configuration)
    assert explored.violation is not None, "it survives"
    assert explored.violation.property == mutant.property, str(explored.violation)


@pytest.mark.parametrize("configuration", [HANG_UP, PLACING_CRASH], ids=lambda one: one.name)
def test_the_largest_worlds_stand_for_every_world(configuration: Configuration) -> None:
    stage = Stage(configuration)
    exploration = Exploration(stage)
    exploration.run(1_000_000)
    assert set(exploration.tops) == _all_firm(stage)
    stage.close()


def _all_firm(stage: Stage) -> set[World]:
    """What is so in any world, each explored by itself, and each loss a move of its own."""
    possible = Possible(stage.configuration)
    seen = {tidied(stage, stage.first())[0]}
    waiting = deque(seen)
    while waiting:
        world = waiting.popleft()
        after = [move.world for move in stage.moves(world)]
        after += [world._replace(flight=world.flight - {one}) for one in world.flight]
        after += [world._replace(lates=world.lates - {one}) for one in world.lates]
        for one in after:
            bare, _ = tidied(stage, one)
            if bare not in seen:
                seen.add(bare)
                waiting.append(bare)
    return {possible.split(world)[0] for world in seen}
