"""The operator's word in Postgres: rule sets, the history, and what the shadow found.

A rule set is a row for ever, and the same text is the same version. A change is a row too: it says who did
what, when and why, and everything that was in force after it, so the newest one is the truth. Verdicts read
its number in the statement that reads settings and blocks (store.py); what belongs to a number never
changes.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ringline.db import Connection, Database, Record
from ringline.v1 import records_pb2
from ringline.v1.operator_pb2 import Feature
from services.policy import audit
from services.policy.operator_rules import digest

MOST_SAMPLES = 100
"""Attempts that are kept of a version in the shadow."""

NEWEST = """
SELECT revision, coalesce(live, 0), coalesce(shadow, 0), off, file_digest FROM operator_change
ORDER BY revision DESC LIMIT 1"""
AT = """
SELECT revision, coalesce(live, 0), coalesce(shadow, 0), off, file_digest FROM operator_change
WHERE revision = $1"""
CHANGE = """
INSERT INTO operator_change (revision, by_whom, what, comment, live, shadow, off, file_digest)
VALUES ($1, $2, $3, $4, nullif($5::bigint, 0), nullif($6::bigint, 0), $7, $8)"""
CHANGES = """
SELECT revision, (extract(epoch FROM at) * 1000)::bigint, by_whom, what, comment, coalesce(live, 0),
    coalesce(shadow, 0), off
