"""What a caller is told who may not ring, and what he must not be able to find out."""

import asyncio

import pytest
from google.protobuf.message import Message

from ringline.client import Call, Phone, inbox
from ringline.refusal import Refusal
from ringline.v1.client_pb2 import Call as View
from ringline.v1.client_pb2 import ServerFrame
from ringline.v1.reasons_pb2 import Reason
from tests.suite.people import PATIENCE, Stage, at, talk
from tests.suite.refusing import CLASSES, HONEST, callee_of, the_operators_rules
from tests.suite.topology import RING_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="session")
TO_THE_DEADLINE = RING_SECONDS + PATIENCE
PROJECTED = 20.0
"""Seconds for the end of a call to come out of the event log, on a busy machine."""
LETTERS = "bcdfghjkpqtvxz"
SIZE_CLASS = 16
"""Bytes by which the sizes of two frames may differ: variable-length figures such as the time that is left.
"""


def shape(message: Message) -> list[object]:
    """What a frame looks like to somebody who cannot tell one id or time from another: fields, their order,
    the lengths of text and bytes, enums and flags.
    """
    seen: list[object] = []
    for field, value in message.ListFields():
        if field.message_type is not None:
            values = value if field.is_repeated else [value]
            seen.append((field.name, [shape(one) for one in values]))
        elif field.type == field.TYPE_STRING or field.type == field.TYPE_BYTES:
            seen.append((field.name, [len(one) for one in value] if field.is_repeated else len(value)))
        elif field.type in (field.TYPE_ENUM, field.TYPE_BOOL) or field.name == "version":
            seen.append((field.name, value))
        else:
            seen.append(field.name)
    return seen


def story_of(frames: list[ServerFrame]) -> list[tuple[str | None, list[object]]]:
    """The kinds, order, shapes and size classes of what a caller was told."""
    return [(frame.WhichOneof("body"), shape(frame)) for frame in about_calls(frames)]


def sizes_of(frames: list[ServerFrame]) -> list[int]:
    """The sizes of what a caller was told."""
    return [frame.ByteSize() for frame in about_calls(frames)]


def about_calls(frames: list[ServerFrame]) -> list[ServerFrame]:
    """Without welcome and beats, and without a view that came before the reply that has it once more: where a
    reply takes longer than two seconds, the gateway's comparison is faster, whoever is called.
    """
    told = [frame for frame in frames if frame.WhichOneof("body") not in ("welcome", "beat")]
    at = next((n for n, frame in enumerate(told) if frame.WhichOneof("body") == "done"), 0)
    made = told[at].done.call if told else View()
    early = [frame for frame in told[:at] if frame.call == made]
    return [frame for frame in told if frame not in early]


async def unanswered(stage: Stage, caller: Phone, callee: Phone) -> list[ServerFrame]:
    """What the caller is told from the call to its end at the deadline, and to its entry in the thread."""
    before = len(stage.heard(caller))
    call = await caller.place(at(callee))
    assert call.phase == "calling"
    await call.until(ended="no_answer", within=TO_THE_DEADLINE)
    await until_entry(caller, call)
    return stage.heard(caller)[before:]


async def until_entry(caller: Phone, call: Call) -> None:
    """Waits until the entry of a call comes to the caller."""
    await caller.until(
        lambda phone: any(entry.call.call_id == call.call_id for entry in phone.inbox.added), PROJECTED
    )


async def test_calling_nobody_or_oneself_is_refused_at_once(stage: Stage) -> None:
    ada = await stage.person("ada")
    for username, reason in (
        ("@nobody_has_this_name", Reason.REASON_USER_NOT_FOUND),
        ("@no such form", Reason.REASON_USER_NOT_FOUND),
        (at(ada), Reason.REASON_SELF),
        (at(ada).upper(), Reason.REASON_SELF),
    ):
        with pytest.raises(Refusal) as refused:
            await ada.place(username)
        assert refused.value.reason == reason, username
    assert not ada.calls


