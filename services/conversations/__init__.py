"""Conversations: what was said, and who called, between two people?

Owns  person, thread, entry.
Answers  Conversations.SendMessage, Conversations.ListThreads, Conversations.ListChanges,
Conversations.ListEntries, Conversations.ListCalls, Conversations.MarkRead, Conversations.AcceptThread,
Conversations.RemoveThread, Conversations.FindEntries.
Hears  CallEnded.   Says  nothing.   Asks  policy, directory, presence, signaling.

Each of two people has a box of his own (box.py): what one sees says nothing of what the other has. A message
is written to both boxes in one transaction (post.py, store.py); what policy leaves unheard is written to the
sender's only, and he sees both at the same steps (steps.py). Calls that are over come from the event log
(projection.py). After each change the lines of the box's owner are woken (wakes.py). Signaling is asked by
`ringline rebuild-history` only (cli.py).
"""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from ringline import ids
from ringline.node import Node
from ringline.v1 import conversations_pb2_grpc, presence_pb2, presence_pb2_grpc, types_pb2
from ringline.v1.directory_pb2_grpc import DirectoryStub
from ringline.v1.policy_pb2_grpc import PolicyStub
from services.conversations.api import ConversationsApi
from services.conversations.pages import Pages
from services.conversations.peers import Peers
from services.conversations.post import Post
from services.conversations.projection import DURABLE, FACTS, Projection
from services.conversations.settings import Settings
from services.conversations.store import Store
from services.conversations.sweeper import sweep
from services.conversations.wakes import Wakes

LOCATE_SECONDS = 1.0


@asynccontextmanager
async def build(node: Node, settings: Settings | None = None) -> AsyncIterator[None]:
    """Builds the service in this process."""
    settings = settings or Settings.load()
    db, bus, log = await node.database("conversations"), await node.bus(), await node.log()
    directory, policy = DirectoryStub(node.channel("directory")), PolicyStub(node.channel("policy"))
    places = await node.asker(
        "presence",
        lambda channel: presence_pb2_grpc.PresenceStub(channel).Locate,
        lambda questions: presence_pb2.LocateRequest(questions=questions),
        lambda response: response.answers,
    )

    async def locate(user_ids: list[str]) -> list[types_pb2.Line]:
        question = presence_pb2.LocateQuestion(user_ids=user_ids)
        answer: presence_pb2.LocateAnswer = await places.ask(question, LOCATE_SECONDS)
        return list(answer.lines)

    store, pages, peers = Store(db), Pages(db), Peers(directory)
    # Both are closed after the server: what is asked until then is told, too.
    wakes = await node.enter(aclosing(Wakes(bus, ids.mint("v_"), locate)))
    post = await node.enter(aclosing(Post(store, pages, peers, policy, directory, wakes)))
    projection = Projection(store, peers, post)
    api = ConversationsApi(store, pages, peers, post)
    node.serve("conversations", conversations_pb2_grpc.add_ConversationsServicer_to_server, api)
    node.spawn(log.consume(DURABLE, FACTS, projection.hear), "projection")
    if settings.keep_days:
        node.spawn(sweep(store, settings.keep_days), "conversations sweeper")
    yield
