"""A second implementation of the callee's word (oracle.py) agrees with the rules in every case that is drawn:
settings and people at random, and every time zone around every change of its clock over ten years.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from ringline import ids
from ringline.v1 import accounts_pb2, directory_pb2, policy_pb2, types_pb2
from ringline.v1.policy_pb2 import Audience
from services.policy import quiet
from services.policy.callee import CallSettings, Choices
from services.policy.rules import Standing, decide
from tests.unit.policy import oracle

ADA, BOB = ids.mint_user(), ids.mint_user()
NAMES = {
    "contacts": Audience.AUDIENCE_CONTACTS,
    "following": Audience.AUDIENCE_FOLLOWING,
    "verified": Audience.AUDIENCE_VERIFIED,
    "everyone": Audience.AUDIENCE_EVERYONE,
}
ATTEMPT = policy_pb2.Attempt(
    act=policy_pb2.ACT_PLACE, caller_id=ADA, callee_id=BOB, kinds=types_pb2.Kinds(audio=True, video=True)
)
ZONES = sorted(quiet.zones())
TEN_YEARS = (
    datetime(2024, 1, 1, tzinfo=UTC).timestamp(),
    datetime(2034, 1, 1, tzinfo=UTC).timestamp(),
)
CASES = 20_000
"""People and settings at random; the zones' changes make many times more."""


def by_the_rules(asked: oracle.Question) -> oracle.Answer:
    """What policy says."""
    ada = types_pb2.Profile(user_id=ADA, verified=asked.is_verified)
    pair = directory_pb2.PairAnswer(
        user=accounts_pb2.Account(profile=ada),
        other=accounts_pb2.Account(profile=types_pb2.Profile(user_id=BOB)),
        other_to_user=directory_pb2.Edges(contact=asked.is_contact, follows=asked.is_followed),
        user_to_other=directory_pb2.Edges(messaged=asked.has_written),
    )
    hours = quiet.Quiet(
        tuple(quiet.Span(span.weekdays, span.begin, span.end) for span in asked.spans),
        asked.zone,
        asked.favourites_break_through,
        asked.repeated_break_through,
    )
    settings = CallSettings(
        frozenset(NAMES[name] for name in asked.audiences),
        frozenset(NAMES[name] for name in asked.audio_only),
        asked.must_have_messaged,
        asked.always_relay,
        hours if asked.spans else None,
    )
    choices = Choices(asked.is_allowed, asked.is_audio_only, asked.is_favourite)
    tried_at = None if asked.tried_before is None else asked.moment - asked.tried_before
    standing = Standing(
        settings, asked.blocks, asked.is_blocked_by, {}, choices, now=asked.moment, tried_at=tried_at
    )
    verdict = decide(ATTEMPT, pair, standing)
    # The caller sees these at once: they hang on the tiers, and on nothing that the callee chose.
    assert verdict.caller_may_send == verdict.callee_may_send == ATTEMPT.kinds
    return oracle.Answer(
        rings=verdict.outcome == policy_pb2.OUTCOME_ADMITTED,
        audio_only=verdict.audio_only,
        relay=verdict.relay_only,
        truth=verdict.device_truth,
        because=verdict.trace[-1].rule,
    )


def drawn(dice: random.Random) -> oracle.Question:
    """Anybody who calls anybody, at any time of ten years."""

    def some(chance: float = 0.5) -> bool:
        return dice.random() < chance

    def audiences() -> frozenset[str]:
        return frozenset(name for name in NAMES if some())

    zone = dice.choice(ZONES) if some(0.8) else ""
    return oracle.Question(
        audiences=audiences(),
        audio_only=audiences() if some() else frozenset(),
        must_have_messaged=some(0.3),
        always_relay=some(0.3),
        spans=tuple(span(dice) for _ in range(dice.randint(1, 3))) if zone else (),
        zone=zone,
        favourites_break_through=some(),
        repeated_break_through=some(),
        is_allowed=some(0.3),
        is_audio_only=some(0.3),
        is_favourite=some(0.3),
        is_contact=some(0.4),
        is_followed=some(0.4),
        is_verified=some(),
        has_written=some(),
        blocks=some(0.1),
        is_blocked_by=some(0.1),
        moment=float(dice.randint(*map(int, TEN_YEARS))),
        tried_before=dice.choice([0.0, 1.0, 179.0, 180.0, 181.0, 4000.0]) if some() else None,
    )


def span(dice: random.Random) -> oracle.Span:
    """Any span of the week; a night, mostly."""
    weekdays = frozenset(day for day in range(1, 8) if dice.random() < 0.6) or frozenset({dice.randint(1, 7)})
    return oracle.Span(weekdays, dice.randrange(1440), dice.randrange(1440))


