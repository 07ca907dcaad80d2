"""The tree of the previous release, taken out of git: the commit that the file previous_release names.

A clone without history asks its origin for that one commit. Where that is not possible either (no git, no
origin), the tree of today is taken in its place: then nothing is shown of compatibility, and the run says so.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = Path(__file__).with_name("previous_release")
FETCH_SECONDS = 60.0
missing: list[str] = []
"""Commits that could not be had; the run says so at its end."""


@dataclass(frozen=True)
class Release:
    """A tree of this repository."""

    tree: Path
    commit: str
    is_previous: bool
    """False where it is today's, because the previous one cannot be had."""


def previous_release(folder: Path) -> Release:
    """Takes the previous release's tree into `folder`, which must not be there yet."""
    commit = NAMED.read_text().strip()
    is_here = _git("cat-file", "-e", f"{commit}^{{commit}}") or _git(
        "fetch", "--depth", "1", "origin", commit
    )
    folder.mkdir()
    if is_here and _take_out(commit, folder):
        return Release(folder, commit, True)
    folder.rmdir()
    missing.append(commit)
    return Release(ROOT, commit, False)


def _git(*arguments: str) -> bool:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments],
            env=os.environ | {"GIT_TERMINAL_PROMPT": "0"},  # nobody is there who could answer
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=FETCH_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _take_out(commit: str, folder: Path) -> bool:
    archive = folder.with_suffix(".tar")
    taken = _git(
        "archive", "--output", str(archive), commit, "ringline", "services", "protos", "pyproject.toml"
    )
    if not taken:
        return False
    subprocess.run(["tar", "--extract", "--file", str(archive), "--directory", str(folder)], check=True)
    archive.unlink()
    return True
