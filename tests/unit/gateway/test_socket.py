"""Frames that the gateway makes itself, read by the library."""

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from services.gateway.socket import framed


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_client_reads_what_was_framed(size: int) -> None:
    client = ClientProtocol(parse_uri("ws://localhost/"), state=State.OPEN)
    client.receive_data(framed(b"x" * size))
    [frame] = client.events_received()
    assert isinstance(frame, Frame)
    assert frame.opcode is Opcode.BINARY
    assert frame.fin
    assert bytes(frame.data) == b"x" * size
