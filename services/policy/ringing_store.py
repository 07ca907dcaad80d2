"""The ring budget in Postgres: exact across processes, and still there after all of them were killed.

A row says what one user spent, as of a version. It is read in the statement that reads everything else about
a verdict; the rules (ringing.py) make the next one of it; one statement writes the rows of a batch, each only
where it still has the version that was read. Where another process was faster, what depended on that row is
decided anew. A callee's row is written only together with those of all its callers in the batch.

Rows of strangers' callees are written whether the ring is heard or not: else the time of an answer would
depend on it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from prometheus_client import Counter

from ringline import ids
from ringline.db import Database
from ringline.gather import Gather
from ringline.refusal import Refusal
from ringline.telemetry import log
from ringline.v1 import reasons_pb2
from services.policy import ringing
from services.policy.ringing import Callee, Caller, Distance, Kept, Limits, Ring, Share, Stranger, Try

SPENT = Counter("ringline_ring_budget_total", "Attempts by what the ring budget made of them.", ["outcome"])
AGAIN = Counter("ringline_ring_budget_again_total", "Attempts decided anew: another process was faster.")

TRIES = 50
"""In each, one process or another gets its row written."""

# Four columns about a caller and a callee; `{caller}` and `{callee}` are where their ids stand. Whether the
# callee rang the caller is in what the callee spent himself.
COLUMNS = """
    (SELECT json_build_array(r.version, r.state)::text FROM ring_caller AS r WHERE r.user_id = {caller}),
    (SELECT json_build_array(r.version, r.state)::text FROM ring_caller AS r WHERE r.user_id = {callee}),
    (SELECT json_build_array(r.version, r.state)::text FROM ring_callee AS r WHERE r.user_id = {callee}),
    floor(extract(epoch FROM now()) * 1000)::bigint"""
READ = f"""
SELECT {COLUMNS.format(caller="q.caller", callee="q.callee")}
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS q (caller, callee, n) ORDER BY q.n"""

WRITE = """
WITH own AS (
    INSERT INTO ring_caller AS r (user_id, version, state, until)
    SELECT new.user_id, new.version, new.state::jsonb, to_timestamp(new.until / 1000.0)
    FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[]) AS new (user_id, version, state, until)
    ON CONFLICT (user_id) DO UPDATE
        SET version = excluded.version, state = excluded.state, until = excluded.until
        WHERE r.version = excluded.version - 1
    RETURNING user_id
), theirs AS (
    INSERT INTO ring_callee AS r (user_id, version, state, until)
    SELECT new.user_id, new.version, new.state::jsonb, to_timestamp(new.until / 1000.0)
    FROM unnest($5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::text[])
        AS new (user_id, version, state, until, callers)
    WHERE string_to_array(new.callers, ' ') <@ ARRAY(SELECT own.user_id FROM own)
    ON CONFLICT (user_id) DO UPDATE
        SET version = excluded.version, state = excluded.state, until = excluded.until
        WHERE r.version = excluded.version - 1
    RETURNING user_id
)
SELECT false, user_id FROM own UNION ALL SELECT true, user_id FROM theirs"""

# By their place in the table: as a join with the page, the planner reads the whole table for each page.
SWEEP = """
WITH page AS (
        SELECT user_id, until, ctid AS place FROM {table} WHERE user_id > $1 ORDER BY user_id LIMIT 1000),
    gone AS (DELETE FROM {table} WHERE until < now()
        AND ctid = ANY(ARRAY(SELECT place FROM page WHERE until < now())))
SELECT max(user_id) FROM page"""
SWEEP_SECONDS = 3600.0


class Spent(NamedTuple):
    """What the budget makes of an attempt."""

    refused_by: str = ""
    """The budget of the caller that is used up; empty where none is."""
    unheard_by: str = ""
    """The budget of the callee that is used up; empty where none is."""
    retry_after: float = 0.0
    """In how many seconds there is room again, where it is refused."""


@dataclass
class Row:
    """A row, as it was read and as this batch would have it."""

    version: int
    state: Any
    is_new: bool = False
    callers: set[str] = field(default_factory=set)
    """Of a callee's row: whose rows have to be written with it."""

    def put(self, state: Caller | Callee) -> None:
        """Takes another state; nothing where it is the very same."""
        self.is_new = self.is_new or state is not self.state
        self.state = state


