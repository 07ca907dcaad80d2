"""Two processes of conversations in one test: real Postgres, real NATS, real streams. Directory, policy,
presence and signaling say what they are told to (the suite uses the real ones).
"""

from __future__ import annotations

import asyncio
import functools
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from ringline import ids
from ringline.answerer import answer_batches
from ringline.config import NodeSettings
from ringline.log import Log
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import (
    client_pb2,
    conversations_pb2,
    conversations_pb2_grpc,
    directory_pb2,
    directory_pb2_grpc,
    events_pb2,
    policy_pb2,
    policy_pb2_grpc,
    presence_pb2,
    presence_pb2_grpc,
    reasons_pb2,
    signaling_pb2,
    signaling_pb2_grpc,
    threads_pb2,
    types_pb2,
)
from ringline.v1.types_pb2 import Ending
from services import conversations
from tests.servers import until
from tests.service.pods import channel_to, pods

GATEWAYS = ("g_one", "g_two")
INBOX, REQUESTS = threads_pb2.FOLDER_INBOX, threads_pb2.FOLDER_REQUESTS
PATIENCE = 10.0


class ToldDirectory(directory_pb2_grpc.DirectoryServicer):
    """Knows everybody, and notes who has written to whom; refuses where it is told to."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str]] = []
        self.is_away = False

    async def GetProfiles(self, request: Any, context: Any) -> directory_pb2.GetProfilesResponse:
        """Everybody's name is made of the id."""
        assert len(request.user_ids) <= 100
        profiles = [types_pb2.Profile(user_id=one, username=f"name_{one[2:]}") for one in request.user_ids]
        return directory_pb2.GetProfilesResponse(profiles=profiles)

    async def NoteMessaged(self, request: Any, context: Any) -> directory_pb2.NoteMessagedResponse:
        """Notes it."""
        if self.is_away:
            raise Refusal(reasons_pb2.REASON_UNAVAILABLE)
        self.noted.append((request.user_id, request.other_user_id))
        return directory_pb2.NoteMessagedResponse()


class ToldPolicy(policy_pb2_grpc.PolicyServicer):
    """Admits every message, but for those it is told about, by sender; waits where it is held."""

    def __init__(self) -> None:
        self.is_free = asyncio.Event()
        self.is_free.set()
        self.verdicts: dict[str, policy_pb2.MayMessageResponse] = {}
        self.asked: list[policy_pb2.MayMessageRequest] = []

    async def MayMessage(self, request: Any, context: Any) -> policy_pb2.MayMessageResponse:
        """Answers at once."""
        self.asked.append(request)
        await self.is_free.wait()
        admitted = policy_pb2.MayMessageResponse(outcome=policy_pb2.OUTCOME_ADMITTED)
        return self.verdicts.get(request.user_id, admitted)


