"""Rules for docs: what they point at is there, and what is generated is fresh."""

import re
import subprocess
import sys
from pathlib import Path

from tests.house.sources import ROOT, all_files, read, written

DOCS = written(".md")


def test_links_lead_somewhere() -> None:
    dead = []
    for path in DOCS:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", read(path)):
            if not re.match(r"https?:|mailto:", target) and not (ROOT / path.parent / target).exists():
                dead.append(f"{path}: {target}")
    assert not dead


def test_paths_that_docs_name_exist() -> None:
    """A path in backticks with a folder of ours in front is a promise."""
    dead = []
    for path in DOCS:
        if path.name == "CHANGELOG.md":
            continue
        for target in re.findall(
            r"`((?:ringline|services|web|tests|tools|protos|docs|bench|requirements)/[\w./-]+)`", read(path)
        ):
            if not (ROOT / target).exists() and not _is_made(target):
                dead.append(f"{path}: {target}")
    assert not dead


def test_generated_docs_are_fresh() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "tools.docs", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_docs_name_no_other_machine() -> None:
    assert not [
        str(path)
        for path in DOCS
        if re.search(r"localhost:\d+|127\.0\.0\.1:\d+", read(path)) and _is_front(path)
    ]


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = [path.name[:4] for path in all_files() if path.match("docs/decisions/*.md")]
    assert len(numbers) == len(set(numbers)) and all(number.isdigit() for number in numbers)


def _is_made(target: str) -> bool:
    return target.startswith(("bench/results/", "web/node_modules/", "web/app/dist"))


def _is_front(path: Path) -> bool:
    """The README promises links that `make dev` prints, never a port that may be taken."""
    return str(path) == "README.md"
