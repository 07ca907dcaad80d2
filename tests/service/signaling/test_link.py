"""Signaling through its front door, two pods, each command to the next one."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ringline.ids import attempt_of
from ringline.refusal import Refusal
from ringline.v1 import client_pb2, policy_pb2, signaling_pb2, types_pb2
from ringline.v1.reasons_pb2 import Reason
from tests.conftest import SettingsFor
from tests.service.signaling.conftest import Severing
from tests.service.signaling.exchange_room import AUDIO, BOTH, Device, Room, open_room

OFFER = client_pb2.Description(generation=1, body=b"offer")
REPLY = client_pb2.Description(generation=1, answers=1, body=b"answer")


@pytest.fixture
async def room(settings_for: SettingsFor) -> AsyncIterator[Room]:
    async with open_room(await settings_for("signaling")) as opened:
        yield opened


async def place(caller: Device, username: str = "bob", kinds: types_pb2.Kinds = AUDIO) -> client_pb2.Call:
    return await caller.says(place=client_pb2.Place(username=username, kinds=kinds))


async def answer(device: Device, call_id: str) -> client_pb2.Call:
    return await device.says(answer=client_pb2.Answer(call_id=call_id, kinds=AUDIO, description=OFFER))


async def test_a_call_is_placed_rings_is_answered_and_ends(room: Room) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    call = await place(ada)
    assert (call.phase, call.here, call.role) == (client_pb2.PHASE_CALLING, True, client_pb2.ROLE_CALLER)
    ring = (await bob.hears(phase=client_pb2.PHASE_CALLING)).call
    assert ring.peer.username == "ada"
    assert 44_000 < ring.ring_left_ms <= 45_000
    assert not ring.HasField("peer_description")
    await bob.says(ringing=client_pb2.Ringing(call_id=call.call_id))
    await ada.hears(phase=client_pb2.PHASE_RINGING)
    await answer(bob, call.call_id)
    connecting = (await ada.hears(phase=client_pb2.PHASE_CONNECTING)).call
    assert connecting.peer_description.body == b"offer"
    await ada.says(describe=client_pb2.Describe(call_id=call.call_id, description=REPLY))
    heard = (await bob.hears(peer_description=REPLY)).call
    assert heard.described == 1
    for device in (ada, bob):
        await device.says(
            report=client_pb2.Report(call_id=call.call_id, state=client_pb2.MEDIA_STATE_FLOWING)
        )
    await ada.hears(phase=client_pb2.PHASE_CONNECTED)
    over = await ada.says(hang_up=client_pb2.HangUp(call_id=call.call_id))
    assert (over.phase, over.ending) == (client_pb2.PHASE_ENDED, types_pb2.ENDING_HUNG_UP)
    await bob.hears(phase=client_pb2.PHASE_ENDED)


@pytest.mark.shows("S10")
async def test_the_same_command_has_the_same_answer_and_no_second_effect(room: Room) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    place_it = client_pb2.Place(username="bob", kinds=AUDIO)
    calls = await asyncio.gather(
        *(ada.says(command_id="the-same-place-command", pod=n, place=place_it) for n in range(6))
    )
    assert len({call.call_id for call in calls}) == 1
    call_id = calls[0].call_id
    first = await bob.says(
        command_id="the-same-answer-once", answer=client_pb2.Answer(call_id=call_id, kinds=AUDIO)
    )
    again = await bob.says(
        command_id="the-same-answer-once", answer=client_pb2.Answer(call_id=call_id, kinds=AUDIO)
    )
    assert (first.version, first.phase) == (again.version, again.phase)


@pytest.mark.shows("S3")
async def test_of_two_devices_that_answer_at_once_one_wins(room: Room) -> None:
    ada = room.device("ada.laptop")
    devices = [room.device(f"bob.phone{n}") for n in range(8)]
    call = await place(ada)
    answers = await asyncio.gather(
        *(answer(device, call.call_id) for device in devices), return_exceptions=True
    )
    winners = [one for one in answers if isinstance(one, client_pb2.Call)]
    losers = [one.name for one in answers if isinstance(one, Refusal)]
    assert len(winners) == 1
    assert losers == ["answered_elsewhere"] * 7
    for device, said in zip(devices, answers, strict=True):
        if isinstance(said, Refusal):
            await device.hears(ending=types_pb2.ENDING_ANSWERED_ELSEWHERE)


@pytest.mark.shows("S7")
async def test_two_who_dial_each_other_have_one_call(room: Room) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    calls = await asyncio.gather(place(ada), place(bob, "ada"))
    assert calls[0].call_id == calls[1].call_id
    assert client_pb2.PHASE_CONNECTING in {call.phase for call in calls}
    assert {call.role for call in calls} == {client_pb2.ROLE_CALLER, client_pb2.ROLE_CALLEE}


@pytest.mark.shows("S7", "S10")
async def test_a_place_that_was_an_answer_stays_one_when_it_is_sent_again(room: Room) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    call = await place(ada)
    back = client_pb2.Place(username="ada", kinds=AUDIO)
    met = await bob.says(command_id="bob-dials-ada-once", place=back)
    assert (met.call_id, met.role) == (call.call_id, client_pb2.ROLE_CALLEE)
    await ada.says(hang_up=client_pb2.HangUp(call_id=call.call_id))
    again = await bob.says(command_id="bob-dials-ada-once", place=back)
    assert (again.call_id, again.phase) == (call.call_id, client_pb2.PHASE_ENDED)


@pytest.mark.shows("S10")
async def test_a_command_that_placed_a_call_asks_about_nobody_else_when_it_is_sent_again(room: Room) -> None:
    ada = room.device("ada.laptop")
    bob = client_pb2.Place(username="bob", kinds=AUDIO)
    call = await ada.says(command_id="ada-dials-bob-once", place=bob)
    await ada.says(hang_up=client_pb2.HangUp(call_id=call.call_id))
    for username in ("bob", "carol", "nobody"):
        other = client_pb2.Place(username=username, kinds=AUDIO)
        again = await ada.says(command_id="ada-dials-bob-once", place=other)
        assert (again.call_id, again.peer.username) == (call.call_id, "bob")
    first, *more = room.policy.asked
    assert first.callee_username == "bob"
    assert {(one.callee_username, one.callee_id, one.call_id) for one in more} == {
        ("", "u_bob", first.call_id)
    }, "policy counts an attempt for its name once, for whomever it is"


async def test_who_declined_a_stranger_may_call_back(room: Room) -> None:
    stranger, bob = room.device("mal.laptop"), room.device("bob.phone")
    truthless = policy_pb2.Verdict(outcome=policy_pb2.OUTCOME_ADMITTED)
    room.policy.outcome["u_mal"] = truthless
    room.policy.veiled.add("u_mal")
    call = await place(stranger)
    await bob.says(decline=client_pb2.Decline(call_id=call.call_id, everywhere=True))
    back = await place(bob, "mal")
    assert back.phase == client_pb2.PHASE_CALLING
    assert (await stranger.hears(call_id=back.call_id)).call.role == client_pb2.ROLE_CALLEE


async def test_a_line_that_opens_while_a_call_is_placed_rings_with_the_next_sync(room: Room) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone", online=False)
    assert await bob.arrives() == []
    call = await place(ada)
    opened = signaling_pb2.Held(line=bob.key, user_id="u_bob", epoch=1)
    ring = {frame.line: frame for frame in (await room.sync(opened)).repairs}[bob.key]
    assert (ring.line, ring.call_id, ring.live) == (bob.key, call.call_id, True)
    assert (await answer(bob, call.call_id)).here


@pytest.mark.shows("S6")
async def test_the_unheard_caller_sees_a_call_that_nobody_answers(room: Room) -> None:
    mal, bob = room.device("mal.laptop"), room.device("bob.phone")
    room.policy.outcome["u_mal"] = policy_pb2.Verdict(outcome=policy_pb2.OUTCOME_UNHEARD)
    call = await place(mal)
    assert (call.phase, call.version) == (client_pb2.PHASE_CALLING, 1)
    with pytest.raises(Refusal, match="already_in_call"):
        await place(mal)
    honest = await place(room.device("ada.laptop"))
    await bob.hears(call_id=honest.call_id)
    assert all(frame.call.call_id != call.call_id for frame in room.heard[bob.key])
    over = await mal.says(hang_up=client_pb2.HangUp(call_id=call.call_id))
    assert over.ending == types_pb2.ENDING_CANCELLED
    assert all(seen.call_id != call.call_id for seen in await bob.arrives())


@pytest.mark.shows("S5", "S6")
async def test_a_closed_gate_makes_a_shadow_call_and_ends_the_ring(room: Room, sever: Severing) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    call = await place(ada)
    await bob.hears(call_id=call.call_id)
    ended = await sever("u_bob", "u_ada", True)
    assert ended == call.call_id
    await bob.hears(ending=types_pb2.ENDING_CANCELLED)
    with pytest.raises(Refusal, match="call_ended"):
        await answer(bob, call.call_id)
    await ada.says(hang_up=client_pb2.HangUp(call_id=call.call_id))
    shadow = await place(ada)
    assert shadow.phase == client_pb2.PHASE_CALLING
    with pytest.raises(Refusal, match="call_ended"):
        await answer(bob, shadow.call_id)
    await ada.says(hang_up=client_pb2.HangUp(call_id=shadow.call_id))
    assert await sever("u_bob", "u_ada", False) == ""
    again = await place(ada)
    await bob.hears(call_id=again.call_id)


@pytest.mark.shows("S5")
async def test_a_wish_for_a_gate_that_comes_late_changes_nothing(room: Room, sever: Severing) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    await sever("u_bob", "u_ada", True, generation=1)
    await sever("u_bob", "u_ada", False, generation=2)
    call = await place(ada)
    await bob.hears(call_id=call.call_id)

    with pytest.raises(Refusal, match="stale"):
        await sever("u_bob", "u_ada", True, generation=1)
    assert await sever("u_ada", "u_bob", False, generation=1) == ""  # the other side counts for itself

    await answer(bob, call.call_id)
    assert await sever("u_bob", "u_ada", True, generation=3) == call.call_id
    with pytest.raises(Refusal, match="stale"):
        await sever("u_bob", "u_ada", False, generation=2)
    with pytest.raises(Refusal, match="call_ended"):
        await answer(bob, (await place(ada)).call_id)


@pytest.mark.shows("L3")
async def test_a_lost_wake_is_repaired_by_the_sync(room: Room) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    call = await place(ada)
    reply = await room.sync(
        signaling_pb2.Held(line=ada.key, user_id="u_ada", call_id=call.call_id, version=call.version)
    )
    assert [frame.line for frame in reply.repairs] == [bob.key]
    assert [live.call_id for live in reply.live] == [call.call_id]
    await answer(bob, call.call_id)
    old = signaling_pb2.Held(line=ada.key, user_id="u_ada", call_id=call.call_id, version=1)
    repair = {frame.line: frame for frame in (await room.sync(old)).repairs}[ada.key]
    view = client_pb2.ServerFrame.FromString(repair.frame).call
    assert (view.phase, view.peer_description) == (client_pb2.PHASE_CONNECTING, OFFER)
    await ada.says(hang_up=client_pb2.HangUp(call_id=call.call_id))
    reply = await room.sync(old)
    assert not reply.live
    assert [frame.live for frame in reply.repairs] == [False]


@pytest.mark.shows("L2")
async def test_a_line_that_comes_back_finds_its_call_and_the_description(room: Room) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    call = await place(ada)
    await answer(bob, call.call_id)
    await ada.goes()
    ada.line.epoch = 2
    (seen,) = await ada.arrives()
    assert (seen.here, seen.peer_description, seen.call_id) == (True, OFFER, call.call_id)
    ada.line.epoch = 1
    with pytest.raises(Refusal, match="line_fenced"):
        await ada.says(hang_up=client_pb2.HangUp(call_id=call.call_id))


@pytest.mark.shows("S14")
async def test_a_call_of_a_page_that_was_loaded_anew_meanwhile_is_refused(room: Room) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    newer = types_pb2.Line()
    newer.CopyFrom(ada.line)
    newer.epoch = 2
    room.presence.lines["u_ada"] = [newer]
    with pytest.raises(Refusal, match="line_fenced"):
        await place(ada)
    assert not room.heard[bob.key]
    ada.line.epoch = 2
    await place(ada)
    await bob.hears(phase=client_pb2.PHASE_CALLING)


@pytest.mark.shows("L2")
async def test_a_page_that_is_loaded_anew_learns_which_descriptions_are_old(room: Room) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    call = await place(ada)
    await answer(bob, call.call_id)
    await ada.says(describe=client_pb2.Describe(call_id=call.call_id, description=REPLY))
    for device in (ada, bob):
        flowing = client_pb2.Report(call_id=call.call_id, state=client_pb2.MEDIA_STATE_FLOWING)
        await device.says(report=flowing)
    ada.line.epoch = 2
    (seen,) = await ada.arrives()
    assert (seen.HasField("peer_description"), seen.peer_described, seen.described) == (False, 1, 1)


@pytest.mark.shows("L6")
async def test_what_was_missed_shows_at_the_next_connection(room: Room) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone", online=False)
    call = await place(ada)
    await ada.says(hang_up=client_pb2.HangUp(call_id=call.call_id))
    (missed,) = await bob.arrives()
    assert (missed.ending, missed.role) == (types_pb2.ENDING_CANCELLED, client_pb2.ROLE_CALLEE)


@pytest.mark.shows("S13")
async def test_a_device_that_comes_with_less_than_five_seconds_left_stays_silent(
    settings_for: SettingsFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGLINE_SIGNALING_RING_S", "4.9")
    async with open_room(await settings_for("signaling")) as room:
        ada, bob = room.device("ada.laptop"), room.device("bob.phone", online=False)
        call = await place(ada)
        assert call.ring_left_ms > 0
        assert await bob.arrives() == []


async def test_presence_never_gates_ringing(room: Room) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    room.presence.is_away = True
    call = await place(ada)
    async with asyncio.timeout(5):
        while not room.heard["u_bob"]:
            room.news.clear()
            await room.news.wait()
    assert room.heard["u_bob"][0].call.call_id == call.call_id
    taken = await answer(bob, call.call_id)
    assert taken.phase == client_pb2.PHASE_CONNECTING


@pytest.mark.shows("S17")
async def test_a_toggle_is_checked_by_policy_again(room: Room) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    call = await place(ada)
    await answer(bob, call.call_id)
    toggle = client_pb2.SetMedia(call_id=call.call_id, kinds=BOTH)
    room.policy.outcome["u_ada"] = policy_pb2.Verdict(outcome=policy_pb2.OUTCOME_UNHEARD)
    with pytest.raises(Refusal, match="kind_not_admitted"):
        await ada.says(set_media=toggle)
    del room.policy.outcome["u_ada"]
    assert (await ada.says(set_media=toggle)).sends == BOTH
    await bob.hears(peer_sends=BOTH)


@pytest.mark.shows("S15")
async def test_a_stranger_to_the_call_finds_nothing(room: Room) -> None:
    ada, mal = room.device("ada.laptop"), room.device("mal.laptop")
    room.device("bob.phone")
    call = await place(ada)
    for body in (
        {"hang_up": client_pb2.HangUp(call_id=call.call_id)},
        {"answer": client_pb2.Answer(call_id=call.call_id, kinds=AUDIO)},
        {"set_media": client_pb2.SetMedia(call_id=call.call_id, kinds=BOTH)},
        {"renew_relay": client_pb2.RenewRelay(call_id=call.call_id)},
        {"hang_up": client_pb2.HangUp(call_id="c_none")},
    ):
        with pytest.raises(Refusal, match="call_not_found"):
            await mal.says(**body)


async def test_policy_is_told_which_call_it_decides_on_and_a_repeated_command_is_the_same_one(
    room: Room,
) -> None:
    """By whichever process; the call's id is the attempt's with the digits of the pair behind it."""
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    placing = client_pb2.Place(username="bob", kinds=AUDIO)
    calls = [await ada.says("the-same-command-01", pod=pod % 2, place=placing) for pod in range(4)]
    call_id = calls[0].call_id
    await bob.hears(phase=client_pb2.PHASE_CALLING)
    await answer(bob, call_id)
    await ada.says(set_media=client_pb2.SetMedia(call_id=call_id, kinds=BOTH))

    assert {call.call_id for call in calls} == {call_id}
    *placed, media = room.policy.asked
    assert {attempt.call_id for attempt in placed} == {attempt_of(call_id)} != {call_id}
    assert (media.act, media.call_id) == (policy_pb2.ACT_SET_MEDIA, call_id)
    await ada.says(hang_up=client_pb2.HangUp(call_id=call_id))
    again = await place(ada)
    assert room.policy.asked[-1].call_id == attempt_of(again.call_id) != attempt_of(call_id)


@pytest.mark.shows("S6", "S17")
async def test_before_the_answer_only_the_callers_own_standing_keeps_video_off(room: Room) -> None:
    """What he is entitled to is asked again while it rings; what hangs on the callee would tell of it."""
    ada = room.device("ada.laptop")

    def refuses(reason: Reason.ValueType) -> policy_pb2.Verdict:
        refused = Refusal(reason).to_proto()
        return policy_pb2.Verdict(outcome=policy_pb2.OUTCOME_REFUSED, refused=refused)

    for outcome in (policy_pb2.OUTCOME_ADMITTED, policy_pb2.OUTCOME_UNHEARD):
        room.policy.outcome["u_ada"] = policy_pb2.Verdict(outcome=outcome)
        call = await place(ada)
        turning_on = client_pb2.SetMedia(call_id=call.call_id, kinds=BOTH)
        room.policy.outcome["u_ada"] = refuses(Reason.REASON_NOT_ENTITLED_VIDEO)
        with pytest.raises(Refusal) as refused:
            await ada.says(set_media=turning_on)
        assert refused.value.reason == Reason.REASON_NOT_ENTITLED_VIDEO
        for said in (refuses(Reason.REASON_KIND_NOT_ADMITTED), policy_pb2.Verdict(outcome=outcome)):
            room.policy.outcome["u_ada"] = said
            assert (await ada.says(set_media=turning_on)).sends == BOTH
            await ada.says(set_media=client_pb2.SetMedia(call_id=call.call_id, kinds=AUDIO))
        await ada.says(hang_up=client_pb2.HangUp(call_id=call.call_id))


@pytest.mark.shows("S17")
async def test_video_that_is_not_admitted_is_not_sent_for_having_been_turned_on_before_the_answer(
    room: Room,
) -> None:
    ada, bob = room.device("ada.laptop"), room.device("bob.phone")
    call = await place(ada)
    refused = Refusal(Reason.REASON_KIND_NOT_ADMITTED).to_proto()
    room.policy.outcome["u_ada"] = policy_pb2.Verdict(outcome=policy_pb2.OUTCOME_REFUSED, refused=refused)
    turning_on = client_pb2.SetMedia(call_id=call.call_id, kinds=BOTH)
    assert (await ada.says(set_media=turning_on)).sends == BOTH
    taken = await answer(bob, call.call_id)
    assert not taken.peer_sends.video and not taken.peer_may_send.video
    assert (await ada.hears(phase=client_pb2.PHASE_CONNECTING)).call.sends == AUDIO
    with pytest.raises(Refusal) as again:
        await ada.says(set_media=turning_on)
    assert again.value.reason == Reason.REASON_KIND_NOT_ADMITTED
