"""The Python client against a scripted gateway: frames over a real WebSocket, but no server behind it."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from ringline.client import Call, DeviceKey, NotInTime, Phone, Session
from ringline.client.rest import Api, normal
from ringline.refusal import Refusal
from ringline.v1 import client_pb2
from ringline.v1.client_pb2 import ClientFrame, Phase, Role, ServerFrame
from ringline.v1.reasons_pb2 import Reason


class Script:
    """A gateway that plays what the test says."""

    def __init__(self) -> None:
        self.snapshot: list[client_pb2.Call] = []
        self.got: list[ClientFrame] = []
        self.lines: list[ServerConnection] = []
        self.reply: Callable[[ClientFrame], ServerFrame | None] = lambda frame: ServerFrame(
            done=client_pb2.Done()
        )
        self.url = ""

    async def serve(self, line: ServerConnection) -> None:
        """One connection."""
        async for message in line:
            assert isinstance(message, bytes)
            frame = ClientFrame.FromString(message)
            self.got.append(frame)
            if frame.HasField("hello"):
                self.lines.append(line)
                welcome = client_pb2.Welcome(calls=self.snapshot, incarnation=1, silence_ms=15_000)
                await line.send(ServerFrame(reply_to=frame.id, welcome=welcome).SerializeToString())
                continue
            reply = self.reply(frame)
            if reply is None:
                await line.close()
                return
            reply.reply_to = frame.id
            await line.send(reply.SerializeToString())

    async def say(self, **body: object) -> None:
        """A frame to the newest line."""
        await self.lines[-1].send(ServerFrame(**body).SerializeToString())  # type: ignore[arg-type]

    def commands(self, kind: str) -> list[ClientFrame]:
        """What was sent of one kind."""
        return [frame for frame in self.got if frame.WhichOneof("body") == kind]


class Pass(Session):
    """A session that needs no REST: its tickets are the scripted gateway's."""

    async def ticket(self, within: float | None = None) -> str:
        return "ticket"


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    play = Script()
    server: Server = await serve(play.serve, "127.0.0.1", 0, subprotocols=[Subprotocol("ringline.v1")])
    port = next(iter(server.sockets)).getsockname()[1]
    play.url = f"http://127.0.0.1:{port}"
    yield play
    server.close()
    await server.wait_closed()


@pytest.fixture
async def phone(script: Script) -> AsyncIterator[Phone]:
    answer = {
        "account": {"user_id": "u_bob", "username": "bob"},
        "device": {"device_id": "d_1"},
        "access_token": "token",
        "expires_in": 900,
    }
    session = Pass(Api([script.url], None), DeviceKey(), answer)  # type: ignore[arg-type]
    one = await Phone(session, [script.url], instance="instance").connect()
    yield one
    await one.close()


def ringing(call_id: str = "c_1", version: int = 1, **more: object) -> client_pb2.Call:
    fields = {"role": Role.ROLE_CALLEE, "phase": Phase.PHASE_CALLING, "ring_left_ms": 40_000} | more
    return client_pb2.Call(call_id=call_id, version=version, **fields)  # type: ignore[arg-type]


async def test_a_call_rings_once_and_the_ring_is_acknowledged(script: Script, phone: Phone) -> None:
    await script.say(call=ringing())
    ring = await phone.rings()
    await script.say(call=ringing(version=2))
    await phone.until(lambda it: it.calls["c_1"].view.version == 2)
    await phone.until(lambda it: bool(script.commands("ringing")))
    with pytest.raises(NotInTime):
        await phone.rings(within=0.05)
    assert ring.rings and len(script.commands("ringing")) == 1


async def test_no_device_begins_to_ring_with_less_than_five_seconds_left(
    script: Script, phone: Phone
) -> None:
    await script.say(call=ringing(ring_left_ms=4_999))
    await phone.until(lambda it: "c_1" in it.calls)
    with pytest.raises(NotInTime):
        await phone.rings(within=0.05)
    assert not script.commands("ringing")


async def test_an_older_view_is_ignored(script: Script, phone: Phone) -> None:
    await script.say(call=ringing(version=3, phase=Phase.PHASE_ENDED))
    await script.say(call=ringing(version=2))
    await script.say(call=ringing("c_2"))
    await phone.until(lambda it: "c_2" in it.calls)
    assert phone.calls["c_1"].phase == "ended"


