"""Conversations' gRPC methods."""

import functools
from collections.abc import Awaitable, Callable

from grpc import aio

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1 import conversations_pb2, conversations_pb2_grpc, threads_pb2
from ringline.v1.reasons_pb2 import Reason
from services.conversations.pages import NEWEST, Pages
from services.conversations.peers import Peers, Profiles
from services.conversations.post import Post
from services.conversations.store import Store
from services.conversations.view import Change, Shown, state, thread

MOST = 100
"""On a page."""
FOLDERS = (threads_pb2.FOLDER_INBOX, threads_pb2.FOLDER_REQUESTS)


class ConversationsApi(conversations_pb2_grpc.ConversationsServicer):
    """The servicer."""

    def __init__(self, store: Store, pages: Pages, peers: Peers, post: Post) -> None:
        self._store = store
        self._pages = pages
        self._peers = peers
        self._post = post

    async def SendMessage(
        self,
        request: conversations_pb2.SendMessageRequest,
        context: aio.ServicerContext[
            conversations_pb2.SendMessageRequest, conversations_pb2.SendMessageResponse
        ],
    ) -> conversations_pb2.SendMessageResponse:
        """Sends a message."""
        _check_two(request.user_id, request.other_user_id)
        return await self._post.send(request.user_id, request.other_user_id, request.client_id, request.text)

    async def ListThreads(
        self,
        request: conversations_pb2.ListThreadsRequest,
        context: aio.ServicerContext[
            conversations_pb2.ListThreadsRequest, conversations_pb2.ListThreadsResponse
        ],
    ) -> conversations_pb2.ListThreadsResponse:
        """Answers the threads of a folder."""
        _check_user(request.user_id)
        _check_limit(request.limit)
        if request.folder not in FOLDERS:
            raise Refusal(Reason.REASON_INVALID, "folder is missing.")
        person = await self._pages.person(request.user_id)
        found = await self._pages.threads(
            request.user_id, request.folder, _within(request.before), request.limit
        )
        return conversations_pb2.ListThreadsResponse(
            threads=await self._threads(found),
            next=found[-1].box.moved if len(found) == request.limit else 0,
            state=state(person),
        )

    async def ListChanges(
        self,
        request: conversations_pb2.ListChangesRequest,
        context: aio.ServicerContext[
            conversations_pb2.ListChangesRequest, conversations_pb2.ListChangesResponse
        ],
    ) -> conversations_pb2.ListChangesResponse:
        """Answers the threads that changed."""
        _check_user(request.user_id)
        _check_limit(request.limit)
        person = await self._pages.person(request.user_id)
        anew = request.since > person.feed
        since = 0 if anew else request.since
        found = await self._pages.changes(request.user_id, since, request.limit + 1)
        return conversations_pb2.ListChangesResponse(
            threads=await self._threads(found[: request.limit]),
            more=len(found) > request.limit,
            state=state(person),
            anew=anew,
        )

    async def ListEntries(
        self,
        request: conversations_pb2.ListEntriesRequest,
        context: aio.ServicerContext[
            conversations_pb2.ListEntriesRequest, conversations_pb2.ListEntriesResponse
        ],
    ) -> conversations_pb2.ListEntriesResponse:
        """Answers the entries of a thread."""
        _check_two(request.user_id, request.other_user_id)
        _check_limit(request.limit)
        shown = await self._pages.one(request.user_id, request.other_user_id)
        found = await self._pages.entries(shown.box, _within(request.before), request.limit)
        return conversations_pb2.ListEntriesResponse(
            entries=found,
            next=found[-1].number if len(found) == request.limit else 0,
            thread=thread(shown, await self._peers.profile(request.other_user_id)),
        )

    async def ListCalls(
        self,
        request: conversations_pb2.ListCallsRequest,
        context: aio.ServicerContext[conversations_pb2.ListCallsRequest, conversations_pb2.ListCallsResponse],
    ) -> conversations_pb2.ListCallsResponse:
        """Answers the calls of somebody."""
        _check_user(request.user_id)
        _check_limit(request.limit)
        found = await self._pages.calls(
            request.user_id, request.missed, _cursor(request.before), request.limit
        )
        profiles = await self._peers.profiles(call.other_id for call in found)
        calls = [conversations_pb2.PastCall(peer=profiles[call.other_id], entry=call.entry) for call in found]
        oldest = found[-1].entry if len(found) == request.limit else threads_pb2.Entry()
        following = f"{oldest.at_ms}.{oldest.call.call_id}" if oldest.call.call_id else ""
        return conversations_pb2.ListCallsResponse(calls=calls, next=following)

    async def MarkRead(
        self,
        request: conversations_pb2.MarkReadRequest,
        context: aio.ServicerContext[conversations_pb2.MarkReadRequest, conversations_pb2.MarkReadResponse],
    ) -> conversations_pb2.MarkReadResponse:
        """Marks a thread as read."""
        _check_two(request.user_id, request.other_user_id)
        marking = functools.partial(
            self._store.mark, request.user_id, request.other_user_id, _within(request.number)
        )
        changed = await self._changed(request.user_id, request.other_user_id, marking)
        return conversations_pb2.MarkReadResponse(thread=changed)

    async def AcceptThread(
        self,
        request: conversations_pb2.AcceptThreadRequest,
        context: aio.ServicerContext[
            conversations_pb2.AcceptThreadRequest, conversations_pb2.AcceptThreadResponse
        ],
    ) -> conversations_pb2.AcceptThreadResponse:
        """Takes a thread among the conversations."""
        _check_two(request.user_id, request.other_user_id)
        accepting = functools.partial(self._store.accept, request.user_id, request.other_user_id)
        changed = await self._changed(request.user_id, request.other_user_id, accepting)
        return conversations_pb2.AcceptThreadResponse(thread=changed)

    async def RemoveThread(
        self,
        request: conversations_pb2.RemoveThreadRequest,
        context: aio.ServicerContext[
            conversations_pb2.RemoveThreadRequest, conversations_pb2.RemoveThreadResponse
        ],
    ) -> conversations_pb2.RemoveThreadResponse:
        """Removes a thread from its owner's view."""
        _check_two(request.user_id, request.other_user_id)
        removing = functools.partial(self._store.remove, request.user_id, request.other_user_id)
        await self._changed(request.user_id, request.other_user_id, removing)
        return conversations_pb2.RemoveThreadResponse()

    async def FindEntries(
        self,
        request: conversations_pb2.FindEntriesRequest,
        context: aio.ServicerContext[
            conversations_pb2.FindEntriesRequest, conversations_pb2.FindEntriesResponse
        ],
    ) -> conversations_pb2.FindEntriesResponse:
        """Answers entries by the ids of what they are about."""
        _check_two(request.user_id, request.other_user_id)
        if len(request.item_ids) > MOST:
            raise Refusal(Reason.REASON_INVALID, f"A question is about {MOST} entries at most.")
        found = await self._pages.of_items(request.user_id, request.other_user_id, request.item_ids)
        return conversations_pb2.FindEntriesResponse(entries=found)

    async def _changed(
        self, owner_id: str, other_id: str, changing: Callable[[], Awaitable[Change | None]]
    ) -> threads_pb2.Thread:
        """Carries a change out, tells the owner's lines of it, and answers the thread as it is then."""
        profiles = await self._peers.profiles([other_id])
        change = await self._post.finish(self._carry_out(changing, profiles))
        shown = change.shown if change is not None else await self._pages.one(owner_id, other_id)
        return thread(shown, profiles[other_id])

    async def _carry_out(
        self, changing: Callable[[], Awaitable[Change | None]], profiles: Profiles
    ) -> Change | None:
        change = await changing()
        if change is not None:
            self._post.announce([change], profiles)
        return change

    async def _threads(self, found: list[Shown]) -> list[threads_pb2.Thread]:
        profiles = await self._peers.profiles(shown.box.other_id for shown in found)
        return [thread(shown, profiles[shown.box.other_id]) for shown in found]


def _check_user(user_id: str) -> None:
    if not ids.is_id(user_id, "u_"):
        raise Refusal(Reason.REASON_INVALID, "user_id is no id of a user.")


def _check_two(user_id: str, other_user_id: str) -> None:
    _check_user(user_id)
    _check_user(other_user_id)
    if user_id == other_user_id:
        raise Refusal(Reason.REASON_SELF)


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MOST:
        raise Refusal(Reason.REASON_INVALID, f"limit is 1 to {MOST}.")


def _within(number: int) -> int:
    """A number as the database takes it."""
    return min(number, NEWEST)


def _cursor(before: str) -> tuple[int, str]:
    """Where a page of calls begins. Raises Refusal(INVALID)."""
    if not before:
        return NEWEST, ""
    at_ms, _, call_id = before.partition(".")
    if not (at_ms.isascii() and at_ms.isdigit() and len(at_ms) < 19 and ids.is_id(call_id, "c_")):
        raise Refusal(Reason.REASON_INVALID, "before is not what a page has answered.")
    return int(at_ms), call_id
