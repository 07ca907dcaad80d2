"""What can be wrong, and what is said of it."""

from typing import NamedTuple

LOST, DUPLICATE, GHOST, WRONG, OTHER = "lost", "duplicates", "ghosts", "wrongly_ended", "other"
SKEW_SECONDS = 0.25
"""By so much the database's clock and the observer's may differ, which are of one machine."""


class Finding(NamedTuple):
    """What is wrong: of which kind, with which call, when (on the observer's clock), in words."""

    kind: str
    call_id: str
    at: float
    what: str
