"""Conversations as far as policy asks it: what people see in their threads."""

from grpc import aio

from ringline.refusal import Refusal
from ringline.v1 import conversations_pb2, conversations_pb2_grpc, threads_pb2


class FakeConversations(conversations_pb2_grpc.ConversationsServicer):
    """Threads that tests have filled; refuses where told to."""

    def __init__(self) -> None:
        self.threads: dict[tuple[str, str], list[threads_pb2.Entry]] = {}
        self.refusal: Refusal | None = None

    async def FindEntries(
        self,
        request: conversations_pb2.FindEntriesRequest,
        context: aio.ServicerContext[
            conversations_pb2.FindEntriesRequest, conversations_pb2.FindEntriesResponse
        ],
    ) -> conversations_pb2.FindEntriesResponse:
        """Answers entries of one thread."""
        if self.refusal is not None:
            raise self.refusal
        found = [
            entry
            for entry in self.threads.get((request.user_id, request.other_user_id), [])
            if (entry.message.message_id or entry.call.call_id) in request.item_ids
        ]
        return conversations_pb2.FindEntriesResponse(entries=found)
