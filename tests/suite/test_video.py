"""A hostile client cannot get video into a call that was admitted without it."""

import asyncio

import pytest

from ringline.client import Call, Phone
from ringline.refusal import Refusal
from ringline.v1 import client_pb2
from ringline.v1.client_pb2 import ClientFrame
from ringline.v1.types_pb2 import Kinds
from tests.suite.people import PATIENCE, Stage, at, talk

pytestmark = pytest.mark.asyncio(loop_scope="session")
BOTH = Kinds(audio=True, video=True)
NO = {"not_entitled_video", "kind_not_admitted", "wrong_state", "wrong_role"}


async def says(phone: Phone, frame: ClientFrame) -> str:
    """What becomes of a frame of a hostile client: "done", or the reason of the refusal."""
    try:
        await phone.command(frame)
    except Refusal as refusal:
        return refusal.name
    return "done"


def tricks(call: Call, username: str, command_id: str) -> list[ClientFrame]:
    """What a client may try to send video after an audio call: turn it on, answer its own call with it, say
    the command that placed the call again, now with video, and place another one beside it.
    """
    media = client_pb2.SetMedia(call_id=call.call_id, kinds=BOTH)
    return [
        ClientFrame(set_media=media),
        ClientFrame(answer=client_pb2.Answer(call_id=call.call_id, kinds=BOTH)),
        ClientFrame(hold=client_pb2.Hold(call_id=call.call_id, on=False)),
        ClientFrame(set_media=media),
        ClientFrame(command_id=command_id, place=client_pb2.Place(username=username, kinds=BOTH)),
        ClientFrame(place=client_pb2.Place(username=username, kinds=BOTH)),
        ClientFrame(set_media=media),
    ]


@pytest.mark.shows("S17")
@pytest.mark.parametrize("when", ["before the call", "while it rings", "while they talk"])
async def test_no_trick_turns_video_on_where_the_caller_is_not_entitled_to_it(
    stage: Stage, when: str
) -> None:
    """Whenever he lost it: what was admitted when the call was placed is asked again."""
    ada, bob = await stage.friends("ada", "bob")
    if when == "before the call":
        await stage.operator.set_tier(ada.session, "voice")
    command_id = f"audio-call-{when.replace(' ', '-')}"
    if when == "while they talk":
        call, ring = await talk(ada, bob)
        command_id = "another-command-0001"
    else:
        call = await ada.place(at(bob), command_id=command_id)
        ring = await bob.rings(PATIENCE)
    if when != "before the call":
        await stage.operator.set_tier(ada.session, "voice")
    said = [await says(ada, frame) for frame in tricks(call, at(bob), command_id)]
    if ring.phase == "calling":
        await ring.answer(audio=True, video=True)
        await call.until("connecting", within=PATIENCE)
        said += [await says(ada, frame) for frame in tricks(call, at(bob), command_id)]

    record = await stage.operator.find(call.call_id)
    assert not record.members[0].sends.video, said
    assert not ring.view.peer_sends.video
    assert not record.asked.video
    media = said[0::7] + said[3::7] + said[6::7]
    assert set(media) <= NO, said
    await asyncio.gather(call.hang_up(), ring.until("ended", within=PATIENCE))
