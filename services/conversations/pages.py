"""What is read of boxes, page by page. Every page is one scan of an index, however long a thread is."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ringline.db import Database
from ringline.v1 import threads_pb2
from ringline.v1.threads_pb2 import Folder
from services.conversations.box import Box, Person
from services.conversations.store import BOX, box_of, entry_of, last
from services.conversations.view import Change, Shown

NEWEST = 2**63 - 1

PERSON = "SELECT user_id, feed, unread, requests FROM person WHERE user_id = $1"
ONE = f"SELECT owner_id, other_id, 0, {BOX} FROM thread AS t WHERE owner_id = $1 AND other_id = $2"
WITH_LAST = f"""
SELECT e.number AS last_number, e.at_ms AS last_at_ms, e.body AS last_body,
    t.owner_id, t.other_id, 0, {BOX}
FROM thread AS t LEFT JOIN LATERAL (
    SELECT number, at_ms, body FROM entry
    WHERE owner_id = t.owner_id AND other_id = t.other_id AND number > t.removed
    ORDER BY number DESC LIMIT 1) AS e ON true"""
LIST = f"""{WITH_LAST}
WHERE t.owner_id = $1 AND t.folder = $2 AND t.moved < $3 AND t.number > t.removed
ORDER BY t.moved DESC LIMIT $4"""
CHANGES = f"{WITH_LAST} WHERE t.owner_id = $1 AND t.feed > $2 ORDER BY t.feed LIMIT $3"

# What brought an entry to these people, where nothing has changed for them since.
NEWEST_CHANGE = f"""
SELECT e.number AS last_number, e.at_ms AS last_at_ms, e.body AS last_body,
    t.owner_id, t.other_id, 0, {BOX}, p.feed AS person_feed, p.unread AS person_unread, p.requests
FROM entry AS e
JOIN thread AS t ON t.owner_id = e.owner_id AND t.other_id = e.other_id AND t.number = e.number
JOIN person AS p ON p.user_id = t.owner_id AND p.feed = t.feed
WHERE e.owner_id = ANY($1) AND e.item_id = $2"""
ENTRIES = """
SELECT number, at_ms, body FROM entry
WHERE owner_id = $1 AND other_id = $2 AND number < $3 AND number > $4 ORDER BY number DESC LIMIT $5"""
OF_ITEMS = """
SELECT e.number, e.at_ms, e.body FROM entry AS e
WHERE e.owner_id = $1 AND e.other_id = $2 AND e.item_id = ANY($3) AND e.number >
    (SELECT removed FROM thread AS t WHERE t.owner_id = e.owner_id AND t.other_id = e.other_id)"""
# A scalar subquery: a probe of the primary key each, whatever the planner thinks of the size of a table.
CALLS = """
SELECT e.other_id, e.number, e.at_ms, e.body FROM entry AS e
WHERE e.owner_id = $1 AND e.is_call AND (e.at_ms, e.item_id) < ($2, $3) AND e.number >
    (SELECT removed FROM thread AS t WHERE t.owner_id = e.owner_id AND t.other_id = e.other_id)
ORDER BY e.at_ms DESC, e.item_id DESC LIMIT $4"""
MISSED = CALLS.replace("AND e.is_call", "AND e.is_call AND e.counts")


class Call(NamedTuple):
    """A call that is over, and with whom it was."""

    other_id: str
    entry: threads_pb2.Entry


class Pages:
    """The tables of conversations, read."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def person(self, user_id: str) -> Person:
        """How things stand with somebody. Read before his threads: what comes in between is a change."""
        row = await self._db.fetchrow(PERSON, user_id)
        return Person(*row) if row else Person(user_id)

    async def one(self, owner_id: str, other_id: str) -> Shown:
        """One box."""
        row = await self._db.fetchrow(ONE, owner_id, other_id)
        if row is None:
            return Shown(Box(owner_id, other_id), None)
        box = box_of(row)
        return Shown(box, await last(self._db, box))

    async def threads(self, owner_id: str, folder: Folder.ValueType, before: int, limit: int) -> list[Shown]:
        """The boxes of a folder, the one with the newest entry first."""
        rows = await self._db.fetch(LIST, owner_id, folder, before or NEWEST, limit)
        return [_shown(row) for row in rows]

    async def changes(self, owner_id: str, since: int, limit: int) -> list[Shown]:
        """The boxes that changed, the oldest change first."""
        return [_shown(row) for row in await self._db.fetch(CHANGES, owner_id, since, limit)]

    async def newest(self, owners: Sequence[str], item_id: str) -> list[Change]:
        """How an entry came to those of these people who have it, as long as it is their newest change."""
        found = []
        for row in await self._db.fetch(NEWEST_CHANGE, owners, item_id):
            *columns, feed, unread, requests = row
            shown = _shown(columns)
            found.append(Change(Person(shown.box.owner_id, feed, unread, requests), shown, shown.last))
        return found

    async def entries(self, box: Box, before: int, limit: int) -> list[threads_pb2.Entry]:
        """The entries of a box, newest first."""
        rows = await self._db.fetch(ENTRIES, box.owner_id, box.other_id, before or NEWEST, box.removed, limit)
        return [entry_of(*row) for row in rows]

    async def of_items(
        self, owner_id: str, other_id: str, item_ids: Sequence[str]
    ) -> list[threads_pb2.Entry]:
        """Of some messages and calls, those that the owner of a box sees in it."""
        rows = await self._db.fetch(OF_ITEMS, owner_id, other_id, list(item_ids))
        return [entry_of(*row) for row in rows]

    async def calls(self, owner_id: str, missed: bool, before: tuple[int, str], limit: int) -> list[Call]:
        """The calls of somebody with everybody, newest first."""
        rows = await self._db.fetch(MISSED if missed else CALLS, owner_id, *before, limit)
        return [Call(other_id, entry_of(*entry)) for other_id, *entry in rows]


def _shown(row: Sequence[Any]) -> Shown:
    number, at_ms, body, *columns = row
    return Shown(box_of(columns), entry_of(number, at_ms, body) if body is not None else None)