async def test_somebody_who_is_not_entitled_is_told_so_at_once(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    await stage.operator.set_tier(ada.session, "none")
    with pytest.raises(Refusal) as refused:
        await ada.place(at(bob))
    assert refused.value.reason == Reason.REASON_NOT_ENTITLED_AUDIO
    assert not bob.calls


@pytest.mark.shows("S6")
async def test_whatever_keeps_a_call_from_being_heard_looks_like_nobody_picking_up(stage: Stage) -> None:
    """All classes of callees (refusing.py), and as the control one who is rung for real and does not pick up;
    none shows presence to strangers.
    """
    kinds = [HONEST, *CLASSES]
    callers = await asyncio.gather(*(stage.person(f"a{letter}") for letter in LETTERS[: len(kinds)]))
    callees = await asyncio.gather(
        *(callee_of(stage, kind, [caller]) for kind, caller in zip(kinds, callers, strict=True))
    )
    async with the_operators_rules(stage):
        stories = await asyncio.gather(
            *(unanswered(stage, caller, callee) for caller, callee in zip(callers, callees, strict=True))
        )
    control = stories[0]
    assert [kind for kind, _ in story_of(control)] == ["done", "call", "thread_changed"]
    for kind, frames in zip(kinds, stories, strict=True):
        assert story_of(frames) == story_of(control), kind
        for size, wanted in zip(sizes_of(frames), sizes_of(control), strict=True):
            assert abs(size - wanted) <= SIZE_CLASS, kind
    assert callees[0].calls
    for kind, callee in zip(kinds[1:], callees[1:], strict=True):
        told = [one for one in stage.heard(callee) if one.WhichOneof("body") not in ("welcome", "beat")]
        assert not told, kind


@pytest.mark.shows("S2", "S6")
async def test_a_stranger_learns_nothing_of_the_callees_devices(stage: Stage) -> None:
    """Neither that one rings, nor that the line is busy, nor that the call was declined."""
    bob = await stage.person("bob", gateway=1, audiences=["everyone"])
    names = ("ada", "amy", "ann", "art")
    ada, amy, ann, art = await asyncio.gather(*(stage.person(name) for name in names))

    async def declined() -> list[ServerFrame]:
        before = len(stage.heard(ada))
        call = await ada.place(at(bob))
        ring = await bob.rings(PATIENCE)
        await ring.decline(everywhere=True)
        assert ring.ending == "declined"
        await call.until(ended="no_answer", within=TO_THE_DEADLINE)
        await until_entry(ada, call)
        return stage.heard(ada)[before:]

    first, second = await asyncio.gather(declined(), unanswered(stage, ann, await stage.person("bib")))
    assert story_of(first) == story_of(second)
    friend = await stage.person("cem", audiences=["everyone"])
    call = await bob.place(at(friend))
    await (await friend.rings(PATIENCE)).answer()
    # Two call him meanwhile: one waits, and to the other he is busy.
    waiting, busy = await asyncio.gather(*(unanswered(stage, one, bob) for one in (art, amy)))
    assert story_of(waiting) == story_of(busy) == story_of(second)
    assert call.is_live
    await call.hang_up()


async def test_one_who_hangs_up_a_call_that_nobody_hears_sees_it_cancelled(stage: Stage) -> None:
    bob = await stage.person("bob", gateway=1, audiences=[])
    boz = await stage.person("boz", gateway=1, audiences=["everyone"])
    ada, amy = await asyncio.gather(stage.person("ada"), stage.person("amy"))
    stories = []
    for caller, callee in ((ada, bob), (amy, boz)):
        before = len(stage.heard(caller))
        call = await caller.place(at(callee))
        await call.hang_up()
        assert call.ending == "cancelled"
        await until_entry(caller, call)
        stories.append(stage.heard(caller)[before:])
    assert story_of(stories[0]) == story_of(stories[1])
    assert not bob.calls


async def test_a_message_that_nobody_hears_looks_like_one_that_is_delivered(stage: Stage) -> None:
    """One receiver blocks the sender, one lets nobody write, one has no device, and one gets it."""
    receivers = await asyncio.gather(
        stage.person("bea", gateway=1),
        stage.person("bib", gateway=1),
        stage.person("bob", gateway=1, phone=False),
        stage.person("boz", gateway=1),
    )
    senders = await asyncio.gather(*(stage.person(name) for name in ("ada", "amy", "ann", "axl")))
    await receivers[0].session.block(at(senders[0]))
    await receivers[1].session.allow_messages_from()
    stories, answers = [], []
    for sender, receiver in zip(senders, receivers, strict=True):
        before = len(stage.heard(sender))
        sent = [await sender.session.send(at(receiver), text) for text in ("one", "two")]
        await sender.until(lambda phone: len(phone.inbox.added) == 2, PATIENCE)
        stories.append(stage.heard(sender)[before:])
        page = await sender.session.entries(at(receiver))
        answers.append(
            [inbox.thread_of(one) for one in (sent[0]["thread"], sent[1]["thread"], page["thread"])]
        )
    assert [kind for kind, _ in story_of(stories[3])] == ["thread_changed", "thread_changed"]
    for frames, threads in zip(stories[:3], answers[:3], strict=True):
        assert story_of(frames) == story_of(stories[3])
        assert [shape(thread) for thread in threads] == [shape(thread) for thread in answers[3]]
        assert [(one.feed, one.last.number) for one in threads] == [
            (one.feed, one.last.number) for one in answers[3]
        ]
    await receivers[3].until(lambda phone: len(phone.inbox.added) == 2, PATIENCE)
    assert not receivers[0].inbox.added and not receivers[1].inbox.added


@pytest.mark.shows("S5", "S6")
async def test_a_block_during_the_ring_ends_the_ring_and_tells_the_caller_nothing(stage: Stage) -> None:
    bob = await stage.person("bob", gateway=1, audiences=["everyone"])
    tablet = await stage.another_device(bob, gateway=0)
    ada = await stage.person("ada")
    call = await ada.place(at(bob))
    ring, other = await asyncio.gather(bob.rings(PATIENCE), tablet.rings(PATIENCE))
    await bob.session.block(ada.session.username)
    await asyncio.gather(ring.until("ended", within=PATIENCE), other.until("ended", within=PATIENCE))
    assert ring.ending == other.ending == "cancelled"
    assert call.phase == "calling"
    await call.until(ended="no_answer", within=TO_THE_DEADLINE)
    before = len(bob.calls)
    again = await ada.place(at(bob))
    assert again.phase == "calling"
    await again.hang_up()
    assert len(bob.calls) == before


@pytest.mark.shows("S5")
async def test_a_block_during_a_call_ends_it_for_both(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    call, ring = await talk(ada, bob)
    await bob.session.block(ada.session.username)
    await asyncio.gather(
        call.until(ended="hung_up", within=PATIENCE), ring.until(ended="hung_up", within=PATIENCE)
    )


@pytest.mark.shows("S5")
async def test_a_block_that_is_lifted_lets_the_next_call_ring(stage: Stage) -> None:
    ada, bob = await stage.friends("ada", "bob")
    await bob.session.block(ada.session.username)
    call = await ada.place(at(bob))
    await call.hang_up()
    await bob.session.unblock(ada.session.username)
    call = await ada.place(at(bob))
    ring = await bob.rings(PATIENCE)
    assert ring.call_id == call.call_id
    await call.hang_up()


async def test_who_may_call_follows_the_settings_of_the_callee(stage: Stage) -> None:
    ada, bob = await asyncio.gather(stage.person("ada"), stage.person("bob", gateway=1))
    for audiences, prepare in (
        (["contacts"], bob.session.add_contact),
        (["following"], bob.session.follow),
    ):
        await bob.session.allow_calls_from(*audiences)
        call = await ada.place(at(bob))
        await call.hang_up()
        assert call.call_id not in bob.calls
        await prepare(ada.session.username)
        call = await ada.place(at(bob))
        ring = await bob.rings(PATIENCE)
        assert ring.call_id == call.call_id
        await call.hang_up()
        await ring.until("ended", within=PATIENCE)
