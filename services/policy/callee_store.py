"""What callees say, in Postgres: about all callers, and about single people."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ringline.db import Database
from ringline.v1.policy_pb2 import Audience
from services.policy.callee import DEFAULT_AUDIENCES, NOBODY, Audiences, CallSettings, Choices
from services.policy.quiet import Quiet, Span

# For a question `q` (caller, callee): the callee's settings; what he says about the caller; and when, in Unix
# seconds, the caller tried in vain because it was quiet. The first one's columns are those of `settings_of`,
# the second one's those of `choices_of`.
COLUMNS = (
    "s.audiences, s.audio_only, s.must_have_messaged, s.always_relay, s.spans, s.time_zone, s.favourites,"
    " s.repeated"
)
SETTINGS = f"SELECT {COLUMNS} FROM call_settings AS s WHERE s.user_id = q.callee LIMIT 1"
CHOICES = """
SELECT p.allowed, p.audio_only, p.favourite FROM person_settings AS p
WHERE p.user_id = q.callee AND p.other_user_id = q.caller LIMIT 1"""
LAST_TRY = """
SELECT extract(epoch FROM t.at)::float8 FROM quiet_attempt AS t
WHERE t.callee_id = q.callee AND t.caller_id = q.caller"""

# Of some callers: what is known of each without them, for a preview; $1 is the callee.
CALLERS = f"""
SELECT (SELECT b.closed FROM block AS b WHERE b.user_id = q.callee AND b.other_user_id = q.caller),
    ({LAST_TRY}),
    p.*
FROM (SELECT $1::text, caller, n FROM unnest($2::text[]) WITH ORDINALITY AS u (caller, n))
    AS q (callee, caller, n)
LEFT JOIN LATERAL ({CHOICES}) AS p ON true
ORDER BY q.n"""
OWN = f"""
SELECT extract(epoch FROM now())::float8, s.* FROM (VALUES ($1::text)) AS q (callee)
LEFT JOIN LATERAL ({SETTINGS}) AS s ON true"""

# What is null stays as it is.
SET_SETTINGS = f"""
INSERT INTO call_settings AS s (user_id, audiences, audio_only, must_have_messaged, always_relay, spans,
    time_zone, favourites, repeated)
VALUES ($1, $2, coalesce($3::smallint[], '{{}}'), coalesce($4::boolean, false), coalesce($5::boolean, false),
    coalesce($6::smallint[], '{{}}'), coalesce($7::text, ''), coalesce($8::boolean, false),
    coalesce($9::boolean, false))
ON CONFLICT (user_id) DO UPDATE SET audiences = excluded.audiences, audio_only = coalesce($3, s.audio_only),
    must_have_messaged = coalesce($4, s.must_have_messaged), always_relay = coalesce($5, s.always_relay),
    spans = coalesce($6, s.spans), time_zone = coalesce($7, s.time_zone),
    favourites = coalesce($8, s.favourites), repeated = coalesce($9, s.repeated), changed_at = now()
RETURNING {COLUMNS}"""

SET_CHOICES = """
INSERT INTO person_settings (user_id, other_user_id, allowed, audio_only, favourite)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (user_id, other_user_id) DO UPDATE SET allowed = excluded.allowed,
    audio_only = excluded.audio_only, favourite = excluded.favourite, changed_at = now()"""
RESET = "DELETE FROM person_settings WHERE user_id = $1 AND other_user_id = $2"
GET_CHOICES = """
SELECT allowed, audio_only, favourite FROM person_settings WHERE user_id = $1 AND other_user_id = $2"""
LIST_CHOICES = """
SELECT other_user_id, allowed, audio_only, favourite FROM person_settings WHERE user_id = $1
ORDER BY changed_at DESC, other_user_id LIMIT 10000"""


class Change(NamedTuple):
    """New settings; what is None stays as it is."""

    audiences: Audiences
    audio_only: Audiences | None = None
    must_have_messaged: bool | None = None
    always_relay: bool | None = None
    quiet: Quiet | None = None

    def apply(self, to: CallSettings) -> CallSettings:
        """The settings as they would be."""
        said = {name: value for name, value in self._asdict().items() if value is not None}
        return to._replace(**said)


class KnownCaller(NamedTuple):
    """What the callee's side knows of somebody who might call."""

    blocked: bool = False
    tried_at: float | None = None
    choices: Choices = Choices()