def around(zone: str, dice: random.Random) -> Iterator[tuple[oracle.Span, float]]:
    """Spans whose begin or end lies before, in or after each change of a zone's clock within ten years, and
    moments minutes before and after the change, and where the two clocks disagree.
    """
    every_day = frozenset(range(1, 8))
    for change in oracle.changes(zone):
        if not TEN_YEARS[0] <= change < TEN_YEARS[1]:
            continue
        before, after = (oracle.ahead_at(zone, change + side) for side in (-1, 0))
        low, high = sorted((change + before, change + after))
        weekday = datetime.fromtimestamp(low, UTC).isoweekday()
        for _ in range(6):
            edge = dice.randint(low // 60 - 90, high // 60 + 90) % 1440
            other = dice.choice([(edge + dice.randint(0, 150)) % 1440, dice.randrange(1440)])
            days = every_day if dice.random() < 0.5 else frozenset({weekday, weekday % 7 + 1})
            begin, end = dice.choice([(edge, other), (other, edge)])
            for _ in range(5):
                moment = change + 60 * dice.randint(-150, 150) + dice.choice([-1, 0, 0, 1])
                yield oracle.Span(days, begin, end), float(moment)


def test_people_and_settings_at_random_have_the_same_verdict_twice() -> None:
    dice = random.Random(6)
    answers = set()
    for _ in range(CASES):
        asked = drawn(dice)
        told = oracle.answer(asked)
        assert by_the_rules(asked) == told, asked
        answers.add(told.because)
    assert answers == {
        "blocked", "blocking", "must_have_messaged", "audience.none", "quiet_hours", "quiet_hours.favourite",
        "quiet_hours.repeated", "person.allowed", "audience.contacts", "audience.following",
        "audience.verified", "audience.everyone",
    }  # fmt: skip


def test_around_every_change_of_every_clock_in_ten_years_it_is_quiet_for_both_or_neither() -> None:
    dice, cases, quiet_ones, changing = random.Random(600), 0, 0, set()
    for zone in ZONES:
        for span_, moment in around(zone, dice):
            told = oracle.is_quiet((span_,), zone, moment)
            hours = quiet.Quiet(
                (quiet.Span(span_.weekdays, span_.begin, span_.end),), zone, favourites=False, repeated=False
            )
            assert quiet.is_quiet(hours, moment) is told, (zone, span_, moment)
            cases, quiet_ones = cases + 1, quiet_ones + told
            changing.add(zone)
    assert cases >= 100_000
    assert cases / 5 < quiet_ones < cases * 4 / 5, "neither answer is rare"
    assert len(ZONES) >= 590 and len(changing) >= 150


@pytest.mark.parametrize(
    ("zone", "day", "begin", "end", "quiet_from", "quiet_until"),
    [
        # Berlin's clock goes back on 27 October 2024 at 01:00 UTC from 03:00 to 02:00: 02:30 comes twice.
        ("Europe/Berlin", 7, "02:30", "05:00", "2024-10-27T00:30Z", "2024-10-27T04:00Z"),
        ("Europe/Berlin", 7, "01:00", "02:30", "2024-10-26T23:00Z", "2024-10-27T01:30Z"),
        # What ends as the hour comes a second time, ends then.
        ("Europe/Berlin", 7, "01:00", "02:00", "2024-10-26T23:00Z", "2024-10-27T01:00Z"),
        ("Europe/Berlin", 6, "22:00", "07:00", "2024-10-26T20:00Z", "2024-10-27T06:00Z"),
        # And forward on 31 March 2024 at 01:00 UTC from 02:00 to 03:00: 02:30 never comes.
        ("Europe/Berlin", 7, "02:30", "05:00", "2024-03-31T01:00Z", "2024-03-31T03:00Z"),
        ("Europe/Berlin", 7, "01:00", "02:30", "2024-03-31T00:00Z", "2024-03-31T01:00Z"),
        ("Europe/Berlin", 7, "02:10", "02:50", "2024-03-31T01:00Z", "2024-03-31T01:00Z"),
        # Cairo's clock goes back over midnight: on 31 October 2024 from 24:00 to 23:00, at 21:00 UTC.
        ("Africa/Cairo", 4, "23:30", "00:30", "2024-10-31T20:30Z", "2024-10-31T22:30Z"),
        # Saint John's went back on 7 November 2010 at 02:31 UTC from 00:01 to 23:01 of the day before.
        ("America/St_Johns", 7, "00:00", "00:30", "2010-11-07T02:30Z", "2010-11-07T04:00Z"),
        ("America/St_Johns", 5, "23:30", "23:30", "2010-11-06T02:00Z", "2010-11-07T03:00Z"),
        # Lord Howe's goes back by half an hour only, on 7 April 2024 at 15:00 UTC the day before.
        ("Australia/Lord_Howe", 7, "01:45", "03:00", "2024-04-06T14:45Z", "2024-04-06T16:30Z"),
    ],
)
def test_what_both_say_where_the_clock_changes(
    zone: str, day: int, begin: str, end: str, quiet_from: str, quiet_until: str
) -> None:
    begins, ends = (int(clock[:2]) * 60 + int(clock[3:]) for clock in (begin, end))
    start, stop = (
        datetime.fromisoformat(text.replace("Z", ":00+00:00")).timestamp()
        for text in (quiet_from, quiet_until)
    )
    hours = quiet.Quiet((quiet.Span(frozenset({day}), begins, ends),), zone, favourites=False, repeated=False)
    spans = (oracle.Span(frozenset({day}), begins, ends),)
    for moment in range(int(start) - 3 * 3600, int(stop) + 3 * 3600, 30):
        assert quiet.is_quiet(hours, moment) is (start <= moment < stop), moment
        assert oracle.is_quiet(spans, zone, moment) is (start <= moment < stop), moment
