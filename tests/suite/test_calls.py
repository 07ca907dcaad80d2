"""Two people talk: what a call is like from the first ring to the last word."""

import asyncio
import base64
import hashlib
import hmac
import time

import pytest

from ringline.client import Call, Phone, mint_command
from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from tests.suite.people import PATIENCE, Stage, at, talk
from tests.suite.topology import RING_SECONDS, TURN_SECRET

DIMMED = """
[[rule]]
name = "dimmed"
refuses = ["video"]
when = 'caller.tier == "dimmed"'
missing = "plus"
"""

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ended_for_both(call: Call, ring: Call) -> None:
    await asyncio.gather(
        call.until(ended="hung_up", within=PATIENCE), ring.until(ended="hung_up", within=PATIENCE)
    )


async def test_an_audio_call_is_answered_and_the_caller_hangs_up(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob), audio=True)
    assert call.view.peer.username == bob.session.username
    ring = await bob.rings(PATIENCE)
    assert ring.call_id == call.call_id
    assert ring.view.peer.username == ada.session.username
    assert (ring.view.asked.audio, ring.view.asked.video) == (True, False)
    assert 0 < ring.view.ring_left_ms <= RING_SECONDS * 1000
    await call.until("ringing", within=PATIENCE)
    await ring.answer(offer=b"offer", candidates=[b"1"])
    await call.until("connecting", within=PATIENCE)
    assert call.view.here and ring.view.here
    await call.hang_up()
    await ended_for_both(call, ring)


async def test_an_audio_call_is_answered_and_the_callee_hangs_up(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob)
    await ring.hang_up()
    await ended_for_both(call, ring)


@pytest.mark.shows("L2")
async def test_descriptions_and_candidates_reach_the_other_side_whole_and_in_order(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob), binding=b"ada's binding")
    ring = await bob.rings(PATIENCE)
    assert ring.view.peer_binding == b"ada's binding"
    offer, mine, his = b"o" * 2800, [b"a%d" % n for n in range(6)], [b"b%d" % n for n in range(6)]
    await ring.answer(offer=offer, candidates=his[:2], binding=b"bob's binding")
    got = await call.until_described(within=PATIENCE)
    assert (got.body, got.answers) == (offer, 0)
    assert call.view.peer_binding == b"bob's binding"
    await ring.add_candidates(his[2:4])
    await ring.add_candidates(his[4:])
    await call.describe(b"a" * 2800, answers=got.generation, candidates=mine[:1])
    await call.add_candidates(mine[1:])
    answer = await ring.until_described(within=PATIENCE)
    assert (answer.body, answer.answers) == (b"a" * 2800, got.generation)
    assert await call.until_candidates(6, within=PATIENCE) == his
    assert await ring.until_candidates(6, within=PATIENCE) == mine
    await call.hang_up()


async def test_a_video_call_carries_both_kinds(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob, video=True)
    for side in (call, ring):
        assert side.view.may_send.video and side.view.peer_may_send.video
        assert side.view.sends.video and side.view.peer_sends.video and side.view.peer_sends.audio
    await call.hang_up()
    await ended_for_both(call, ring)


async def test_the_camera_is_turned_on_and_off_without_a_new_ring(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob)
    await call.set_media(audio=True, video=True)
    await ring.until(where=lambda it: it.view.peer_sends.video, within=PATIENCE)
    assert ring.view.peer_may_send.video and not ring.view.sends.video
    await ring.set_media(audio=True, video=True)
    await call.until(where=lambda it: it.view.peer_sends.video, within=PATIENCE)
    await call.set_media(audio=True, video=False)
    await ring.until(where=lambda it: not it.view.peer_sends.video, within=PATIENCE)
    assert ring.view.peer_sends.audio, "audio never stops"
    assert (call.phase, ring.phase) == ("connected", "connected")
    assert list(bob.calls) == [ring.call_id], "one call, one ring"
    await ring.hang_up()


@pytest.mark.shows("S17")
async def test_somebody_not_entitled_to_video_cannot_place_or_turn_it_on(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    await stage.operator.set_tier(ada.session, "voice")
    with pytest.raises(Refusal) as refused:
        await ada.place(at(bob), audio=True, video=True)
    assert refused.value.reason == Reason.REASON_NOT_ENTITLED_VIDEO
    call, ring = await talk(ada, bob)
    assert not call.view.may_send.video and not ring.view.peer_may_send.video
    with pytest.raises(Refusal) as refused:
        await call.set_media(audio=True, video=True)
    assert refused.value.reason in (Reason.REASON_NOT_ENTITLED_VIDEO, Reason.REASON_KIND_NOT_ADMITTED)
    await ring.set_media(audio=True, video=True)  # Bob may; what Ada may is unchanged by it
    await call.until(where=lambda it: it.view.peer_sends.video, within=PATIENCE)
    assert not ring.view.peer_sends.video and not ring.view.peer_may_send.video
    await call.hang_up()


@pytest.mark.shows("S17")
async def test_a_call_that_began_with_audio_gets_no_video_past_rules_that_came_since(stage: Stage) -> None:
    """The client asks for what it may not have, and says so to whichever process; nobody lets it through."""
    ada, bob = await stage.friends("ada", "bob")
    await stage.operator.set_tier(ada.session, "dimmed")
    call, ring = await talk(ada, bob)
    assert call.view.may_send.video
    try:
        await stage.operator.put_rules(DIMMED)
        for _ in range(4):
            with pytest.raises(Refusal) as refused:
                await call.set_media(audio=True, video=True)
            assert refused.value.reason == Reason.REASON_NOT_ENTITLED_VIDEO
            assert refused.value.missing == "plus"
        assert not ring.view.peer_sends.video
    finally:
        await stage.operator.drop_rules()
    await call.set_media(audio=True, video=True)
    await ring.until(where=lambda it: it.view.peer_sends.video, within=PATIENCE)
    await call.hang_up()


@pytest.mark.shows("S17")
async def test_an_answer_cannot_add_a_kind_that_was_not_asked_for(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob), audio=True)
    ring = await bob.rings(PATIENCE)
    await ring.answer(audio=True, video=True, offer=b"offer")
    await call.until("connecting", within=PATIENCE)
    assert call.view.peer_sends.audio and not call.view.peer_sends.video
    assert not ring.view.sends.video
    await call.hang_up()


