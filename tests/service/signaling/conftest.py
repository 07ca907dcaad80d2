"""Policy's own door to signaling."""

from collections.abc import Awaitable, Callable

import pytest

from ringline.v1 import signaling_pb2, signaling_pb2_grpc
from ringline.wire import open_channel
from tests.service.signaling.exchange_room import Room

Severing = Callable[..., Awaitable[str]]


@pytest.fixture
def sever(room: Room) -> Severing:
    """Closes or opens a gate and answers the call that ended by it."""

    async def ask(user_id: str, other_user_id: str, closed: bool, generation: int = 0) -> str:
        async with open_channel([room.address], "policy") as channel:
            stub = signaling_pb2_grpc.SignalingStub(channel)
            request = signaling_pb2.SeverRequest(
                user_id=user_id, other_user_id=other_user_id, closed=closed, generation=generation
            )
            response: signaling_pb2.SeverResponse = await stub.Sever(request)
            return response.ended_call_id

    return ask
