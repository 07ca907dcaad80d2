"""How long honest people wait while others attack: the windows, the pace, the sums and the table."""

import asyncio
import json
import os
import sys
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from bench import attackers
from bench.accounting import stand_back
from bench.aside import Aside, answer, orders
from bench.attacked import ATTACKERS, OTHERS, WITNESSES, Windows, compared, plan
from tests.hostile import attacks, excess
from tests.hostile.storm import planned
from tools.gaps import page


def test_each_pace_has_a_calm_window_before_it_in_every_round() -> None:
    assert plan(["calm", "slow", "fast"], 2) == ["calm", "slow", "calm", "fast"] * 2


def test_pieces_are_due_so_that_there_are_so_many_cases_a_second() -> None:
    pieces = list(islice(planned(Random(1), sys.maxsize, attackers.MIX), 200))
    due = list(attackers.paced(pieces, 50.0))
    assert [piece for _, piece in due] == pieces
    assert due[0][0] == 0.0
    assert all(at == sum(size for *_, size in pieces[:number]) / 50.0 for number, (at, _) in enumerate(due))


def test_as_fast_as_it_goes_is_due_at_once() -> None:
    assert [at for at, _ in attackers.paced([(attacks.on_a_line, 1, 25)] * 3, 0.0)] == [0.0] * 3


def test_the_kinds_are_those_of_the_storm_or_the_ones_that_are_named() -> None:
    assert len(attackers.mix_of([])) == len(attackers.MIX)
    assert [one[0] for one in attackers.mix_of(["floods"])] == [excess.floods]


def heard(*rings_s: float, failures: tuple[str, ...] = ()) -> dict[str, object]:
    return {"rings_s": rings_s, "answers_s": [0.002], "late_s": [0.0], "failures": failures}


def test_windows_are_summed_up_with_what_failed_and_what_the_servers_and_the_attackers_used() -> None:
    seen = Windows("attack")
    used = {"all": 1.0, "gateway": 2.0, "postgres": 0.5, WITNESSES: 9.0, ATTACKERS: 4.0, OTHERS: 3.0}
    seen.add(8.0, used, heard(0.01, 0.02), {"cases": 400, "found": [], "not_let_in": 1})
    seen.add(2.0, used, heard(0.03, failures=("TimeoutError: ",)), {"cases": 100, "found": ["hangs"]})
    row = seen.row()
    assert (row["cases"], row["cases_per_s"], row["not_let_in"]) == (500, 50.0, 1)
    assert (row["calls"], row["failed"], seen.found) == (4, 1, ["hangs"])
    assert row["ring_ms"] == {"p50": 20.0, "p95": 29.0, "p99": 29.8, "most": 30.0}
    assert (row["servers_cores"], row["attackers_cores"], row["others_cores"]) == (0.7, 0.8, 0.6)


def test_rings_are_held_against_those_of_the_first_row() -> None:
    calm, attacked = Windows("calm"), Windows("attack")
    calm.add(1.0, {}, heard(0.010, 0.010), {})
    attacked.add(1.0, {}, heard(0.010, 0.030), {"cases": 1})
    first, second = compared([calm.row(), attacked.row()])
    assert first["more_ms"] == {"p50": 0.0, "p95": 0.0, "p99": 0.0}
    assert second["more_ms"] == {"p50": 10.0, "p95": 19.0, "p99": 19.8}


def test_the_table_says_what_was_measured_and_where(tmp_path: Path) -> None:
    calm, attacked = Windows("nobody attacks"), Windows("as fast as it goes")
    calm.add(1.0, {"all": 0.25}, heard(0.010, 0.010), {})
    attacked.add(1.0, {"all": 0.5, ATTACKERS: 1.0}, heard(0.010, 0.030), {"cases": 1_234})
    result = {"rows": compared([calm.row(), attacked.row()]), "rounds": 5, "window_s": 8.0, "commit": "abc"}
    results = tmp_path / "bench" / "results"
    results.mkdir(parents=True)
    host = {"cores": 2, "cpu": "a chip"}
    (results / "attacked.json").write_text(json.dumps(result | {"at": "2026-01-01", "host": host}))
    made = page("before\n<!-- attacked -->\nold\n<!-- /attacked -->\nafter\n", tmp_path)
    assert "| as fast as it goes | 1,234 | 2 | 0 | 20.0 / 29.0 / 29.8 | +10.0 / +19.0 / +19.8 |" in made
    assert "| nobody attacks | 0 | 2 | 0 | 10.0 / 10.0 / 10.0 |  |" in made
    assert "Commit `abc`, 2026-01-01, 2 cores (a chip)" in made
    assert made.startswith("before\n") and made.endswith("after\n") and "old" not in made


async def test_a_process_aside_answers_each_order_and_is_missed_when_it_has_ended() -> None:
    aside = await Aside.start(__name__)
    assert await asyncio.wait_for(aside.ask(seconds=1.5), 30) == {"heard": {"seconds": 1.5}}
    with pytest.raises(ConnectionError, match="has ended"):
        await asyncio.wait_for(aside.ask(stop=True), 30)
    await aside.end()


async def test_who_stands_back_has_the_lowest_weight_there_is() -> None:
    aside = await Aside.start(__name__)
    assert await asyncio.wait_for(aside.ask(back=True), 30) == {"nice": 19, "is_idle": True}
    await aside.end()


async def echo() -> None:
    """What this module is as a process aside."""
    async for order in orders():
        if "stop" in order:
            return
        if "back" in order:
            stand_back()
            answer(nice=os.nice(0), is_idle=os.sched_getscheduler(0) == os.SCHED_IDLE)
        else:
            answer(heard=order)


if __name__ == "__main__":
    asyncio.run(echo())
