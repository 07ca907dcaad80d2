"""What changes boxes, in Postgres.

Whoever changes a box holds the row of its owner in `person` from the first statement to the commit; of two
owners the lower id is taken first. So the changes of a person come one after the other, each one step of his
feed, and two who write to each other at the same moment have their messages in the same order on both sides.
Who writes what is not delivered stands in the same line and holds the same rows: how long that takes, and
whoever else is in it, tells him nothing.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NamedTuple

from ringline.db import Connection, Database, Record
from ringline.v1 import threads_pb2
from services.conversations.box import Addition, Box, Person, accepted, added, marked, removed, stamped
from services.conversations.view import Change, Shown

# Changes nothing, but holds the rows, and makes those that are missing.
HOLD = """
INSERT INTO person AS p (user_id)
SELECT user_id FROM unnest($1::text[]) AS wanted (user_id) ORDER BY user_id COLLATE "C"
ON CONFLICT (user_id) DO UPDATE SET feed = p.feed
RETURNING p.user_id, p.feed, p.unread, p.requests"""
# The same for somebody whose box stays as it is: nothing is made, and no dead row is left.
LINE_UP = "SELECT FROM person WHERE user_id = $1 FOR NO KEY UPDATE"
BOX = "t.folder, t.number, t.moved, t.feed, t.read, t.unread, t.removed, t.wrote, t.messaged"
BOXES = f"""
SELECT owner_id, other_id, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, {BOX}
FROM unnest($1::text[], $2::text[]) AS wanted (owner_id, other_id)
LEFT JOIN thread AS t USING (owner_id, other_id)"""

_PERSON = "UPDATE person SET feed = $5, unread = $12, requests = $13 WHERE user_id = $1"
_BOX = """
INSERT INTO thread (owner_id, other_id, folder, number, feed, moved, read, unread, removed, wrote, messaged)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (owner_id, other_id) DO UPDATE SET folder = $3, number = $4, feed = $5, moved = $6, read = $7,
    unread = $8, removed = $9, wrote = $10, messaged = $11"""
# The time of a message was taken when it was asked for: one that was asked for later may be there already.
# Among the newest entries there may be calls, whose time is another one.
_AT = """
CASE WHEN $17 THEN $14 ELSE greatest($14, (SELECT max(e.at_ms) FROM (
    SELECT at_ms, is_call FROM entry WHERE owner_id = $1 AND other_id = $2 ORDER BY number DESC LIMIT 8
) AS e WHERE NOT e.is_call)) END"""
_ENTRY = f"""
INSERT INTO entry (owner_id, other_id, number, at_ms, item_id, client_id, is_call, counts, version, body)
VALUES ($1, $2, $4, {_AT}, $15, $16, $17, $18, $19, $20) RETURNING at_ms"""
# One statement each, so that a box is one round trip.
KEEP = f"WITH saved AS ({_PERSON}) {_BOX}"
ADD = f"WITH saved AS ({_PERSON}), kept AS ({_BOX}) {_ENTRY}"

SENT = """
SELECT other_id, number, at_ms, body FROM entry WHERE owner_id = $1 AND client_id = $2"""
KNOWN_CALL = """
SELECT owner_id, number, version, counts, body FROM entry WHERE owner_id = ANY($1) AND item_id = $2"""
RENEW_CALL = """
UPDATE entry SET version = $3, counts = $4, body = $5 WHERE owner_id = $1 AND item_id = $2"""

# A call that was missed counts. Of a long talk in writing only the newest is looked at.
LAST_CALL = """
SELECT counts FROM (
    SELECT is_call, counts FROM entry WHERE owner_id = $1 AND other_id = $2 AND number < $3
    ORDER BY number DESC LIMIT 50) AS newest
WHERE is_call LIMIT 1"""

UNREAD = """
SELECT count(*) FROM entry WHERE owner_id = $1 AND other_id = $2 AND number > $3 AND counts"""
LAST = """
SELECT number, at_ms, body FROM entry WHERE owner_id = $1 AND other_id = $2 AND number > $3
ORDER BY number DESC LIMIT 1"""

# Once a minute somebody looks; who comes second finds nothing.
PORTION = 1_000
OLD = f"SELECT DISTINCT owner_id, other_id FROM (SELECT * FROM entry WHERE at_ms < $1 LIMIT {PORTION}) AS old"
# Answers how many there were, and how many of them counted.
DELETE_OLD = f"""
WITH gone AS (
    DELETE FROM entry WHERE owner_id = $1 AND other_id = $2 AND number IN (
        SELECT number FROM (
            SELECT number, at_ms FROM entry WHERE owner_id = $1 AND other_id = $2
            ORDER BY number LIMIT {PORTION}
        ) AS first WHERE at_ms < $3)
    RETURNING number, counts)
