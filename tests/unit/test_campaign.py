"""The campaign goes on where it was interrupted, counts what it found, and begins anew with other code."""

import json
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tests.campaign import progress
from tests.campaign.parts import FIRST_SEED, Bench, Part, Unit


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


def test_a_change_of_what_is_tested_or_judges_is_other_code_and_a_commit_is_not(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    for folder in progress.CODE:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "one.py").write_text("one")
    git("init")
    git("add", ".")
    seen = [progress.code(root=tmp_path)]
    for folder in progress.CODE:
        (tmp_path / folder / "one.py").write_text("other")
        seen.append(progress.code(root=tmp_path))
        (tmp_path / folder / "new.py").write_text("new")
        seen.append(progress.code(root=tmp_path))
    assert len(set(seen)) == 1 + 2 * len(progress.CODE)
    git("add", ".")
    git("commit", "-m", "all")
    (tmp_path / "README.md").write_text("beside")
    assert progress.code(root=tmp_path) == seen[-1]
    assert {"services", "ringline", "tests/properties", "tests/campaign"} <= set(progress.CODE)


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
