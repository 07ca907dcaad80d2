"""Two honest people call each other while everything comes in that a hostile client can send."""

import asyncio

import pytest

from tests.hostile import attacks
from tests.hostile.attacks import Attack
from tests.hostile.storm import Storm

SEED = 1


@pytest.mark.parametrize(
    ("attack", "cases"),
    [
        (attacks.on_a_line, 2_000),
        (attacks.as_strangers, 150),
        (attacks.badly_framed, 150),
        (attacks.bad_requests, 300),
    ],
)
def test_nobody_else_notices(runner: asyncio.Runner, under_attack: Storm, attack: Attack, cases: int) -> None:
    done = runner.run(under_attack.unit(SEED, cases, [(attack, 300, 1)]))
    assert not done.found, "\n".join(done.found)
    assert done.cases.total() >= cases
