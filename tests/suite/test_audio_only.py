"""Who may send the callee sound only, told in both topologies: it rings as an audio call, and no video of the
caller's is ever admitted.
"""

import pytest

from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from tests.suite.people import PATIENCE, Stage, at, talk

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("begins_with_video", [True, False])
async def test_a_caller_who_may_send_sound_only_has_no_video_admitted(
    stage: Stage, begins_with_video: bool
) -> None:
    ada, bob = await stage.friends("ada", "bob")
    await bob.session.set_person_settings(at(ada), audio_only=True)
    unanswered = await ada.place(at(bob), audio=True, video=begins_with_video)
    assert unanswered.view.may_send.video and unanswered.view.peer_may_send.video
    assert unanswered.view.sends.video is begins_with_video
    ring = await bob.rings(PATIENCE)
    assert ring.view.asked.audio and not ring.view.asked.video and not ring.view.peer_may_send.video
    await unanswered.hang_up()
    await ring.until(ended="cancelled", within=PATIENCE)

    call, ring = await talk(ada, bob, video=begins_with_video)
    for side in (call.view, ring.view):
        assert not side.sends.video and not side.peer_sends.video
    assert not call.view.may_send.video and not ring.view.peer_may_send.video
    for kinds in ((True, True), (False, True)):
        with pytest.raises(Refusal) as refused:
            await call.set_media(audio=kinds[0], video=kinds[1])
        assert refused.value.reason == Reason.REASON_KIND_NOT_ADMITTED
    await ring.set_media(audio=True, video=True)  # Bob's own camera is his own affair
    await call.until(where=lambda it: it.view.peer_sends.video, within=PATIENCE)
    assert not ring.view.peer_sends.video
    await call.hang_up()
