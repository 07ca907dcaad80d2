"""docs/operations.md, taken apart: its blocks of commands, its headings, its links."""

import re
from typing import NamedTuple

from tests.house.sources import ROOT

TEXT = (ROOT / "docs" / "operations.md").read_text()


class Block(NamedTuple):
    """Commands that are copied together; the first line is a comment, its title."""

    title: str
    commands: str


def blocks(text: str = TEXT) -> list[Block]:
    """All of them, in the order of the page, or of another one."""
    found = re.findall(r"^```sh\n# ([^\n]+)\n(.*?)^```$", text, re.M | re.S)
    return [Block(title, commands) for title, commands in found]


def headings(level: int) -> list[str]:
    """The headings of that level, in order."""
    outside = re.sub(r"^```.*?^```$", "", TEXT, flags=re.M | re.S)
    return re.findall(rf"^{'#' * level} (.+)$", outside, re.M)


def section(heading: str) -> str:
    """What stands under a heading, to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^\1 |^## |\Z)", TEXT, re.M | re.S)
    assert found is not None, f"there is no {heading}"
    return found[2]


def anchor(heading: str) -> str:
    """What a link to a heading says after the #."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
