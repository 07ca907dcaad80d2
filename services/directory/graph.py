"""The graph between people, in the database: who is whose contact, who follows whom, who wrote to whom; and
search.

`relate` is the hot path of every call: one statement answers any number of pairs. Nothing of it is ever
cached.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ringline.db import Database, Record
from ringline.v1.accounts_pb2 import Account
from ringline.v1.directory_pb2 import Edges, PairAnswer, Relation
from ringline.v1.types_pb2 import Profile
from services.directory.store import profile_of, unknown_user

CANDIDATES = 200
"""Among so many with one word the best are sought: that keeps a search for "an" short among a million."""
WORDS = 4
"""How many words of a query count."""

_COLUMN: dict[Relation.ValueType, str] = {
    Relation.RELATION_CONTACT: "contact",
    Relation.RELATION_FOLLOW: "follows",
}

_LAST = "\U0010ffff"
"""Sorts after whatever goes on."""

# LATERAL … LIMIT 1: each edge is fetched by its whole key. As plain joins the planner fetched every edge of a
# user and threw the others away: right for who knows three people, wrong for who knows ten thousand.
_RELATE = """
SELECT q.at,
       a.user_id AS a_user_id, a.username AS a_username, a.display_name AS a_display_name,
       a.verified AS a_verified, a.tier AS a_tier, a.searchable AS a_searchable, a.created_ms AS a_created_ms,
       b.user_id AS b_user_id, b.username AS b_username, b.display_name AS b_display_name,
       b.verified AS b_verified, b.tier AS b_tier, b.searchable AS b_searchable, b.created_ms AS b_created_ms,
       f.contact AS f_contact, f.follows AS f_follows, f.messaged AS f_messaged,
       t.contact AS t_contact, t.follows AS t_follows, t.messaged AS t_messaged
  FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS q (user_id, other_id, other_username, at)
  JOIN account a ON a.user_id = q.user_id
  JOIN LATERAL (
       SELECT * FROM account WHERE user_id = q.other_id
       UNION ALL
       SELECT * FROM account WHERE username = q.other_username
       LIMIT 1
  ) b ON true
  LEFT JOIN LATERAL (SELECT * FROM edge WHERE user_id = a.user_id AND other_id = b.user_id LIMIT 1) f ON true
  LEFT JOIN LATERAL (SELECT * FROM edge WHERE user_id = b.user_id AND other_id = a.user_id LIMIT 1) t ON true
"""
_ADD = """
INSERT INTO edge (user_id, other_id, {column}) VALUES ($1, $2, true)
ON CONFLICT (user_id, other_id) DO UPDATE SET {column} = true
"""
_REMOVE = "UPDATE edge SET {column} = false WHERE user_id = $1 AND other_id = $2"
_TIDY = "DELETE FROM edge WHERE user_id = $1 AND other_id = $2 AND NOT (contact OR follows OR messaged)"
# The two people are held first, in the order of their ids, and then the edge, as by everybody who takes more
# than one of these: nobody waits for somebody who waits for him.
_NOTE_MESSAGED = """
WITH people AS MATERIALIZED (
     SELECT user_id FROM account WHERE user_id IN ($1, $2) ORDER BY user_id FOR KEY SHARE),
     noted AS (
     INSERT INTO edge AS e (user_id, other_id, messaged)
     SELECT $1, $2, true WHERE (SELECT count(*) FROM people) = 2
     ON CONFLICT (user_id, other_id) DO UPDATE SET messaged = true WHERE NOT e.messaged)
SELECT count(*) FROM people
"""
_LIST = """
SELECT account.user_id, username, display_name, verified
  FROM edge JOIN account ON account.user_id = edge.other_id
 WHERE edge.user_id = $1 AND edge.{column} AND username > $2
 ORDER BY username LIMIT $3