SELECT count(*), count(*) FILTER (WHERE counts AND number > $4) FROM gone"""

Pair = tuple[str, str]


class Sent(NamedTuple):
    """A message as it stands in its sender's box."""

    other_id: str
    entry: threads_pb2.Entry


class _Held:
    """Boxes in the hands of one transaction."""

    def __init__(self, con: Connection, people: dict[str, Person], boxes: dict[str, Box]) -> None:
        self.con = con
        self.boxes = boxes
        self._people = people

    async def add(self, new: Addition) -> Change:
        """Adds an entry to its owner's box."""
        was = self.boxes[new.owner_id]
        entry = threads_pb2.Entry()
        entry.CopyFrom(new.entry)
        entry.number = was.number + 1
        person, box = self._stamp(was, added(was, new))
        entry.at_ms = await self.con.fetchval(
            ADD,
            *_columns(person, box),
            entry.at_ms,
            new.item_id,
            new.client_id,
            entry.HasField("call"),
            new.counts,
            new.version,
            _body(entry),
        )
        return Change(person, Shown(box, entry), entry)

    async def keep(self, box: Box, entry: threads_pb2.Entry | None = None) -> Change | None:
        """Keeps a box that was changed by anything but an addition; None where nothing is changed."""
        was = self.boxes[box.owner_id]
        if box == was and entry is None:
            return None
        person, box = self._stamp(was, box)
        await self.con.execute(KEEP, *_columns(person, box))
        return Change(person, Shown(box, await last(self.con, box)), entry)

    async def unread(self, box: Box) -> int:
        """How many entries of a box its owner has not read."""
        after = max(box.read, box.removed)
        found: int = await self.con.fetchval(UNREAD, box.owner_id, box.other_id, after)
        return found

    def _stamp(self, was: Box, now: Box) -> tuple[Person, Box]:
        person, box = stamped(self._people[was.owner_id], was, now)
        self._people[person.user_id], self.boxes[box.owner_id] = person, box
        return person, box


