"""Who stands behind a name, where one may have a thread with him.

Whatever tells whether a name exists counts as a lookup, so that nobody walks the whole directory. But people
one has a thread with are known: to open sixty threads must not use up the lookups. So a lookup is taken first
and given back where there is a thread. Who has none left is still let through to the people he knows, so
often and no more, and is told the same, after the same questions, whether a name is nobody's or somebody's he
does not know.

Instead of a name there may be a user's id: a name may pass on to somebody else, an id never does. No username
has the form of an id.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1 import conversations_pb2, directory_pb2, threads_pb2
from ringline.v1.reasons_pb2 import Reason
from services.gateway.auth import Caller
from services.gateway.edge import Edge


@dataclass(frozen=True)
class Peer:
    """The other one of a thread."""

    user_id: str
    edge: Edge
    caller: Caller
    is_counted: bool
    """It was counted as a lookup."""

    def known(self, thread: threads_pb2.Thread) -> None:
        """There is a thread with him, where it ever changed: then it was no lookup."""
        if self.is_counted and thread.feed:
            self.edge.lookups.give_back(self.caller.user_id, time.monotonic())


async def find_peer(edge: Edge, caller: Caller, name: str, meant_id: str | None = None) -> Peer:
    """Who has that name or id. Raises Refusal(USER_NOT_FOUND, LIMITED).

    Where it is not who is meant, nobody is found: the name has passed on to somebody else.
    """
    now = time.monotonic()
    wait = edge.lookups.take(caller.user_id, now)
    if wait and (longer := edge.recalls.take(caller.user_id, now)):
        raise Refusal(Reason.REASON_LIMITED, retry_after=min(wait, longer))
    user_id, missing = "", None
    try:
        user_id = await _resolve(edge, name)
        if meant_id not in (None, user_id):
            user_id, missing = "", Refusal(Reason.REASON_USER_NOT_FOUND)
    except Refusal as refusal:
        if refusal.reason not in (Reason.REASON_USER_NOT_FOUND, Reason.REASON_USERNAME_INVALID):
            raise
        missing = refusal
    if wait:
        is_known = await _has_thread(edge, caller, user_id or ids.mint_user())
        if not is_known:
            raise Refusal(Reason.REASON_LIMITED, retry_after=wait)
    if missing is not None:
        raise missing
    return Peer(user_id, edge, caller, is_counted=not wait)


async def _resolve(edge: Edge, name: str) -> str:
    if ids.is_id(name, "u_"):
        account = await edge.directory.GetAccount(directory_pb2.GetAccountRequest(user_id=name))
        return account.account.profile.user_id
    answer = await edge.directory.Resolve(directory_pb2.ResolveRequest(username=name))
    return answer.profile.user_id


async def _has_thread(edge: Edge, caller: Caller, other_id: str) -> bool:
    if other_id == caller.user_id:
        return False
    request = conversations_pb2.ListEntriesRequest(user_id=caller.user_id, other_user_id=other_id, limit=1)
    answer = await edge.conversations.ListEntries(request)
    return answer.thread.feed > 0