Key = tuple[bool, str]
"""Whether it is a row of a callee's patience, and whose."""
Act = Callable[[Row, Row, Row, int], Any]
"""What is done to rows: the caller's own, the callee's own, that of the callee's patience; and the time."""


class Deed(NamedTuple):
    """One thing that is to be done to the rows of two users."""

    caller: str
    callee: str
    act: Act
    kept: Kept | None = None


class Rings:
    """The two tables."""

    def __init__(self, db: Database, limits: Limits) -> None:
        self._db = db
        self.limits = limits
        self._deeds = Gather(self._do)

    async def spend(self, wish: Try, kept: Kept) -> Spent:
        """Counts an attempt, if it is not refused. Raises Refusal(UNAVAILABLE)."""
        # With a name of its own where it has none: what is decided anew is not counted anew.
        wish = wish._replace(name=wish.name or ids.mint("a_"))

        def act(own: Row, back: Row, theirs: Row, now: int) -> Spent:
            return _spend(wish, own, back, theirs, now, self.limits)

        spent: Spent = await self._deeds.ask(Deed(wish.caller, wish.callee, act, kept))
        SPENT.labels("refused" if spent.refused_by else "unheard" if spent.unheard_by else "passed").inc()
        return spent

    async def answered(self, caller: str, callee: str, at: int, talked: bool) -> None:
        """The callee answered at that time, in Unix milliseconds. Said again, it changes nothing."""

        def act(own: Row, back: Row, theirs: Row, now: int) -> None:
            own.put(ringing.answered(own.state, callee, at, talked))
            back.put(ringing.answered(back.state, caller, at, talked))
            if talked:
                theirs.put(ringing.welcomed(theirs.state, caller, at, self.limits))

        await self._deeds.ask(Deed(caller, callee, act))

    async def unwelcome(self, caller: str, callee: str, weight: int, at: int | None = None) -> None:
        """The callee did not want what the caller rang until `at`, in Unix milliseconds (None: until now).
        Said again of the same time, it changes nothing.
        """

        def act(own: Row, back: Row, theirs: Row, now: int) -> None:
            theirs.put(ringing.unwelcome(theirs.state, caller, now if at is None else at, weight))

        await self._deeds.ask(Deed(caller, callee, act))

    def explain(self, wish: Try, kept: Kept) -> list[Share]:
        """The state of each budget, for this attempt; nothing is counted."""
        wish = ringing.closer(wish, _caller(kept.back).state, kept.now)
        own = ringing.shares(_caller(kept.caller).state, wish, kept.now, self.limits)
        theirs = _callee(kept.callee).state
        return own + ringing.callee_shares(theirs, wish, kept.now, self.limits)

    async def read(self, pairs: Sequence[tuple[str, str]]) -> list[Kept]:
        """What is kept of callers and callees, in one statement."""
        rows = await self._db.fetch(READ, [one for one, _ in pairs], [other for _, other in pairs])
        return [Kept(*row) for row in rows]

    async def _do(self, deeds: Sequence[Deed]) -> list[Any]:
        """Does all of it, in this order, in one statement; in more where another process was faster."""
        answers: list[Any] = [None] * len(deeds)
        kept = [deed.kept for deed in deeds]
        left: Sequence[int] = range(len(deeds))
        for _ in range(TRIES):
            missing = [n for n in left if kept[n] is None]
            if missing:
                found = await self.read([(deeds[n].caller, deeds[n].callee) for n in missing])
                for n, read in zip(missing, found, strict=True):
                    kept[n] = read
            batch = Batch()
            todo = [(n, deeds[n], one) for n in left if (one := kept[n]) is not None]
            for _, deed, one in todo:
                batch.add(deed, one)
            for n, deed, one in todo:
                answers[n] = deed.act(*batch.rows(deed), one.now)
            lost = await self._write(batch)
            left = [n for n in left if not lost.isdisjoint(_rows_of(deeds[n]))]
            if not left:
                return answers
            AGAIN.inc(len(left))
            for n in left:
                kept[n] = None
        raise Refusal(reasons_pb2.REASON_UNAVAILABLE)

    async def _write(self, batch: Batch) -> set[Key]:
        """Writes the rows that are new; answers those for which another process was faster."""
        new = sorted(key for key, row in batch.by_key.items() if row.is_new)
        if not new:
            return set()
        columns: list[list[Any]] = [[], [], [], [], [], [], [], [], []]
        for key in new:
            row = batch.by_key[key]
            is_callee, user_id = key
            until = (
                ringing.callee_kept_until(batch.now, self.limits)
                if is_callee
                else ringing.caller_kept_until(row.state, batch.now, self.limits)
            )
            values = (user_id, row.version + 1, _text_of(row.state), until)
            for column, value in zip(columns[4 * is_callee :], values, strict=False):
                column.append(value)
            if is_callee:
                columns[8].append(" ".join(sorted(row.callers)))
        won = await self._db.fetch(WRITE, *columns)
        return set(new) - {(is_callee, user_id) for is_callee, user_id in won}

    async def sweep(self) -> None:
        """Deletes the rows that say nothing any more, page by page."""
        for table in ("ring_caller", "ring_callee"):
            last: str | None = ""
            while last is not None:
                last = await self._db.fetchval(SWEEP.format(table=table), last)

    async def run(self) -> None:
        """Does so for ever, every hour."""
        while True:
            try:
                await self.sweep()
            except Refusal as refusal:
                log(__name__).warning("sweep failed", reason=refusal.name)
            await asyncio.sleep(SWEEP_SECONDS)


