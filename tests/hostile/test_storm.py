"""Two honest people call each other while everything comes in that a hostile client can send."""

import asyncio

import pytest

from tests.hostile import attacks, excess, rest, sessions
from tests.hostile.attacks import Attack, Outcome
from tests.hostile.storm import Storm
from tests.hostile.units import Script, rest_of, scripted, together

SEED = 1


def is_fine(done: Outcome, cases: int) -> None:
    assert not done.found, "\n".join(done.found[:20])
    assert done.cases.total() >= cases * 0.8, f"{done.cases}, {done.repeated}"


@pytest.mark.parametrize(
    ("attack", "cases", "at_a_time"),
    [
        (attacks.on_a_line, 8_000, 400),
        (attacks.as_strangers, 400, 100),
        (attacks.badly_framed, 400, 100),
        (attacks.bad_requests, 600, 150),
        (excess.floods, 2, 1),
        (excess.slowness, len(excess.SLOW), len(excess.SLOW)),
    ],
)
def test_nobody_else_notices(
    runner: asyncio.Runner, under_attack: Storm, attack: Attack, cases: int, at_a_time: int
) -> None:
    is_fine(runner.run(under_attack.unit(SEED, cases, [(attack, at_a_time, 1)])), cases)


def test_sessions_out_of_order_forged_or_replayed_end_in_refusals(
    runner: asyncio.Runner, under_attack: Storm
) -> None:
    done = scripted(runner, under_attack, SEED, 12)
    is_fine(done, 100)
    assert done.cases["session_end_foreign_call"] and done.cases["session_same_key"], done.cases


def test_the_same_script_on_several_connections_is_no_fault(
    runner: asyncio.Runner, under_attack: Storm
) -> None:
    scripts: list[Script] = [(0, [sessions.good_hello])] * 8
    done = runner.run(together(scripts, lambda *script: sessions.play(under_attack.siege, *script)))
    is_fine(done, 8)


def test_rest_answers_as_its_document_says(runner: asyncio.Runner, under_attack: Storm) -> None:
    api = runner.run(rest.opened(under_attack.siege))
    is_fine(rest_of(runner, under_attack, api, SEED, 400), 200)
