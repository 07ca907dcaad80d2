"""The smaller configurations of the model, and the mutants found in them; `make model` does the rest."""

import pytest

from tests.model.configurations import SMALL
from tests.model.explorer import explore
from tests.model.mutants import MUTANTS, Mutant
from tests.model.world import Configuration

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
