"""The campaign goes on where it was interrupted, counts what it found, and begins anew with other code."""

import json
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tests.campaign import progress
from tests.campaign.parts import FIRST_SEED, SERVERS, Bench, Part, Unit, counted, counted_round


def nothing(bench: Bench, seed: int, most: int) -> Unit:
    return Unit(most)


PART = Part("glare", 1_000, "glares", 100, nothing)
FOUND = Unit(120, ["S7: two calls"], Counter({"calls": 3}), {"a ring": 4.5})


def test_what_was_done_is_kept_and_the_next_unit_has_the_next_seed(tmp_path: Path) -> None:
    state = tmp_path / "made" / "progress.json"
    begun = progress.load(PART, 0.5, state)
    assert (begun.goal, begun.seed, begun.is_whole) == (500, FIRST_SEED, False)
    begun.add(Unit(100), 1.5)
    begun.add(FOUND, 1.0)
    progress.save(PART, begun, state)
    again = progress.load(PART, 0.5, state)
    assert (again.done, again.seed, again.seconds) == (220, FIRST_SEED + 2, 2.5)
    assert (again.violations, again.failed_seeds) == (1, [FIRST_SEED + 1])
    assert (again.figures, again.longest_ms) == ({"calls": 3}, {"a ring": 4.5})
    assert progress.load(PART, 0.2, state).is_whole, "another scale asks for less of the same"


def test_other_code_begins_anew(tmp_path: Path) -> None:
    state = tmp_path / "progress.json"
    begun = replace(progress.load(PART, 1.0, state), code="another")
    begun.add(FOUND, 1.0)
    progress.save(PART, begun, state)
    assert progress.load(PART, 1.0, state).done == 0


SUM = "states=7 transitions=9 violations={} properties=2 mutants_killed={}/3\n"


def test_the_model_counts_as_one_run_with_its_states_and_mutants() -> None:
    good = counted("alice   7 states\n" + SUM.format(0, 3), 0, "")
    assert (good.done, good.found) == (1, [])
    assert good.figures == {
        "states": 7,
        "transitions": 9,
        "violations": 0,
        "properties": 2,
        "mutants_killed": 3,
        "mutants": 3,
    }


def test_what_the_model_finds_is_found_by_the_campaign() -> None:
    survivor = "mutant  3/3  a gate left open   SURVIVES: S7 expected, nothing found\n" + SUM.format(0, 2)
    assert counted(survivor, 1, "").found == [survivor.splitlines()[0]]
    assert counted(SUM.format(2, 3), 1, "").found == ["make model counts 2 violations"]
    assert counted("", 1, "no such module").found == ["make model ended with 1 and no sum: no such module"]
    assert counted(SUM.format(0, 3), 1, "killed").found == ["make model ended with 1: killed"]


def test_a_round_of_chaos_counts_with_what_it_found() -> None:
    said = "this round: calls=700 faults=18 lost=0 duplicates=0 ghosts={} wrongly_ended=0 other={}\n"
    good = counted_round(said.format(0, 0) + "3 of 50 rounds: calls=2100\n", "")
    assert (good.done, good.found, good.figures) == (1, [], {"calls": 700, "faults": 18})
    assert counted_round(said.format(2, 1), "").found == ["ghosts: 2", "other: 1"]
    assert counted_round("", "killed").found == ["make chaos ended without a sum: killed"]


def test_a_change_of_what_is_tested_or_judges_is_other_code_and_a_commit_is_not(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    for folder in SERVERS:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "one.py").write_text("one")
    git("init")
    git("add", ".")
    seen = [progress.code(SERVERS, tmp_path)]
    for folder in SERVERS:
        (tmp_path / folder / "one.py").write_text("other")
        seen.append(progress.code(SERVERS, tmp_path))
        (tmp_path / folder / "new.py").write_text("new")
        seen.append(progress.code(SERVERS, tmp_path))
    assert len(set(seen)) == 1 + 2 * len(SERVERS)
    git("add", ".")
    git("commit", "-m", "all")
    (tmp_path / "README.md").write_text("beside")
    assert progress.code(SERVERS, tmp_path) == seen[-1]
    assert {"services", "ringline", "tests/properties", "tests/campaign"} <= set(SERVERS)


def test_a_result_leaves_those_of_other_parts_as_they_are(tmp_path: Path) -> None:
    result = tmp_path / "campaign.json"
    other = replace(PART, name="other")
    for part, unit in ((other, Unit(7)), (PART, FOUND)):
        done = progress.load(part, 1.0, tmp_path / "none")
        done.add(unit, 2.0)
        progress.publish(part, done, result)
    document = json.loads(result.read_text())
    assert document["parts"]["other"]["done"] == 7
    mine = document["parts"]["glare"]
    assert (mine["done"], mine["goal"], mine["violations"], mine["seeds"]) == (
        120,
        1_000,
        1,
        [FIRST_SEED] * 2,
    )
    assert mine["at"] and mine["commit"] and document["host"]["cores"]
