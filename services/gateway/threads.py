"""REST: threads, messages, past calls, who may write, who is there."""

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1 import conversations_pb2, policy_pb2, presence_pb2, threads_pb2
from ringline.v1.reasons_pb2 import Reason
from services.gateway import shapes, thread_shapes
from services.gateway.edge import Here, Me
from services.gateway.peer import find_peer

SEND_SECONDS = 5.0
"""A message is answered when policy, directory and both boxes have it."""
MOST_PRESENT = 100
FOLDERS = {"inbox": threads_pb2.FOLDER_INBOX, "requests": threads_pb2.FOLDER_REQUESTS}

router = APIRouter(prefix="/v1", tags=["threads"])

Limit = Annotated[int, Query(ge=1, le=100)]
Before = Annotated[int, Query(ge=0, lt=shapes.INT64, description="`next` of the page before.")]


@router.get("/threads")
async def threads(
    edge: Here, me: Me, folder: Literal["inbox", "requests"] = "inbox", before: Before = 0, limit: Limit = 50
) -> thread_shapes.Threads:
    """The threads of a folder, the one with the newest entry first."""
    request = conversations_pb2.ListThreadsRequest(
        user_id=me.user_id, folder=FOLDERS[folder], before=before, limit=limit
    )
    answer = await edge.conversations.ListThreads(request)
    return thread_shapes.Threads(
        threads=[thread_shapes.thread(one) for one in answer.threads],
        next=answer.next,
        state=thread_shapes.state(answer.state),
    )


@router.get("/threads/changes")
async def changes(
    edge: Here, me: Me, since: Annotated[int, Query(ge=0, lt=shapes.INT64)] = 0, limit: Limit = 50
) -> thread_shapes.Changes:
    """The threads that changed after a feed number, the oldest change first: to catch up after a gap."""
    request = conversations_pb2.ListChangesRequest(user_id=me.user_id, since=since, limit=limit)
    answer = await edge.conversations.ListChanges(request)
    return thread_shapes.Changes(
        threads=[thread_shapes.thread(one) for one in answer.threads],
        more=answer.more,
        state=thread_shapes.state(answer.state),
        anew=answer.anew,
    )


@router.get("/threads/{username}/entries")
async def entries(
    edge: Here, me: Me, username: shapes.PathPeer, before: Before = 0, limit: Limit = 50
) -> thread_shapes.Entries:
    """The entries of a thread, newest first."""
    peer = await find_peer(edge, me, username)
    request = conversations_pb2.ListEntriesRequest(
        user_id=me.user_id, other_user_id=peer.user_id, before=before, limit=limit
    )
    answer = await edge.conversations.ListEntries(request)
    peer.known(answer.thread)
    return thread_shapes.Entries(
        thread=thread_shapes.thread(answer.thread),
        entries=[thread_shapes.entry(one) for one in answer.entries],
        next=answer.next,
    )


@router.post("/threads/{username}/messages", status_code=201)
async def send(
    edge: Here, me: Me, username: shapes.PathPeer, wish: thread_shapes.NewMessage
) -> thread_shapes.Sent:
    """Sends a message. The same client_id again has the same answer and no second effect."""
    peer = await find_peer(edge, me, username, wish.user_id)
    request = conversations_pb2.SendMessageRequest(
        user_id=me.user_id, other_user_id=peer.user_id, client_id=wish.client_id, text=wish.text
    )
    answer = await edge.conversations.SendMessage(request, timeout=SEND_SECONDS)
    if answer.entry.number > 1:  # else the thread has begun with it, and it was a lookup
        peer.known(answer.thread)
    return thread_shapes.Sent(
        entry=thread_shapes.entry(answer.entry), thread=thread_shapes.thread(answer.thread)
    )


