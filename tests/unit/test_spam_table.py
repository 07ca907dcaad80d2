"""docs/ring-budget.md has the tables of a result file, and says so where there is none."""

import json
from pathlib import Path

from bench.spam import live
from bench.spam_town import Foes
from services.policy.ringing import Limits
from tools.spam import page

TEXT = "before\n<!-- spam -->\nold\n<!-- /spam -->\nafter\n"


def test_the_tables_say_what_was_found_of_each_target(tmp_path: Path) -> None:
    found = live(200, 1, 1, Limits(), Foes(spammers=1, accounts=3, victims=1))
    run = {"at": "2026-01-01", "commit": "abc", "size": 200, "days": 1, "seed": 1, "foes": vars(Foes())}
    result = tmp_path / "spam.json"
    result.write_text(json.dumps(run | {"with": found}))
    made = page(TEXT, result)
    most = found["spammer_reaches_a_day"]["most"]
    assert f"| strangers whom a spammer reaches in a day | at most 20 | {most:g} on average" in made
    assert f"({found['honest']['refused']} of {found['honest']['attempts']:,})" in made
    assert "commit `abc`, 2026-01-01: 200 people, 1 days, seed 1; 200 spammers" in made
    assert made.startswith("before\n") and made.endswith("after\n") and "old" not in made


def test_where_nothing_was_run_nothing_is_claimed(tmp_path: Path) -> None:
    assert "No run is published yet." in page(TEXT, tmp_path / "spam.json")