FROM operator_change ORDER BY revision DESC LIMIT $1"""

KEEP = """
INSERT INTO operator_rules (version, digest, text)
SELECT coalesce(max(version), 0) + 1, $1, $2 FROM operator_rules
ON CONFLICT (digest) DO NOTHING"""
VERSION = "SELECT version FROM operator_rules WHERE digest = $1"
TEXT = "SELECT text FROM operator_rules WHERE version = $1"
TAKEN = "SELECT EXISTS (SELECT FROM operator_change WHERE file_digest = $1)"

ADD = """
INSERT INTO operator_tally AS t (version, kind, allows, count)
SELECT $1, * FROM unnest($2::text[], $3::boolean[], $4::bigint[])
ON CONFLICT (version, kind, allows) DO UPDATE SET count = t.count + excluded.count"""
SAMPLE = """
INSERT INTO operator_sample (version, caller_id, callee_id, kind, allows)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::boolean[])
LIMIT greatest(0, $6 - (SELECT count(*) FROM operator_sample WHERE version = $1))"""
TALLIES = """
SELECT kind, allows, count FROM operator_tally WHERE version = $1 ORDER BY count DESC, kind, allows"""
SAMPLES = """
SELECT caller_id, callee_id, kind, allows, (extract(epoch FROM at) * 1000)::bigint FROM operator_sample
WHERE version = $1 ORDER BY at DESC, caller_id, callee_id, kind"""

# There are a hundred of a version at most.
SWEEP = "DELETE FROM operator_sample WHERE at < now() - $1 * interval '1 day'"


class InForce(NamedTuple):
    """Everything that one change left in force."""

    revision: int
    live: int
    """The version of the rules; 0 where there are none."""
    shadow: int
    off: frozenset[Feature.ValueType]
    """The features that are switched off."""
    file_digest: str
    """Of the last file that was read, whether it was accepted or not."""


NOTHING = InForce(0, 0, 0, frozenset(), "")


class Who(NamedTuple):
    """Who makes a change, and why; both as they said it."""

    by: str
    comment: str


class Change(NamedTuple):
    """One row of the history."""

    revision: int
    at_ms: int
    who: Who
    what: str
    live: int
    shadow: int
    off: frozenset[Feature.ValueType]


class Sample(NamedTuple):
    """An attempt on which a version in the shadow differed from the live one."""

    caller_id: str
    callee_id: str
    kind: str
    allows: bool
    """What the version in the shadow says."""
    at_ms: int = 0


Tally = Mapping[tuple[str, bool], int]
"""How often something was found, by kind and by what the version in the shadow says."""


class OperatorStore:
    """The tables of the operator's word."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def newest(self) -> InForce:
        """What is in force."""
        row = await self._db.fetchrow(NEWEST)
        return _in_force(row) if row else NOTHING

    async def at(self, revision: int) -> InForce:
        """What one change left in force."""
        row = await self._db.fetchrow(AT, revision)
        return _in_force(row) if row else NOTHING

    async def text(self, version: int) -> str | None:
        """The text of a version, or None where there is no such version."""
        text: str | None = await self._db.fetchval(TEXT, version)
        return text

    async def put(self, text: str, is_live: bool, who: Who) -> tuple[int, int]:
        """Keeps a text that was checked, and lets it stand; its version and the number of the change."""
        async with self._db.transaction() as con:
            now = await self._lock(con)
            version = await self._keep(con, text)
            stands = now._replace(live=version) if is_live else now._replace(shadow=version)
            return version, await self._change(con, stands, "put", who)

    async def use(self, version: int, is_live: bool, who: Who) -> int | None:
        """Lets a version stand, or none where it is 0; None where there is no such version. What becomes live
        leaves the shadow.
        """
        async with self._db.transaction() as con:
            now = await self._lock(con)
            if version and await con.fetchval(TEXT, version) is None:
                return None
            stands = now._replace(live=version) if is_live else now._replace(shadow=version)
            if is_live and version and version == stands.shadow:
                stands = stands._replace(shadow=0)
            return await self._change(con, stands, "use", who)

    async def take_file(self, text: str, who: Who, refused: str, is_first: bool) -> int | None:
        """Notes a file, once, whichever replica sees it first; lets it stand unless it is `refused`, for that
        reason. Answers the number of the change, or None where there was nothing to change. `is_first`: the
        process has just begun; a file that was in force before is then no news.
        """
        async with self._db.transaction() as con:
            now = await self._lock(con)
            found = digest(text)
            if found == now.file_digest or (is_first and await con.fetchval(TAKEN, found)):
                return None
            now = now._replace(file_digest=found)
            if refused:
                return await self._change(con, now, "file_refused", who._replace(comment=refused))
            return await self._change(con, now._replace(live=await self._keep(con, text)), "file", who)

    async def switch(self, feature: Feature.ValueType, is_off: bool, who: Who) -> int:
        """Switches a feature; answers the number of the change."""
        async with self._db.transaction() as con:
            now = await self._lock(con)
            off = now.off | {feature} if is_off else now.off - {feature}
            return await self._change(con, now._replace(off=off), "switch", who)

    async def changes(self, limit: int) -> list[Change]:
        """The history, newest first."""
        rows = await self._db.fetch(CHANGES, limit)
        return [
            Change(revision, at_ms, Who(by, comment), what, live, shadow, _features(off))
            for revision, at_ms, by, what, comment, live, shadow, off in rows
        ]

    async def add(self, version: int, tally: Tally, samples: Sequence[Sample]) -> None:
        """Notes what was found in the shadow; of the samples as many as still have room."""
        keys = sorted(tally)
        counts = [tally[key] for key in keys]
        kinds, allows = [kind for kind, _ in keys], [allows for _, allows in keys]
        await self._db.execute(ADD, version, kinds, allows, counts)
        if samples:
            columns = list(zip(*(sample[:4] for sample in samples), strict=True))
            await self._db.execute(SAMPLE, version, *columns, MOST_SAMPLES)

    async def found(self, version: int) -> tuple[dict[tuple[str, bool], int], list[Sample]]:
        """What was found in the shadow: how often what, most frequent first, and samples, newest first."""
        tally = {(kind, allows): count for kind, allows, count in await self._db.fetch(TALLIES, version)}
        rows = await self._db.fetch(SAMPLES, version)
        return tally, [Sample(*row) for row in rows]

    async def looked(self, operator: records_pb2.Operator, what: str, about: str) -> None:
        """Notes in the audit that somebody looks at what people chose or did, before he is shown it."""
        await audit.note(self._db, operator, what, about)

    async def _lock(self, con: Connection) -> InForce:
        """Keeps every other change out until the end of the transaction; answers what is in force."""
        await con.execute("LOCK TABLE operator_change IN SHARE ROW EXCLUSIVE MODE")
        row = await con.fetchrow(NEWEST)
        return _in_force(row) if row else NOTHING

    async def _keep(self, con: Connection, text: str) -> int:
        await con.execute(KEEP, digest(text), text)
        version: int = await con.fetchval(VERSION, digest(text))
        return version

    async def _change(self, con: Connection, now: InForce, what: str, who: Who) -> int:
        revision = now.revision + 1
        off = sorted(now.off)
        await con.execute(
            CHANGE, revision, who.by, what, who.comment, now.live, now.shadow, off, now.file_digest
        )
        return revision


class Samples:
    """The attempts that were kept as examples: they say who called whom, and are kept as long as verdicts."""

    def __init__(self, db: Database, keep_days: int) -> None:
        self._db = db
        self._keep_days = keep_days

    async def sweep(self) -> None:
        """Deletes what is too old."""
        await self._db.execute(SWEEP, self._keep_days)


def _in_force(row: Record) -> InForce:
    revision, live, shadow, off, file_digest = row
    return InForce(revision, live, shadow, _features(off), file_digest)


def _features(off: Sequence[int]) -> frozenset[Feature.ValueType]:
    return frozenset(Feature.ValueType(one) for one in off)