class Store:
    """The tables of conversations, written to."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def box(self, owner_id: str, other_id: str) -> tuple[Box, int]:
        """A box as it is, and what time it is, in Unix milliseconds."""
        (row,) = await self._db.fetch(BOXES, [owner_id], [other_id])
        return box_of(row), row[2]

    async def sent(self, user_id: str, client_id: str) -> Sent | None:
        """What this user has sent under this id of his."""
        row = await self._db.fetchrow(SENT, user_id, client_id)
        return _sent(row) if row else None

    async def send(self, additions: Sequence[Addition]) -> list[Change] | Sent:
        """Adds a message to the boxes, all or none, the sender's first.

        Answers what was sent, where there is a message of this id already.
        """
        mine = additions[0]
        beside = mine.other_id if len(additions) == 1 else ""
        async with self._holding([(new.owner_id, new.other_id) for new in additions], beside) as held:
            row = await held.con.fetchrow(SENT, mine.owner_id, mine.client_id)
            if row:
                return _sent(row)
            return [await held.add(new) for new in additions]

    async def project(self, additions: Sequence[Addition]) -> list[Change]:
        """Adds the entries of a call, or replaces those of a lower version; what is known changes nothing."""
        owners, call_id = [new.owner_id for new in additions], additions[0].item_id
        known = await self._db.fetch(KNOWN_CALL, owners, call_id)
        if len(known) == len(owners) and all(row["version"] >= additions[0].version for row in known):
            return []
        changes: list[Change | None] = []
        # A call that the other one never heard of waits for his row, too: else its entry would come sooner.
        beside = additions[0].other_id if len(additions) == 1 else ""
        async with self._holding([(new.owner_id, new.other_id) for new in additions], beside) as held:
            rows = {row["owner_id"]: row for row in await held.con.fetch(KNOWN_CALL, owners, call_id)}
            for new in additions:
                row = rows.get(new.owner_id)
                changes.append(await held.add(new) if row is None else await _renew(held, new, row))
        return [change for change in changes if change is not None]

    async def follows_missed(self, owner_id: str, other_id: str, number: int) -> bool:
        """Whether the call before this entry, between the two, was one that its owner missed."""
        return bool(await self._db.fetchval(LAST_CALL, owner_id, other_id, number))

    async def mark(self, owner_id: str, other_id: str, number: int) -> Change | None:
        """Marks a box as read; None where it was already."""
        async with self._holding([(owner_id, other_id)]) as held:
            box = marked(held.boxes[owner_id], number)
            if box == held.boxes[owner_id]:
                return None
            return await held.keep(replace(box, unread=await held.unread(box)))

    async def accept(self, owner_id: str, other_id: str) -> Change | None:
        """Takes a box among the conversations; None where it was already."""
        async with self._holding([(owner_id, other_id)]) as held:
            return await held.keep(accepted(held.boxes[owner_id]))

    async def remove(self, owner_id: str, other_id: str) -> Change | None:
        """Removes what is in a box; None where there is nothing."""
        async with self._holding([(owner_id, other_id)]) as held:
            return await held.keep(removed(held.boxes[owner_id]))

    async def forget(self, before_ms: int) -> int:
        """Deletes entries that are older, of each box a portion in a transaction of its own, so that nobody
        waits long for a box that is large; answers how many.
        """
        found = 0
        for owner_id, other_id in await self._db.fetch(OLD, before_ms):
            async with self._holding([(owner_id, other_id)]) as held:
                box = held.boxes[owner_id]
                after = max(box.read, box.removed)
                row = await held.con.fetchrow(DELETE_OLD, owner_id, other_id, before_ms, after)
                found += row[0]
                is_empty = await last(held.con, box) is None
                await held.keep(removed(box) if is_empty else replace(box, unread=box.unread - row[1]))
        return found

    @asynccontextmanager
    async def _holding(self, pairs: Sequence[Pair], beside: str = "") -> AsyncIterator[_Held]:
        """Holds boxes, each of another owner, until the block ends; `beside` is held though his box is
        none of them.
        """
        owners = [owner_id for owner_id, _ in pairs]
        async with self._db.transaction() as con:
            if beside and beside < owners[0]:
                await con.execute(LINE_UP, beside)
            people = {row[0]: Person(*row) for row in await con.fetch(HOLD, owners)}
            if beside > owners[0]:
                await con.execute(LINE_UP, beside)
            # A statement of its own: it sees what was committed while the one before waited.
            rows = await con.fetch(BOXES, owners, [other_id for _, other_id in pairs])
            boxes = {row["owner_id"]: box_of(row) for row in rows}
            yield _Held(con, people, boxes)


async def _renew(held: _Held, new: Addition, row: Record) -> Change | None:
    """Puts a newer version of a call in the place of the older one."""
    body = _body(new.entry)
    if row["version"] >= new.version:
        return None
    await held.con.execute(RENEW_CALL, new.owner_id, new.item_id, new.version, new.counts, body)
    if row["body"] == body:
        return None
    box = held.boxes[new.owner_id]
    entry = entry_of(row["number"], new.entry.at_ms, body)
    shown = entry if entry.number > box.removed else None
    return await held.keep(replace(box, unread=await held.unread(box)), shown)


async def last(con: Connection | Database, box: Box) -> threads_pb2.Entry | None:
    """The newest entry of a box that its owner sees."""
    row = await con.fetchrow(LAST, box.owner_id, box.other_id, box.removed)
    return entry_of(*row) if row else None


def box_of(row: Record) -> Box:
    """A box of its row: owner, other, something else, and the columns of BOX, which may be empty."""
    owner_id, other_id, _, *columns = row
    return Box(owner_id, other_id) if columns[0] is None else Box(owner_id, other_id, *columns)


def entry_of(number: int, at_ms: int, body: bytes) -> threads_pb2.Entry:
    """An entry of its columns."""
    entry = threads_pb2.Entry.FromString(body)
    entry.number, entry.at_ms = number, at_ms
    return entry


def _columns(person: Person, box: Box) -> tuple[object, ...]:
    """What KEEP and ADD take of a box and its owner."""
    return (
        box.owner_id,
        box.other_id,
        box.folder,
        box.number,
        box.feed,
        box.moved,
        box.read,
        box.unread,
        box.removed,
        box.wrote,
        box.messaged,
        person.unread,
        person.requests,
    )


def _sent(row: Record) -> Sent:
    return Sent(row["other_id"], entry_of(row["number"], row["at_ms"], row["body"]))


def _body(entry: threads_pb2.Entry) -> bytes:
    bare = threads_pb2.Entry()
    bare.CopyFrom(entry)
    bare.ClearField("number")
    bare.ClearField("at_ms")
    return bare.SerializeToString(deterministic=True)