class ToldPresence(presence_pb2_grpc.PresenceServicer):
    """Knows the lines it is told about."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.lines: dict[str, list[types_pb2.Line]] = defaultdict(list)
        self.is_away = False

    def Locate(self, request_iterator: Any, context: Any) -> Any:
        """Answers at once."""
        return answer_batches(
            request_iterator,
            lambda request: request.questions,
            self._locate,
            lambda answers: presence_pb2.LocateResponse(answers=answers),
            lambda refused: presence_pb2.LocateAnswer(refused=refused),
            self._node.draining,
            "Locate",
        )

    async def _locate(self, question: presence_pb2.LocateQuestion) -> presence_pb2.LocateAnswer:
        if self.is_away:
            raise Refusal(reasons_pb2.REASON_UNAVAILABLE)
        lines = [line for user_id in question.user_ids for line in self.lines[user_id]]
        return presence_pb2.LocateAnswer(lines=lines)


class ToldSignaling(signaling_pb2_grpc.SignalingServicer):
    """Knows calls that are over, two on a page."""

    def __init__(self) -> None:
        self.ended: list[events_pb2.Event] = []

    async def ListEnded(self, request: Any, context: Any) -> signaling_pb2.ListEndedResponse:
        """Answers them by id."""
        later = sorted((one for one in self.ended if one.call_id > request.after), key=lambda e: e.call_id)
        page = later[:2]
        return signaling_pb2.ListEndedResponse(events=page, next=page[-1].call_id if len(later) > 2 else "")


class Somebody:
    """A user, asking the pods in turn."""

    def __init__(self, room: Room, user_id: str) -> None:
        self.user_id = user_id
        self._room = room

    async def send(
        self, other: Somebody, text: str = "hello", client_id: str = "", pod: int | None = None
    ) -> conversations_pb2.SendMessageResponse:
        """Sends a message. Raises Refusal."""
        request = conversations_pb2.SendMessageRequest(
            user_id=self.user_id,
            other_user_id=other.user_id,
            client_id=client_id or secrets.token_urlsafe(18),
            text=text,
        )
        async with self._room.gate:
            return await self._room.pod(pod).SendMessage(request, timeout=PATIENCE)

    async def entries(
        self, other: Somebody, before: int = 0, limit: int = 100
    ) -> conversations_pb2.ListEntriesResponse:
        """A page of a thread."""
        request = conversations_pb2.ListEntriesRequest(
            user_id=self.user_id, other_user_id=other.user_id, before=before, limit=limit
        )
        return await self._room.pod().ListEntries(request)

    async def texts(self, other: Somebody) -> list[str]:
        """What the newest page of a thread says, oldest first."""
        return [one.message.text for one in reversed((await self.entries(other)).entries)]

    async def thread(self, other: Somebody) -> threads_pb2.Thread:
        """A thread."""
        return (await self.entries(other, limit=1)).thread

    async def threads(
        self, folder: threads_pb2.Folder.ValueType = INBOX, before: int = 0, limit: int = 100
    ) -> conversations_pb2.ListThreadsResponse:
        """A page of threads."""
        request = conversations_pb2.ListThreadsRequest(
            user_id=self.user_id, folder=folder, before=before, limit=limit
        )
        return await self._room.pod().ListThreads(request)

    async def changes(self, since: int = 0, limit: int = 100) -> conversations_pb2.ListChangesResponse:
        """What changed."""
        request = conversations_pb2.ListChangesRequest(user_id=self.user_id, since=since, limit=limit)
        return await self._room.pod().ListChanges(request)

    async def calls(
        self, missed: bool = False, before: str = "", limit: int = 100
    ) -> conversations_pb2.ListCallsResponse:
        """A page of calls."""
        request = conversations_pb2.ListCallsRequest(
            user_id=self.user_id, missed=missed, before=before, limit=limit
        )
        return await self._room.pod().ListCalls(request)

    async def mark(self, other: Somebody, number: int) -> threads_pb2.Thread:
        """Marks as read."""
        request = conversations_pb2.MarkReadRequest(
            user_id=self.user_id, other_user_id=other.user_id, number=number
        )
        return (await self._room.pod().MarkRead(request)).thread

    async def accept(self, other: Somebody) -> threads_pb2.Thread:
        """Accepts a request."""
        request = conversations_pb2.AcceptThreadRequest(user_id=self.user_id, other_user_id=other.user_id)
        return (await self._room.pod().AcceptThread(request)).thread

    async def remove(self, other: Somebody) -> None:
        """Removes a thread."""
        request = conversations_pb2.RemoveThreadRequest(user_id=self.user_id, other_user_id=other.user_id)
        await self._room.pod().RemoveThread(request)

    def heard(self, gateway: int = 0) -> list[client_pb2.ThreadChanged]:
        """What the lines of this user at a gateway were told."""
        return self._room.heard[GATEWAYS[gateway], self.user_id]

    async def hears(
        self, holds: Callable[[client_pb2.ThreadChanged], bool], gateway: int = 0
    ) -> client_pb2.ThreadChanged:
        """Waits until the lines at a gateway are told of such a change."""
        found: list[client_pb2.ThreadChanged] = []

        def told() -> bool:
            found[:] = [one for one in self.heard(gateway) if holds(one)]
            return bool(found)

        await until(told, PATIENCE, lambda: f"heard only {self.heard(gateway)}")
        return found[0]


class Room:
    """The pods, and what those whom they ask are told."""

    def __init__(self, settings: NodeSettings, told: Node, log: Log, nodes: list[Node]) -> None:
        self.settings = settings
        self.directory = ToldDirectory()  # type: ignore[abstract]
        self.policy = ToldPolicy()  # type: ignore[abstract]
        self.presence = ToldPresence(told)  # type: ignore[abstract]
        self.signaling = ToldSignaling()  # type: ignore[abstract]
        self.heard: defaultdict[tuple[str, str], list[client_pb2.ThreadChanged]] = defaultdict(list)
        self.told = told
        self.log = log
        self.nodes = nodes
        self.stubs: list[conversations_pb2_grpc.ConversationsAsyncStub] = []
        self.gate = asyncio.Semaphore(12)
        """Messages under way at most, on however slow a machine."""
        self._turn = 0

    def pod(self, number: int | None = None) -> conversations_pb2_grpc.ConversationsAsyncStub:
        """The next pod, or this one."""
        self._turn += 1
        return self.stubs[(self._turn if number is None else number) % len(self.stubs)]

    def person(self, *gateways: int) -> Somebody:
        """Somebody new, with a line at each of these gateways."""
        somebody = Somebody(self, ids.mint_user())
        for number in gateways:
            self.presence.lines[somebody.user_id].append(
                types_pb2.Line(user_id=somebody.user_id, gateway_id=GATEWAYS[number])
            )
        return somebody

    def hear(self, gateway_id: str, data: bytes) -> None:
        """A wake of the bus."""
        wake = signaling_pb2.Wake.FromString(data)
        assert wake.number == 0, "a gap in numbers would ask signaling, which cannot mend it"
        for frame in wake.frames:
            assert not frame.line and not frame.call_id and not frame.version
            server = client_pb2.ServerFrame.FromString(frame.frame)
            self.heard[gateway_id, frame.user_id].append(server.thread_changed)

    async def say(self, *events: events_pb2.Event) -> None:
        """Publishes events; the same one again under another id, or the log would drop it."""
        copies = []
        for event in events:
            copy = events_pb2.Event()
            copy.CopyFrom(event)
            copy.event_id = ids.mint_event()
            copies.append(copy)
        assert await self.log.publish(copies) == len(copies)

    async def until_projected(self) -> None:
        """Waits until everything that was said was heard."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = await (await self.told.bus()).client.jetstream().consumer_info("EVENTS", "conversations")
            if not found.num_pending and not found.num_ack_pending:
                return
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.02)

    async def until_entries(self, owner: Somebody, other: Somebody, count: int) -> list[threads_pb2.Entry]:
        """Waits until a thread has so many entries; answers them, oldest first."""
        found: list[threads_pb2.Entry] = []
        end = time.monotonic() + PATIENCE
        while True:
            found = list(reversed((await owner.entries(other)).entries))
            if len(found) == count:
                return found
            assert time.monotonic() < end, f"no {count} entries but {found}"
            await asyncio.sleep(0.02)