@router.put("/threads/{username}/read")
async def mark_read(
    edge: Here, me: Me, username: shapes.PathPeer, mark: thread_shapes.ReadMark
) -> thread_shapes.Thread:
    """Marks a thread as read up to an entry, on all devices; never back."""
    peer = await find_peer(edge, me, username)
    request = conversations_pb2.MarkReadRequest(
        user_id=me.user_id, other_user_id=peer.user_id, number=mark.number
    )
    answer = await edge.conversations.MarkRead(request)
    peer.known(answer.thread)
    return thread_shapes.thread(answer.thread)


@router.put("/threads/{username}/accepted")
async def accept(edge: Here, me: Me, username: shapes.PathPeer) -> thread_shapes.Thread:
    """Takes a stranger's thread among the conversations."""
    peer = await find_peer(edge, me, username)
    request = conversations_pb2.AcceptThreadRequest(user_id=me.user_id, other_user_id=peer.user_id)
    answer = await edge.conversations.AcceptThread(request)
    peer.known(answer.thread)
    return thread_shapes.thread(answer.thread)


@router.delete("/threads/{username}", status_code=204)
async def remove_thread(edge: Here, me: Me, username: shapes.PathPeer) -> Response:
    """Removes a thread from one's own view; the other keeps his."""
    peer = await find_peer(edge, me, username)
    request = conversations_pb2.RemoveThreadRequest(user_id=me.user_id, other_user_id=peer.user_id)
    await edge.conversations.RemoveThread(request)
    return Response(status_code=204)


@router.get("/calls")
async def calls(
    edge: Here,
    me: Me,
    missed: bool = False,
    before: Annotated[str, Query(max_length=80, description="`next` of the page before.")] = "",
    limit: Limit = 50,
) -> thread_shapes.Calls:
    """One's calls with everybody, or only the missed ones, newest first."""
    request = conversations_pb2.ListCallsRequest(
        user_id=me.user_id, missed=missed, before=before, limit=limit
    )
    answer = await edge.conversations.ListCalls(request)
    return thread_shapes.Calls(
        calls=[
            thread_shapes.CallWith(peer=shapes.profile(one.peer), entry=thread_shapes.entry(one.entry))
            for one in answer.calls
        ],
        next=answer.next,
    )


@router.get("/me/message-settings")
async def message_settings(edge: Here, me: Me) -> thread_shapes.MessageAudiences:
    """Who may write."""
    request = policy_pb2.GetMessageSettingsRequest(user_id=me.user_id)
    return thread_shapes.message_audiences((await edge.policy.GetMessageSettings(request)).settings)


@router.put("/me/message-settings")
async def set_message_settings(
    edge: Here, me: Me, wish: thread_shapes.MessageSettings
) -> thread_shapes.MessageAudiences:
    """Sets who may write, from the next message on."""
    request = policy_pb2.SetMessageSettingsRequest(user_id=me.user_id, settings=wish.to_proto())
    return thread_shapes.message_audiences((await edge.policy.SetMessageSettings(request)).settings)


@router.get("/presence")
async def presence(
    edge: Here, me: Me, user_id: Annotated[list[str], Query(min_length=1, max_length=MOST_PRESENT)]
) -> thread_shapes.Online:
    """Who of these has an open line. People whose presence one may not see are never among them."""
    if wait := edge.looks.take(me.user_id, time.monotonic()):
        raise Refusal(Reason.REASON_LIMITED, retry_after=wait)
    wanted = list(dict.fromkeys(user_id))
    if not all(ids.is_id(one, "u_") for one in wanted):
        raise Refusal(Reason.REASON_INVALID, "user_id is no id of a user.")
    asked = policy_pb2.MaySeePresenceRequest(user_id=me.user_id, other_user_ids=wanted)
    seen = (await edge.policy.MaySeePresence(asked)).user_ids
    if not seen:
        return thread_shapes.Online(online=[])
    answer = await edge.presence.ListOnline(presence_pb2.ListOnlineRequest(user_ids=seen))
    return thread_shapes.Online(online=sorted(answer.user_ids))