async def test_an_unanswered_command_is_sent_again_on_the_next_line_with_the_same_key(
    script: Script, phone: Phone
) -> None:
    await script.say(call=ringing())
    ring = await phone.rings()
    await phone.until(lambda it: bool(script.commands("ringing")))
    script.snapshot = [ringing()]
    failures = iter([None])
    script.reply = lambda frame: next(failures, ServerFrame(done=client_pb2.Done()))
    await ring.answer(offer=b"offer")
    first, second = script.commands("answer")
    assert first.command_id == second.command_id
    assert phone.connections == 2 and len(script.commands("hello")) == 2


async def test_a_refusal_is_raised_to_whoever_asked(script: Script, phone: Phone) -> None:
    refused = Refusal(Reason.REASON_SELF).to_proto()
    script.reply = lambda frame: ServerFrame(refused=refused)
    with pytest.raises(Refusal) as told:
        await phone.place("@bob")
    assert told.value.reason == Reason.REASON_SELF


async def test_unavailable_is_tried_again_with_the_same_key(script: Script, phone: Phone) -> None:
    away = ServerFrame(refused=Refusal(Reason.REASON_UNAVAILABLE).to_proto())
    placed = ServerFrame(done=client_pb2.Done(call=client_pb2.Call(call_id="c_1", version=1)))
    replies = iter([away, away, placed])
    script.reply = lambda frame: next(replies)
    call = await phone.place("@bob")
    assert call.call_id == "c_1"
    assert len({frame.command_id for frame in script.commands("place")}) == 1


async def test_a_call_that_a_beat_no_longer_names_is_over(script: Script, phone: Phone) -> None:
    await script.say(call=ringing())
    ring = await phone.rings()
    await script.say(beat=client_pb2.Beat(calls=[client_pb2.LiveCall(call_id="c_1", version=1)]))
    await script.say(call=ringing("c_2"))
    await phone.until(lambda it: "c_2" in it.calls)
    assert ring.is_live
    await script.say(beat=client_pb2.Beat())
    await ring.until("ended")


async def test_a_line_that_is_fenced_does_not_come_back(script: Script, phone: Phone) -> None:
    fenced = client_pb2.Goodbye(refused=Refusal(Reason.REASON_LINE_FENCED).to_proto())
    await script.say(goodbye=fenced)
    await script.lines[-1].close()
    await phone.until(lambda it: it.gone is not None)
    assert len(script.commands("hello")) == 1
    with pytest.raises(Refusal):
        await phone.place("@ada")


async def test_candidates_come_once_whether_in_the_view_or_after_it(script: Script, phone: Phone) -> None:
    described = client_pb2.Description(generation=1, body=b"offer", candidates=[b"1", b"2"])
    await script.say(call=ringing(phase=Phase.PHASE_CONNECTING, peer_description=described))
    more = client_pb2.PeerCandidates(call_id="c_1", generation=1, candidates=[b"2", b"3"])
    await script.say(peer_candidates=more)
    await phone.until(lambda it: "c_1" in it.calls)
    call: Call = phone.calls["c_1"]
    assert await call.until_candidates(3) == [b"1", b"2", b"3"]


async def test_a_phone_that_vanished_stays_away_until_it_connects(script: Script, phone: Phone) -> None:
    await phone.vanish()
    assert not phone.is_connected
    script.snapshot = [ringing()]
    await phone.connect()
    assert (await phone.rings()).call_id == "c_1"
    await asyncio.gather(phone.reconnect(), phone.until(lambda it: it.connections == 3))


async def test_a_phone_that_is_closed_at_the_moment_it_is_connected_again_stays_closed(
    script: Script, phone: Phone
) -> None:
    phone.drop()
    await phone.until(lambda it: it.connections == 2)
    closing = asyncio.create_task(phone.close())
    done, _ = await asyncio.wait([closing], timeout=5.0)
    assert done and not phone.is_connected


def test_a_device_signs_the_name_in_its_normal_form() -> None:
    assert normal("@Ada") == normal("ada ") == "ada"
    proof = DeviceKey(b"7" * 32).prove("sign-in", "ada", "a phone")
    assert set(proof) == {"public_key", "signed_at_ms", "signature", "name"}
    assert "=" not in str(proof["signature"])