"""
# The rarest word finds candidates, the others narrow them down; of a word that is not rare only the first
# ones in the order of the index (exact ones come first there), so that no query looks at more than a few
# hundred people. The range of a prefix is spelled out: nothing that was typed becomes a pattern.
_SEARCH = """
WITH asked AS (
     SELECT * FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (first, beyond, at)),
     hit AS MATERIALIZED (
     SELECT at, user_id FROM asked CROSS JOIN LATERAL (
            SELECT user_id FROM word WHERE word >= first AND word < beyond ORDER BY word LIMIT $5) AS few),
     rarest AS (
     SELECT at FROM asked LEFT JOIN hit USING (at) GROUP BY at ORDER BY count(user_id), at LIMIT 1),
     candidate AS (
     SELECT DISTINCT user_id FROM hit JOIN rarest USING (at)
      WHERE user_id <> $3 AND NOT EXISTS (
            SELECT FROM asked WHERE NOT EXISTS (
                   SELECT FROM word WHERE word.user_id = hit.user_id AND starts_with(word, first))))
SELECT user_id, username, display_name, verified FROM candidate JOIN account USING (user_id)
 ORDER BY username = ($1::text[])[1] DESC, verified DESC, starts_with(username, ($1::text[])[1]) DESC,
       length(username), username
 LIMIT $4
"""


class Question(NamedTuple):
    """Two people: the other one by id, or else by username in normal form."""

    user_id: str
    other_id: str
    other_username: str


class Graph:
    """Reads and writes edges."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def relate(self, questions: Sequence[Question]) -> list[PairAnswer | None]:
        """Who the two of each question are and how they are related; None where one does not exist."""
        rows = await self._db.fetch(
            _RELATE,
            [one.user_id for one in questions],
            [one.other_id or None for one in questions],
            [one.other_username or None for one in questions],
        )
        answers: list[PairAnswer | None] = [None] * len(questions)
        for row in rows:
            answers[row["at"] - 1] = _answer(row)
        return answers

    async def set_relation(
        self, user_id: str, other_id: str, relation: Relation.ValueType, present: bool
    ) -> None:
        """Adds or removes an edge; both may be repeated. Raises Refusal(USER_NOT_FOUND) for nobody."""
        column = _COLUMN[relation]
        async with self._db.transaction() as con:
            if not await con.fetchval("SELECT true FROM account WHERE user_id = $1 FOR KEY SHARE", user_id):
                raise unknown_user()
            if present:
                await con.execute(_ADD.format(column=column), user_id, other_id)
            else:
                await con.execute(_REMOVE.format(column=column), user_id, other_id)
                await con.execute(_TIDY, user_id, other_id)

    async def note_messaged(self, user_id: str, other_id: str) -> None:
        """Notes for good that one has written to another; may be repeated.

        Raises Refusal(USER_NOT_FOUND) where one of the two does not exist.
        """
        if await self._db.fetchval(_NOTE_MESSAGED, user_id, other_id) != 2:
            raise unknown_user()

    async def relations(
        self, user_id: str, relation: Relation.ValueType, after: str, limit: int
    ) -> list[Profile]:
        """Those to whom this user has an edge, by username, after `after`."""
        rows = await self._db.fetch(_LIST.format(column=_COLUMN[relation]), user_id, after, limit)
        return [profile_of(row) for row in rows]

    async def search(self, words: Sequence[str], user_id: str, limit: int) -> list[Profile]:
        """People but `user_id` who opted in and have, for each of `words`, a word that begins with it."""
        asked = list(words)[:WORDS]
        beyond = [word + _LAST for word in asked]
        rows = await self._db.fetch(_SEARCH, asked, beyond, user_id, limit, CANDIDATES)
        return [profile_of(row) for row in rows]


def _answer(row: Record) -> PairAnswer:
    return PairAnswer(
        user=_account(row, "a_"),
        other=_account(row, "b_"),
        user_to_other=_edges(row, "f_"),
        other_to_user=_edges(row, "t_"),
    )


def _account(row: Record, side: str) -> Account:
    return Account(
        profile=Profile(
            user_id=row[side + "user_id"],
            username=row[side + "username"],
            display_name=row[side + "display_name"],
            verified=row[side + "verified"],
        ),
        tier=row[side + "tier"],
        searchable=row[side + "searchable"],
        created_at_ms=row[side + "created_ms"],
    )


def _edges(row: Record, side: str) -> Edges:
    return Edges(
        contact=bool(row[side + "contact"]),
        follows=bool(row[side + "follows"]),
        messaged=bool(row[side + "messaged"]),
    )
