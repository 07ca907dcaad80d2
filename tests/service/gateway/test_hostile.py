"""Malformed input by the hundred: whatever comes, no answer is a fault and the gateway goes on."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from ringline import ids
from ringline.v1 import client_pb2
from ringline.v1.client_pb2 import ClientFrame, ServerFrame
from services.gateway.http import document
from tests.service.gateway.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="session")
SEED = 20261122
PER_OPERATION = 3
FRAMES = 400


def cases_of(operation: Any, mode: GenerationMode) -> list[Case[Any]]:
    """What schemathesis makes up for an operation: always the same."""
    found: list[Case[Any]] = []

    @settings(
        max_examples=PER_OPERATION,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def collect(case: Case[Any]) -> None:
        found.append(case)

    with suppress(Unsatisfiable):  # an operation without any input cannot be given a wrong one
        collect()
    return found


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_no_request_is_answered_with_a_fault(shared: Town, mode: GenerationMode) -> None:
    ada = await shared.person("ada")
    token = {"Authorization": f"Bearer {ada._token}"}
    for found in schemathesis.openapi.from_dict(document()).get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        for case in cases_of(operation, mode):
            request = case.as_transport_kwargs(base_url=shared.urls[0])
            request["headers"] = {**{k: v for k, v in request["headers"].items() if v.isascii()}, **token}
            request.pop("cookies", None)
            if "data" in request:
                request["content"] = request.pop("data")
            response = await shared.http.request(**request)
            assert response.status_code < 500, (operation.label, case.body)
            if response.status_code >= 400:
                assert response.headers["content-type"] == "application/problem+json", operation.label


def frames(dice: random.Random) -> list[bytes]:
    """Frames that are nearly right, and bytes that are nothing at all."""
    kinds = [field.name for field in ClientFrame.DESCRIPTOR.oneofs_by_name["body"].fields]
    made = []
    for _ in range(FRAMES):
        frame = ClientFrame(id=dice.getrandbits(40), command_id=dice.choice(["", "k" * 16, "k" * 41, "\n"]))
        kind = dice.choice([one for one in kinds if one != "hello"])
        body = getattr(frame, kind)
        body.SetInParent()
        if hasattr(body, "call_id"):
            body.call_id = dice.choice(["", ids.mint_call(), "c_*.>", "é" * 40])
        if isinstance(body, client_pb2.Place):
            body.username = dice.choice(["", "@bob", "\r\nPUB x", "‮" * 9, "n" * 5000])
            body.kinds.audio = dice.random() < 0.5
            body.binding = dice.randbytes(dice.choice([0, 512, 513]))
        made.append(frame.SerializeToString())
    return made


async def test_no_frame_is_answered_with_a_fault(shared: Town) -> None:
    dice = random.Random(SEED)
    ada = await shared.person("ada")
    faults: list[ServerFrame] = []

    def hear(frame: ServerFrame) -> None:
        if "fault" in frame.refused.sentence or "fault" in frame.goodbye.refused.sentence:
            faults.append(frame)

    line = await shared.line(ada, hear=hear)
    for frame in frames(dice):
        if not line.is_open:
            line = await shared.line(ada, hear=hear)
        line.send_raw(frame)
    for _ in range(40):
        noise = await shared.line(ada, hear=hear)
        noise.send_raw(dice.randbytes(dice.randrange(1, 300)))
        await asyncio.wait([noise.closed], timeout=0.01)
        noise.close()
    assert not faults
    line = await shared.line(ada)
    await line.ping()
    line.close()


async def test_noise_before_hello_ends_the_connection_and_nothing_else(shared: Town) -> None:
    dice = random.Random(SEED)
    url = shared.urls[0].replace("http", "ws") + "/v1/connect"
    for _ in range(60):
        async with connect(url, subprotocols=["ringline.v1"], proxy=None) as socket:  # type: ignore[list-item]
            await socket.send(dice.randbytes(dice.randrange(0, 400)))
            with suppress(ConnectionClosed):
                async with asyncio.timeout(5.0):
                    while True:
                        await socket.recv()
    assert (await shared.http.get(shared.urls[0] + "/healthz")).status_code == 200
