"""Quiet hours: is it quiet for somebody now?

A span of the week is said on the clock of the person's time zone. It belongs to the day on which it begins,
also where it ends on the next one. Clocks are put forward and back, so that what a clock shows may come twice
or not at all; a span has no holes and no echo all the same:

- it **begins** at the first moment at which the clock shows its begin, or has passed it;
- it **ends** at the last moment at which the clock comes to its end.

So a night is an hour longer where the clock goes back during it, and a span whose begin and end both fall
into an hour that there is not, does not take place.

Zones come from the pinned package tzdata and from nowhere else: what the system has differs between machines,
and two processes must not give two verdicts.
"""

import functools
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ringline.telemetry import log

DAY = 24 * 60
"""Minutes."""
MOST_SPANS = 28

# A span that began the day before yesterday is over, unless the clock was put back over midnight; and one
# that belongs to tomorrow has begun where it was put back over midnight just now.
_BEGINNINGS = (-2, -1, 0, 1)


class Span(NamedTuple):
    """A span of the week: ISO weekdays on which it begins, minutes after midnight of its begin and end."""

    weekdays: frozenset[int]
    begin: int
    end: int


class Quiet(NamedTuple):
    """Somebody's quiet hours."""

    spans: tuple[Span, ...]
    time_zone: str
    favourites: bool
    """Favourites ring all the same."""
    repeated: bool
    """Who tries again soon rings all the same."""


@functools.cache
def zones() -> frozenset[str]:
    """The names of all time zones."""
    return frozenset((files("tzdata") / "zones").read_text("utf-8").split())


def is_quiet(quiet: Quiet, at: float) -> bool:
    """Whether it is quiet at a moment (Unix seconds). A zone that is known no more counts as UTC."""
    zone = _zone(quiet.time_zone)
    today = datetime.fromtimestamp(at, zone).date()
    for distance in _BEGINNINGS:
        day = today + timedelta(days=distance)
        for span in quiet.spans:
            if day.isoweekday() in span.weekdays and _holds(span, day, zone, at):
                return True
    return False


def _holds(span: Span, day: date, zone: tzinfo, at: float) -> bool:
    """Whether the span that begins on this day lies around a moment.

    The clock alone answers it but where it shows a time twice: such a begin counts from the first of the two
    moments, such an end from the second. Of a time that it never shows, `fold` makes a moment on the wrong
    side of the gap, which therefore adds nothing.
    """
    shown = datetime.fromtimestamp(at, zone).replace(tzinfo=None, fold=0)
    begin = _on(day, span.begin)
    last = day if span.end > span.begin else day + timedelta(days=1)
    end = _on(last, span.end)
    has_begun = shown >= begin or begin.replace(tzinfo=zone).timestamp() <= at
    is_over = shown >= end and end.replace(tzinfo=zone, fold=1).timestamp() <= at
    return has_begun and not is_over


def _on(day: date, minute: int) -> datetime:
    return datetime.combine(day, time(*divmod(minute, 60)))


@functools.cache
def _zone(name: str) -> tzinfo:
    if name not in zones():
        log(__name__).error("time zone is not known any more: UTC instead", zone=name)
        return UTC
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)