class Batch:
    """The rows of a batch, each as of the newest version that was read."""

    def __init__(self) -> None:
        self.by_key: dict[Key, Row] = {}
        self.now = 0

    def add(self, deed: Deed, kept: Kept) -> None:
        """Takes in what was read for a deed."""
        texts = (kept.caller, kept.back, kept.callee)
        for (is_callee, user_id), text in zip(_rows_of(deed), texts, strict=True):
            row = _callee(text) if is_callee else _caller(text)
            known = self.by_key.get((is_callee, user_id))
            if known is None or known.version < row.version:
                self.by_key[is_callee, user_id] = row
        self.now = max(self.now, kept.now)

    def rows(self, deed: Deed) -> tuple[Row, Row, Row]:
        """The caller's own, the callee's own, and that of the callee's patience."""
        own, back, theirs = _rows_of(deed)
        return self.by_key[own], self.by_key[back], self.by_key[theirs]


def _rows_of(deed: Deed) -> tuple[Key, Key, Key]:
    return (False, deed.caller), (False, deed.callee), (True, deed.callee)


def _spend(wish: Try, own: Row, back: Row, theirs: Row, now: int, limits: Limits) -> Spent:
    placed = ringing.place(own.state, back.state, theirs.state, wish, now, limits)
    if placed.refused is not None:
        return Spent(placed.refused.name, retry_after=(placed.refused.free_at - now) / 1000)
    own.put(placed.own)
    if placed.distance is Distance.STRANGER and (limits.rings or limits.rings_a_day):
        # Written also where it says the same as before: whether it was heard must not show in the time.
        theirs.put(placed.theirs if placed.theirs is not theirs.state else replace(placed.theirs))
        if own.is_new:
            theirs.callers.add(wish.caller)
    return Spent(unheard_by=placed.unheard_by)


def _caller(text: str | None) -> Row:
    if text is None:
        return Row(0, ringing.NEW_CALLER)
    version, state = json.loads(text)
    pairs = {user: tuple(times) for user, times in state["pairs"].items()}
    strangers = {user: Stranger(*one) for user, one in state["strangers"].items()}
    places, names = tuple(state["places"]), tuple(state["names"])
    return Row(version, Caller(places, names, pairs, strangers, state["talked_at"]))


def _callee(text: str | None) -> Row:
    if text is None:
        return Row(0, ringing.NEW_CALLEE)
    version, state = json.loads(text)
    declines = {user: tuple(times) for user, times in state["declines"].items()}
    return Row(version, Callee(tuple(Ring(*one) for one in state["rings"]), declines))


def _text_of(state: Caller | Callee) -> str:
    if isinstance(state, Callee):
        return json.dumps({"rings": state.rings, "declines": state.declines})
    fields = ("places", "names", "pairs", "strangers", "talked_at")
    return json.dumps({name: getattr(state, name) for name in fields})