class CalleeStore:
    """The tables of what callees say."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def settings(self, user_id: str) -> CallSettings:
        """What a user chose about all callers."""
        return (await self.settings_now(user_id))[1]

    async def settings_now(self, user_id: str) -> tuple[float, CallSettings]:
        """The same, with the time by the database's clock, in Unix seconds."""
        row = await self._db.fetchrow(OWN, user_id)
        now, *chosen = row or (0.0, *[None] * 8)
        return now, settings_of(chosen)

    async def change(self, user_id: str, change: Change) -> CallSettings:
        """Changes it; answers what holds now."""
        quiet = change.quiet
        flat = [number for span in quiet.spans for number in _flat(span)] if quiet else None
        row = await self._db.fetchrow(
            SET_SETTINGS,
            user_id,
            sorted(change.audiences),
            None if change.audio_only is None else sorted(change.audio_only),
            change.must_have_messaged,
            change.always_relay,
            flat,
            *((quiet.time_zone, quiet.favourites, quiet.repeated) if quiet else (None, None, None)),
        )
        return settings_of(list(row or ()))

    async def choices(self, user_id: str, other_user_id: str) -> Choices:
        """What a user says about another."""
        return choices_of(await self._db.fetchrow(GET_CHOICES, user_id, other_user_id) or ())

    async def choose(self, user_id: str, other_user_id: str, choices: Choices) -> None:
        """Says it; where there is nothing to say, no row is left."""
        if any(choices):
            await self._db.execute(SET_CHOICES, user_id, other_user_id, *choices)
        else:
            await self._db.execute(RESET, user_id, other_user_id)

    async def chosen(self, user_id: str) -> list[tuple[str, Choices]]:
        """About whom a user says something, newest first, at most 10,000."""
        rows = await self._db.fetch(LIST_CHOICES, user_id)
        return [(other, Choices(*choices)) for other, *choices in rows]

    async def callers(self, user_id: str, others: Sequence[str]) -> list[KnownCaller]:
        """What a user's own side knows of others, in their order."""
        rows = await self._db.fetch(CALLERS, user_id, others)
        return [KnownCaller(bool(blocked), at, choices_of(chosen)) for blocked, at, *chosen in rows]


def settings_of(row: Sequence[Any]) -> CallSettings:
    """Settings of the columns COLUMNS; all null where the user never chose."""
    audiences, audio_only, must_have_messaged, always_relay, spans, time_zone, favourites, repeated = row
    if audiences is None:
        return CallSettings()
    return CallSettings(
        audiences=audiences_of(audiences),
        audio_only=audiences_of(audio_only),
        must_have_messaged=must_have_messaged,
        always_relay=always_relay,
        quiet=Quiet(_spans(spans), time_zone, favourites, repeated) if time_zone else None,
    )


def choices_of(row: Sequence[Any]) -> Choices:
    """Choices of the columns of CHOICES; all null, or none, where nothing is said."""
    return Choices(*row) if row and row[0] is not None else Choices()


def audiences_of(stored: list[int] | None, never_chose: Audiences = DEFAULT_AUDIENCES) -> Audiences:
    """A set of audiences as it is stored."""
    if not stored:
        return never_chose if stored is None else NOBODY
    return frozenset(Audience.ValueType(one) for one in stored)


def _flat(span: Span) -> tuple[int, int, int]:
    return sum(1 << day for day in span.weekdays), span.begin, span.end


def _spans(flat: Sequence[int]) -> tuple[Span, ...]:
    days = range(1, 8)
    return tuple(
        Span(frozenset(day for day in days if bits >> day & 1), begin, end)
        for bits, begin, end in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    )
