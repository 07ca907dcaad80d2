"""The callee's word, said a second time: an oracle for the rules of policy, which it does not import.

Written the other way round where that is possible. The rules ask a clock of the wall whether it shows a time
within a span; here every span is laid on the line of time as an interval between two moments, and is asked
whether a moment lies in it. An interval is found by walking the periods between the changes of a zone's
offset, which are found by bisection: nothing here knows of `fold`.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

HOUR, DAY = 3600, 86_400
FIRST = int(datetime(2010, 1, 1, tzinfo=UTC).timestamp())
LAST = int(datetime(2035, 1, 1, tzinfo=UTC).timestamp())
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Period:
    """A time from one moment to another during which a zone is ahead of UTC by so many seconds."""

    start: float
    stop: float
    ahead: int


@cache
def periods(zone: str) -> tuple[Period, ...]:
    """The periods of a zone from FIRST to LAST; the first and the last one have no end."""
    with files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as file:
        info = ZoneInfo.from_file(file)

    def ahead(moment: int) -> int:
        offset = datetime.fromtimestamp(moment, info).utcoffset()
        assert offset is not None
        return int(offset.total_seconds())

    found, start, now = [], float("-inf"), ahead(FIRST)
    for week in range(FIRST, LAST, 7 * DAY):
        known, later = week, week + 7 * DAY
        while ahead(later) != now:
            high = next(one for one in range(known + HOUR, later + 1, HOUR) if ahead(one) != now)
            low = high - HOUR
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if ahead(middle) == now else (low, middle)
            found.append(Period(start, high, now))
            start, known, now = high, high, ahead(high)
    found.append(Period(start, float("inf"), now))
    return tuple(found)


@cache
def _starts(zone: str) -> list[float]:
    return [period.start for period in periods(zone)]


def near(zone: str, moment: float) -> tuple[Period, ...]:
    """The period around a moment, in the middle, and two before and after it."""
    number = bisect_right(_starts(zone), moment) - 1
    return periods(zone)[max(0, number - 2) : number + 3]


def ahead_at(zone: str, moment: float) -> int:
    """How many seconds a zone is ahead of UTC at a moment."""
    return next(one.ahead for one in near(zone, moment) if one.start <= moment < one.stop)


def changes(zone: str) -> list[int]:
    """The moments at which a zone's offset changes."""
    return [int(period.stop) for period in periods(zone)[:-1]]


@dataclass(frozen=True)
class Span:
    """Weekdays 1 to 7 on which it begins, minute of the begin, minute of the end."""

    weekdays: frozenset[int]
    begin: int
    end: int


def first_moment(around: tuple[Period, ...], wall: float) -> float:
    """The first moment at which the clock of the wall shows a time (seconds as if it were UTC), or a later
    one.
    """
    return min(max(it.start, wall - it.ahead) for it in around if wall - it.ahead < it.stop)


def last_moment(around: tuple[Period, ...], wall: float) -> float:
    """The last moment at which the clock of the wall shows a time, or comes past it."""
    return max(min(it.stop, wall - it.ahead) for it in around if wall - it.ahead >= it.start)


def is_quiet(spans: tuple[Span, ...], zone: str, moment: float) -> bool:
    """Whether a moment lies in one of the spans."""
    around = near(zone, moment)
    today = int((moment + ahead_at(zone, moment)) // DAY)
    for day in range(today - 3, today + 3):
        weekday = (EPOCH + timedelta(days=day)).weekday() + 1
        for span in spans:
            if weekday not in span.weekdays:
                continue
            length = (span.end - span.begin) % 1440 or 1440
            start = first_moment(around, day * DAY + span.begin * 60)
            stop = last_moment(around, day * DAY + (span.begin + length) * 60)
            if start <= moment < stop:
                return True
    return False


@dataclass(frozen=True)
class Question:
    """Somebody calls somebody: everything that the callee's word hangs on."""

    audiences: frozenset[str] = frozenset({"contacts", "following"})
    audio_only: frozenset[str] = frozenset()
    must_have_messaged: bool = False
    always_relay: bool = False
    spans: tuple[Span, ...] = ()
    zone: str = ""
    favourites_break_through: bool = False
    repeated_break_through: bool = False
    is_allowed: bool = False
    is_audio_only: bool = False
    is_favourite: bool = False
    is_contact: bool = False
    is_followed: bool = False
    is_verified: bool = False
    has_written: bool = False
    blocks: bool = False
    is_blocked_by: bool = False
    moment: float = 0.0
    tried_before: float | None = field(default=None)
    """How many seconds ago he tried in vain because it was quiet."""


@dataclass(frozen=True)
class Answer:
    """What the callee's word is."""

    rings: bool
    audio_only: bool
    relay: bool
    truth: bool
    because: str


def answer(asked: Question) -> Answer:
    """The callee's word."""
    because = _why_not_at_all(asked) or _why_not_now(asked)
    if because:
        return Answer(rings=False, audio_only=False, relay=True, truth=False, because=because)
    is_known = asked.is_contact or asked.is_followed
    if asked.is_allowed:
        is_audio_only = asked.is_audio_only
    else:
        may_send_more = _belongs_to(asked) - asked.audio_only
        is_audio_only = asked.is_audio_only or not may_send_more
    return Answer(
        rings=True,
        audio_only=is_audio_only,
        relay=asked.always_relay or not is_known,
        truth=is_known,
        because=_why(asked),
    )


def _belongs_to(asked: Question) -> set[str]:
    he_is = {"everyone"}
    if asked.is_contact:
        he_is.add("contacts")
    if asked.is_followed:
        he_is.add("following")
    if asked.is_verified:
        he_is.add("verified")
    return he_is & asked.audiences


def _why_not_at_all(asked: Question) -> str:
    if asked.blocks:
        return "blocked"
    if asked.is_blocked_by:
        return "blocking"
    if asked.is_allowed:
        return ""
    is_known = asked.is_contact or asked.is_followed
    if asked.must_have_messaged and not is_known and not asked.has_written:
        return "must_have_messaged"
    return "" if _belongs_to(asked) else "audience.none"


def _breaks_through(asked: Question) -> str:
    if asked.favourites_break_through and asked.is_favourite:
        return "quiet_hours.favourite"
    tried = asked.tried_before
    if asked.repeated_break_through and tried is not None and tried <= 3 * 60:
        return "quiet_hours.repeated"
    return ""


def _is_quiet(asked: Question) -> bool:
    return bool(asked.spans) and is_quiet(asked.spans, asked.zone, asked.moment)


def _why_not_now(asked: Question) -> str:
    return "quiet_hours" if _is_quiet(asked) and not _breaks_through(asked) else ""


def _why(asked: Question) -> str:
    if _is_quiet(asked):
        return _breaks_through(asked)
    if asked.is_allowed:
        return "person.allowed"
    for name in ("contacts", "following", "verified"):
        if name in _belongs_to(asked):
            return f"audience.{name}"
    return "audience.everyone"