def end_of_call(
    caller: Somebody,
    callee: Somebody,
    ending: Ending.ValueType = Ending.ENDING_NO_ANSWER,
    version: int = 3,
    call_id: str = "",
    **said: Any,
) -> events_pb2.Event:
    """The end of a call, for both where nothing else is said."""
    call_id = call_id or ids.mint_call()
    now = time.time_ns() // 1_000_000
    ended = events_pb2.CallEnded(
        caller_id=caller.user_id,
        callee_id=callee.user_id,
        asked=types_pb2.Kinds(audio=True),
        ending=ending,
        ending_for_caller=ending,
        placed_at_ms=now,
        ended_at_ms=now + 20_000,
    )
    for name, value in said.items():
        setattr(ended, name, value)
    return events_pb2.Event(call_id=call_id, version=version, call_ended=ended)


@asynccontextmanager
async def open_room(settings: NodeSettings) -> AsyncIterator[Room]:
    """Two nodes of conversations and the told ones."""
    async with AsyncExitStack() as stack:
        told = await stack.enter_async_context(Node(settings, ["directory", "policy", "presence"]))
        room = Room(settings, told, await told.log(), [])
        told.serve("directory", directory_pb2_grpc.add_DirectoryServicer_to_server, room.directory)
        told.serve("policy", policy_pb2_grpc.add_PolicyServicer_to_server, room.policy)
        told.serve("presence", presence_pb2_grpc.add_PresenceServicer_to_server, room.presence)
        told.serve("signaling", signaling_pb2_grpc.add_SignalingServicer_to_server, room.signaling)
        await told.start()
        bus = await told.bus()
        for gateway_id in GATEWAYS:
            await bus.subscribe_wakes(gateway_id, functools.partial(room.hear, gateway_id))
        asked = ("directory", "policy", "presence", "signaling")
        where = dict.fromkeys(asked, f"127.0.0.1:{told.port}")
        room.settings = settings.model_copy(update={"address": where})
        room.nodes = await stack.enter_async_context(
            pods(room.settings, "conversations", conversations.build)
        )
        for node in room.nodes:
            channel = await stack.enter_async_context(channel_to(node, "gateway"))
            room.stubs.append(conversations_pb2_grpc.ConversationsStub(channel))
        yield room
