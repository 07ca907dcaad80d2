"""A second call, a hold, a revoked device: through the front door, two pods, each command to the next one."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY

from ringline.refusal import Refusal
from ringline.v1 import client_pb2, signaling_pb2, signaling_pb2_grpc, types_pb2
from ringline.wire import open_channel
from tests.conftest import SettingsFor
from tests.service.signaling.exchange_room import AUDIO, Device, Room, open_room
from tests.service.signaling.test_link import answer, place


@pytest.fixture
async def room(settings_for: SettingsFor) -> AsyncIterator[Room]:
    async with open_room(await settings_for("signaling")) as opened:
        yield opened


async def drop(room: Room, device: Device) -> list[str]:
    """Takes a revoked device out of every call, as directory does; the calls that ended by it."""
    channel = open_channel([room.address], "directory")
    stub = signaling_pb2_grpc.SignalingStub(channel)
    request = signaling_pb2.DropDeviceRequest(user_id=device.line.user_id, device_id=device.line.device_id)
    try:
        return list((await stub.DropDevice(request)).ended_call_ids)
    finally:
        await channel.close()


async def find(room: Room, call_id: str) -> signaling_pb2.CallRecord:
    """A call as it is kept."""
    async with open_channel([room.address], "operator") as channel:
        stub = signaling_pb2_grpc.SignalingStub(channel)
        return (await stub.FindCall(signaling_pb2.FindCallRequest(call_id=call_id))).call


@pytest.mark.shows("S8")
async def test_a_second_call_waits_where_one_talks_and_a_third_is_busy(room: Room) -> None:
    ada, bob, carol = room.device("ada.laptop"), room.device("bob.phone"), room.device("carol.tab")
    tablet, dan = room.device("bob.tablet"), room.device("dan.tab")
    first = await place(ada)
    await answer(bob, first.call_id)
    waiting = await place(carol)
    assert waiting.phase == client_pb2.PHASE_CALLING
    await bob.hears(call_id=waiting.call_id, phase=client_pb2.PHASE_CALLING)
    busy = await place(dan)
    assert (busy.phase, busy.ending) == (client_pb2.PHASE_ENDED, types_pb2.ENDING_BUSY)
    await answer(bob, waiting.call_id)
    await carol.hears(call_id=waiting.call_id, phase=client_pb2.PHASE_CONNECTING)
    heard = {frame.call.call_id for frame in room.heard[tablet.key]}
    assert waiting.call_id not in heard and busy.call_id not in heard
    assert busy.call_id not in {frame.call.call_id for frame in room.heard[bob.key]}
    shown = [call for call in await tablet.arrives() if call.phase != client_pb2.PHASE_ENDED]
    assert not shown, "a line that is opened meanwhile does not ring either"


@pytest.mark.shows("S8")
async def test_what_waited_rings_on_every_device_when_it_waits_no_longer(room: Room) -> None:
    ada, bob, carol = room.device("ada.laptop"), room.device("bob.phone"), room.device("carol.tab")
    tablet = room.device("bob.tablet")
    first = await place(ada)
    await answer(bob, first.call_id)
    waiting = await place(carol)
    await bob.hears(call_id=waiting.call_id)
    await bob.says(ringing=client_pb2.Ringing(call_id=waiting.call_id, waits=True))
    await bob.says(hang_up=client_pb2.HangUp(call_id=first.call_id))
    await bob.says(ringing=client_pb2.Ringing(call_id=waiting.call_id))
    await tablet.hears(call_id=waiting.call_id, phase=client_pb2.PHASE_CALLING)
    taken = await answer(tablet, waiting.call_id)
    assert taken.phase == client_pb2.PHASE_CONNECTING
    await bob.hears(call_id=waiting.call_id, ending=types_pb2.ENDING_ANSWERED_ELSEWHERE)


@pytest.mark.shows("S9")
async def test_a_hold_is_told_and_only_the_holder_takes_it_back(room: Room) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    call = await place(ada)
    await answer(bob, call.call_id)
    assert (await bob.says(hold=client_pb2.Hold(call_id=call.call_id, on=True))).holds
    await ada.hears(peer_holds=True)
    assert (await ada.says(hold=client_pb2.Hold(call_id=call.call_id, on=False))).peer_holds
    assert not (await bob.says(hold=client_pb2.Hold(call_id=call.call_id, on=False))).holds
    await ada.hears(call_id=call.call_id, peer_holds=False)


@pytest.mark.shows("S8")
async def test_who_holds_his_call_may_place_another_and_nobody_else_may(room: Room) -> None:
    ada, bob, carol = room.device("ada.laptop"), room.device("bob.phone"), room.device("carol.tab")
    call = await place(ada)
    await answer(bob, call.call_id)
    with pytest.raises(Refusal, match="already_in_call"):
        await place(bob, "carol")
    await bob.says(hold=client_pb2.Hold(call_id=call.call_id, on=True))
    with pytest.raises(Refusal, match="already_in_call"):
        await place(ada, "bob")
    second = await place(bob, "carol")
    await carol.hears(call_id=second.call_id)
    with pytest.raises(Refusal, match="already_in_call"):
        await place(bob, "dan")


@pytest.mark.shows("S15")
async def test_what_does_not_belong_to_the_state_of_a_call_is_counted(room: Room) -> None:
    def counted() -> float:
        labels = {"phase": "ringing", "role": "callee", "verb": "HangUp"}
        return REGISTRY.get_sample_value("ringline_refused_in_call_total", labels) or 0.0

    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    call, before = await place(ada), counted()
    with pytest.raises(Refusal, match="answered_elsewhere|wrong_state"):
        await bob.says(hang_up=client_pb2.HangUp(call_id=call.call_id))
    assert counted() == before + 1
    await bob.says(ringing=client_pb2.Ringing(call_id=call.call_id))
    assert counted() == before + 1, "what belongs there is not"


@pytest.mark.shows("S14")
async def test_a_revoked_device_is_out_of_every_call_and_what_it_says_is_refused(room: Room) -> None:
    ada, bob, tablet = room.device("ada.laptop"), room.device("bob.phone"), room.device("bob.tablet")
    call = await place(ada)
    await bob.hears(call_id=call.call_id)
    assert await drop(room, bob) == []
    for verb in ("answer", "decline", "ringing"):
        with pytest.raises(Refusal, match="device_revoked"):
            await bob.says(**{verb: getattr(client_pb2, verb.title())(call_id=call.call_id)})
    await answer(tablet, call.call_id)
    assert await drop(room, tablet) == [call.call_id]
    await ada.hears(call_id=call.call_id, ending=types_pb2.ENDING_HUNG_UP)
    with pytest.raises(Refusal, match="device_revoked"):
        await place(tablet, "ada")
    later = await place(ada)
    assert later.phase == client_pb2.PHASE_CALLING, "nothing of it holds the pair"
    for verb in ("answer", "decline", "ringing"):
        with pytest.raises(Refusal, match="device_revoked"):
            await bob.says(**{verb: getattr(client_pb2, verb.title())(call_id=later.call_id)})


@pytest.mark.shows("L3", "S8")
async def test_a_look_rings_the_lines_that_were_not_reached(room: Room) -> None:
    """Whatever was lost when the call stopped waiting, or when presence was cold."""
    ada, bob = room.device("ada.laptop"), room.device("bob.phone", online=False)
    call = await place(ada)
    tablet = room.device("bob.tablet")
    room.presence.lines[bob.line.user_id].append(bob.line)
    for device in (bob, tablet):
        await device.hears(call_id=call.call_id, phase=client_pb2.PHASE_CALLING)
    assert (await answer(tablet, call.call_id)).here


@pytest.mark.shows("S8")
async def test_a_waiting_call_finds_its_line_at_the_gateway_where_it_is_now(room: Room) -> None:
    ada, bob, carol = room.device("ada.laptop"), room.device("bob.phone"), room.device("carol.tab")
    await answer(bob, (await place(ada)).call_id)
    moved = room.presence.lines[bob.line.user_id][0]
    moved.epoch, moved.gateway_id = 2, "g_0000000000000000000000000b"
    waiting = await place(carol)
    record = await find(room, waiting.call_id)
    assert [(leg.gateway_id, leg.epoch) for leg in record.members[1].legs] == [(moved.gateway_id, 2)]


@pytest.mark.shows("S10", "S14")
async def test_what_a_revoked_device_places_leaves_nothing_and_is_refused_each_time(room: Room) -> None:
    """Its gateway may not have heard yet, and sends the command to two processes."""
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    placed = await place(ada)
    await ada.says(command_id="placed-before-it-was", hang_up=client_pb2.HangUp(call_id=placed.call_id))
    await drop(room, ada)
    wish = client_pb2.Place(username="bob", kinds=AUDIO)
    said = await asyncio.gather(
        *(ada.says(command_id="placed-by-a-revoked-one", pod=n, place=wish) for n in range(2)),
        return_exceptions=True,
    )
    assert [one.name for one in said if isinstance(one, Refusal)] == ["device_revoked"] * 2
    assert [call.call_id for call in await bob.arrives()] == [placed.call_id]