@pytest.mark.shows("S2")
async def test_nothing_of_either_side_travels_before_the_answer(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob))
    ring = await bob.rings(PATIENCE)
    for hostile in (call, ring):
        with pytest.raises(Refusal):
            await hostile.describe(b"192.0.2.7 is my address", candidates=[b"192.0.2.7"])
        with pytest.raises(Refusal):
            await hostile.add_candidates([b"192.0.2.7"])
    await call.until("ringing", within=PATIENCE)
    for phone in (ada, bob):
        for frame in stage.heard(phone):
            body = frame.SerializeToString()
            assert b"192.0.2.7" not in body
            assert not frame.call.HasField("peer_description")
            assert not frame.HasField("peer_candidates")
            assert b"g_" not in frame.call.SerializeToString(), "no gateway of the other side"
            assert b"d_" not in frame.call.SerializeToString(), "no device of the other side"
    await call.hang_up()


async def test_relay_credentials_are_what_coturn_will_accept(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call = await ada.place(at(bob))
    ring = await bob.rings(PATIENCE)
    await ring.answer(offer=b"offer")
    fresh = await call.renew_relay()
    for relay in (call.relay, ring.relay, fresh):
        expiry = int(relay.username.partition(":")[0])
        assert 0 < expiry - time.time() <= 610
        expected = hmac.new(TURN_SECRET.encode(), relay.username.encode(), hashlib.sha1).digest()
        assert base64.b64decode(relay.credential) == expected
        assert relay.urls and relay.ttl_s <= 600
    assert len({call.view.relay.username, ring.view.relay.username, fresh.username}) == 3
    await call.hang_up()


@pytest.mark.shows("S10")
async def test_the_same_command_has_one_effect_on_whatever_line_it_comes(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    key = mint_command()
    first = await ada.place(at(bob), command_id=key)
    again = await ada.place(at(bob), command_id=key)
    assert again.call_id == first.call_id
    await ada.reconnect(PATIENCE)
    third = await ada.place(at(bob), command_id=key)
    assert third.call_id == first.call_id
    ring = await bob.rings(PATIENCE)
    assert list(bob.calls) == [ring.call_id]
    await first.hang_up()
    await ring.until("ended", within=PATIENCE)
    late = await ada.place(at(bob), command_id=key)
    assert (late.call_id, late.phase) == (first.call_id, "ended")


@pytest.mark.shows("S14")
async def test_a_line_that_was_replaced_can_change_nothing(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob)
    twin = await stage.another_line(ada, gateway=1, instance=ada.instance)
    await ada.until(lambda phone: phone.gone is not None, PATIENCE)
    assert ada.gone is not None and ada.gone.reason == Reason.REASON_LINE_FENCED
    with pytest.raises(Refusal):
        await call.hang_up()
    same = await heir_of(twin, call)
    assert same.phase == "connected" and same.view.here
    await same.hang_up()
    await ring.until(ended="hung_up", within=PATIENCE)


async def heir_of(twin: Phone, call: Call) -> Call:
    await twin.until(lambda phone: call.call_id in phone.calls, PATIENCE)
    return twin.calls[call.call_id]


@pytest.mark.shows("S14")
async def test_a_revoked_device_is_cut_off_and_can_change_nothing(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    tablet = await stage.another_device(bob, gateway=1)
    await bob.session.revoke(tablet.session.device_id)
    await tablet.until(lambda phone: not phone.is_connected, PATIENCE)
    call = await ada.place(at(bob))
    await (await bob.rings(PATIENCE)).answer()
    with pytest.raises((Refusal, ConnectionError, TimeoutError)):
        await tablet.connect(PATIENCE)
    assert call.call_id not in tablet.calls
    await call.hang_up()


@pytest.mark.shows("S11", "S12")
async def test_the_events_of_a_call_are_complete_and_in_order(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob, slowly=True)
    await call.set_media(audio=True, video=True)
    await ring.hang_up()
    await call.until("ended", within=PATIENCE)
    events = await stage.book.facts(call.call_id)
    assert [event.WhichOneof("fact") for event in events] == [
        "call_placed",
        "call_rang",
        "call_answered",
        "call_media_set",
        "call_ended",
    ]
    versions = [event.version for event in events]
    assert versions == sorted(set(versions))
    end = events[-1].call_ended
    assert (end.caller_id, end.callee_id) == (ada.session.user_id, bob.session.user_id)
    assert end.ended_by_id == bob.session.user_id
    assert end.placed_at_ms <= end.answered_at_ms <= end.ended_at_ms
    assert events[2].call_answered.device_id == bob.session.device_id
