"""Messages: who has them, in which order, how often, and what their sender is told."""

import asyncio
import time

import asyncpg
import pytest

from ringline.refusal import Refusal
from ringline.v1 import policy_pb2, reasons_pb2
from ringline.v1.reasons_pb2 import Reason
from services.conversations.steps import STEP_SECONDS
from tests.service.conversations.room import INBOX, REQUESTS, Room
from tests.service.pods import owner

pytestmark = pytest.mark.asyncio(loop_scope="session")
HOLD = "SELECT FROM conversations.person WHERE user_id = $1"
CLIENT_ID = "a-message-of-ada-1"
STRANGER = policy_pb2.MayMessageResponse(outcome=policy_pb2.OUTCOME_ADMITTED, stranger=True)
UNHEARD = policy_pb2.MayMessageResponse(outcome=policy_pb2.OUTCOME_UNHEARD, stranger=True)


async def reason(sending: object) -> Reason.ValueType:
    """Why a message is refused."""
    with pytest.raises(Refusal) as refused:
        await sending  # type: ignore[misc]
    return refused.value.reason


async def test_a_message_is_in_both_threads_each_as_its_owner_sees_it(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    sent = await ada.send(bob, "hello", CLIENT_ID)
    (mine,), (theirs,) = (await ada.entries(bob)).entries, (await bob.entries(ada)).entries
    assert mine == sent.entry
    assert (mine.number, mine.message.outgoing, mine.message.client_id) == (1, True, CLIENT_ID)
    assert (theirs.number, theirs.message.outgoing, theirs.message.client_id) == (1, False, "")
    assert mine.message.message_id == theirs.message.message_id
    assert (mine.at_ms, mine.message.text) == (theirs.at_ms, theirs.message.text)
    assert mine.at_ms > 0
    assert (sent.thread.peer.user_id, sent.thread.unread) == (bob.user_id, 0)
    thread = await bob.thread(ada)
    assert (thread.peer.user_id, thread.unread, thread.last) == (ada.user_id, 1, theirs)


async def test_the_same_message_sent_again_is_there_once(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    answers = await asyncio.gather(*(ada.send(bob, "once", CLIENT_ID) for _ in range(24)))
    await ada.send(bob, "and another")
    again = await ada.send(bob, "once", CLIENT_ID)
    assert {answer.entry.SerializeToString() for answer in [*answers, again]} == {
        answers[0].entry.SerializeToString()
    }
    assert await ada.texts(bob) == await bob.texts(ada) == ["once", "and another"]
    assert (await bob.thread(ada)).unread == 2
    asked = [one.client_id for one in shared.policy.asked if one.user_id == ada.user_id]
    assert set(asked[:-1]) == {CLIENT_ID}, "policy knows the same one, and counts it once"


async def test_another_message_under_the_same_id_is_refused(shared: Room) -> None:
    ada, bob, cy = shared.person(), shared.person(), shared.person()
    await ada.send(bob, "first", CLIENT_ID)
    assert await reason(ada.send(bob, "second", CLIENT_ID)) == Reason.REASON_INVALID
    assert await reason(ada.send(cy, "first", CLIENT_ID)) == Reason.REASON_INVALID
    assert await bob.texts(ada) == ["first"] and await cy.texts(ada) == []
    await bob.send(ada, "the id of another sender", CLIENT_ID)
    assert await ada.texts(bob) == ["first", "the id of another sender"]


async def test_two_who_write_at_once_see_all_messages_in_the_same_order(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    await asyncio.gather(
        *(one.send(other, f"message {n}") for n in range(100) for one, other in ((ada, bob), (bob, ada)))
    )
    seen = []
    for one, other in ((ada, bob), (bob, ada)):
        newest = await one.entries(other)
        oldest = await one.entries(other, before=newest.next)
        both = [*newest.entries, *oldest.entries]
        assert [entry.number for entry in both] == list(range(200, 0, -1))
        assert [entry.at_ms for entry in both] == sorted((entry.at_ms for entry in both), reverse=True)
        seen.append([entry.message.message_id for entry in both])
    assert seen[0] == seen[1]
    assert len(set(seen[0])) == 200
    assert (await ada.thread(bob)).unread == (await bob.thread(ada)).unread == 100


async def test_many_people_who_write_to_each_other_at_once_never_wait_for_ever(shared: Room) -> None:
    people = [shared.person() for _ in range(5)]
    pairs = [(one, other) for one in people for other in people if one is not other]
    await asyncio.gather(*(one.send(other, f"round {n}") for n in range(3) for one, other in pairs))
    for one in people:
        answer = await one.threads()
        assert (len(answer.threads), answer.state.unread) == (4, 12)
        assert answer.state.feed == 24


async def test_of_two_people_the_lower_id_is_always_held_first(shared: Room) -> None:
    """So that no two transactions ever wait for each other."""
    async with owner(shared.settings) as holding, owner(shared.settings) as looking:
        for _ in range(6):
            lower, higher = sorted((shared.person(), shared.person()), key=lambda one: one.user_id)
            await lower.send(higher)
            for sender, receiver in ((lower, higher), (higher, lower)):
                async with holding.transaction():
                    await holding.execute(f"{HOLD} FOR UPDATE", lower.user_id)
                    sending = asyncio.create_task(sender.send(receiver))
                    await until_somebody_waits(looking)
                    async with looking.transaction():
                        await looking.execute(f"{HOLD} FOR UPDATE NOWAIT", higher.user_id)
                await sending


async def until_somebody_waits(con: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Waits until a transaction waits for a row."""
    deadline = time.monotonic() + 5.0
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while not await con.fetchval(f"{waiting} AND datname = current_database()"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


async def test_what_policy_leaves_unheard_looks_sent_and_leaves_no_trace(shared: Room) -> None:
    ada, cy, bob = shared.person(), shared.person(), shared.person()
    shared.policy.verdicts[cy.user_id] = UNHEARD
    shared.policy.verdicts[ada.user_id] = STRANGER
    heard = [await ada.send(bob, text) for text in ("one", "two")]
    unheard = [await cy.send(bob, text) for text in ("one", "two")]
    for one, other in zip(heard, unheard, strict=True):
        for answer in (one, other):
            for entry in (answer.entry, answer.thread.last):
                entry.at_ms, entry.message.message_id, entry.message.client_id = 0, "", ""
        assert one == other
    assert await cy.texts(bob) == ["one", "two"]
    assert (await bob.entries(cy)).entries == [] and not (await bob.thread(cy)).feed
    assert [one.peer.user_id for one in (await bob.changes()).threads] == [ada.user_id]
    shared.policy.verdicts.pop(cy.user_id)
    await cy.send(bob, "three")
    (only,) = (await bob.entries(cy)).entries
    assert (only.number, only.message.text) == (1, "three"), "no gap tells of what was not delivered"


async def test_the_time_of_an_answer_does_not_tell_what_was_delivered(shared: Room) -> None:
    ada, cy, bob = shared.person(0), shared.person(0), shared.person(1)
    shared.policy.verdicts[cy.user_id] = UNHEARD
    for sender in (ada, cy):
        for _ in range(3):
            began = time.monotonic()
            await sender.send(bob)
            assert time.monotonic() - began >= STEP_SECONDS
        await sender.hears(lambda told: told.added.number == 3)
    await bob.hears(lambda told: told.added.number == 3, 1)
    assert {told.thread.peer.user_id for told in bob.heard(1)} == {ada.user_id}


async def test_what_is_the_senders_own_fault_is_said_and_nothing_is_written(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    limited = Refusal(reasons_pb2.REASON_LIMITED, retry_after=60.0).to_proto()
    shared.policy.verdicts[ada.user_id] = policy_pb2.MayMessageResponse(
        outcome=policy_pb2.OUTCOME_REFUSED, refused=limited
    )
    with pytest.raises(Refusal) as refused:
        await ada.send(bob)
    assert (refused.value.reason, refused.value.retry_after) == (Reason.REASON_LIMITED, 60.0)
    assert await reason(ada.send(ada)) == Reason.REASON_SELF
    assert not (await ada.thread(bob)).feed and not (await bob.thread(ada)).feed


@pytest.mark.parametrize("text", ["", " \n", "a" * 4_001, "bell\a"])
async def test_a_text_of_the_wrong_form_is_refused_before_anybody_is_asked(shared: Room, text: str) -> None:
    ada, bob = shared.person(), shared.person()
    assert await reason(ada.send(bob, text)) == Reason.REASON_INVALID
    assert await reason(ada.send(bob, client_id="too short")) == Reason.REASON_INVALID
    assert ada.user_id not in {asked.user_id for asked in shared.policy.asked}
    assert not (await ada.thread(bob)).feed


async def test_the_first_message_each_way_is_noted_before_it_is_there(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    shared.directory.is_away = True
    try:
        assert await reason(ada.send(bob, "hello", CLIENT_ID)) == Reason.REASON_UNAVAILABLE
        assert not (await ada.thread(bob)).feed and not (await bob.thread(ada)).feed
    finally:
        shared.directory.is_away = False
    await ada.send(bob, "hello", CLIENT_ID)
    for _ in range(2):
        await bob.send(ada)
        await ada.send(bob)
    noted = [one for one in shared.directory.noted if set(one) == {ada.user_id, bob.user_id}]
    assert noted == [(ada.user_id, bob.user_id), (bob.user_id, ada.user_id)]


async def test_what_was_never_delivered_is_noted_when_the_first_word_is(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    shared.policy.verdicts[ada.user_id] = UNHEARD
    await ada.send(bob)
    assert (ada.user_id, bob.user_id) not in shared.directory.noted
    shared.policy.verdicts.pop(ada.user_id)
    await ada.send(bob)
    assert shared.directory.noted.count((ada.user_id, bob.user_id)) == 1
    firsts = [asked.first for asked in shared.policy.asked if asked.user_id == ada.user_id]
    assert firsts == [True, False], "to the sender the first one was sent"


async def test_a_stranger_is_a_request_until_he_is_answered(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    shared.policy.verdicts[ada.user_id] = STRANGER
    await ada.send(bob, "do you remember me?")
    assert [one.peer.user_id for one in (await bob.threads(REQUESTS)).threads] == [ada.user_id]
    inbox = await bob.threads()
    assert not inbox.threads and (inbox.state.unread, inbox.state.requests) == (0, 1)
    assert (await ada.thread(bob)).folder == INBOX, "to who wrote it is a conversation"
    await bob.send(ada, "of course")
    state = (await bob.threads()).state
    assert (state.unread, state.requests) == (1, 0)
    assert (await bob.thread(ada)).folder == INBOX
    await ada.send(bob, "still a stranger to policy")
    assert (await bob.thread(ada)).folder == INBOX


async def test_a_request_can_be_accepted_without_a_word(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    shared.policy.verdicts[ada.user_id] = STRANGER
    await ada.send(bob)
    accepted = await bob.accept(ada)
    assert (accepted.folder, accepted.unread) == (INBOX, 1)
    assert await bob.accept(ada) == accepted, "once more changes nothing"
    assert (await bob.threads()).state.unread == 1
    nobody = await bob.accept(shared.person())
    assert (nobody.feed, nobody.HasField("last")) == (0, False)


async def test_a_mark_counts_what_is_unread_and_never_goes_back(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    for number in range(5):
        await ada.send(bob, f"message {number}")
    await bob.send(ada, "my own words are read")
    assert (await bob.thread(ada)).unread == 5
    assert (await bob.mark(ada, 3)).unread == 2
    assert (await bob.mark(ada, 1)).read == 3
    feed = (await bob.threads()).state.feed
    read = await bob.mark(ada, 10**6)
    assert (read.read, read.unread) == (6, 0)
    assert await bob.mark(ada, 6) == read
    state = (await bob.threads()).state
    assert (state.unread, state.feed) == (0, feed + 1)
    assert (await ada.thread(bob)).read == 0, "nobody is told what the other has read"


async def test_marks_and_messages_at_once_lose_nothing(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    await ada.send(bob)
    sends = [ada.send(bob, f"message {number}") for number in range(20)]
    marks = [bob.mark(ada, number) for number in range(1, 22)]
    await asyncio.gather(*sends, *marks)
    thread = await bob.thread(ada)
    assert thread.unread == 21 - thread.read
    assert (await bob.threads()).state.unread == thread.unread


async def test_a_removed_thread_begins_anew_and_the_other_keeps_his(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    for number in range(3):
        await ada.send(bob, f"message {number}")
    feed = (await bob.threads()).state.feed
    await bob.remove(ada)
    answer = await bob.threads()
    assert not answer.threads and (answer.state.unread, answer.state.feed) == (0, feed + 1)
    assert (await bob.entries(ada)).entries == []
    (gone,) = (await bob.changes(feed)).threads
    assert gone.peer.user_id == ada.user_id and not gone.HasField("last"), "other devices learn of it"
    await bob.remove(ada)
    assert (await bob.threads()).state.feed == feed + 1
    await ada.send(bob, "are you there?")
    assert await bob.texts(ada) == ["are you there?"]
    assert [(one.unread, one.last.number) for one in (await bob.threads()).threads] == [(1, 4)]
    assert len(await ada.texts(bob)) == 4


async def test_threads_are_listed_by_their_newest_entry_page_by_page(shared: Room) -> None:
    bob = shared.person()
    friends = [shared.person() for _ in range(5)]
    for friend in friends:
        await friend.send(bob)
    await bob.mark(friends[0], 1)
    seen, before = [], 0
    while True:
        page = await bob.threads(before=before, limit=2)
        seen += [thread.peer.user_id for thread in page.threads]
        before = page.next
        if not before:
            break
    assert seen == [friend.user_id for friend in reversed(friends)], "reading moves no thread"


async def test_a_client_catches_up_on_what_changed(shared: Room) -> None:
    bob = shared.person()
    friends = [shared.person() for _ in range(4)]
    for friend in friends:
        await friend.send(bob)
    since = (await bob.threads()).state.feed
    await bob.mark(friends[2], 1)
    await friends[1].send(bob)
    await friends[1].send(bob)
    first = await bob.changes(since, limit=1)
    assert [one.peer.user_id for one in first.threads] == [friends[2].user_id] and first.more
    rest = await bob.changes(first.threads[-1].feed)
    assert [(one.peer.user_id, one.unread) for one in rest.threads] == [(friends[1].user_id, 3)]
    assert not rest.more and rest.state.feed == rest.threads[-1].feed
    assert not (await bob.changes(rest.state.feed)).threads


async def test_a_client_that_knows_more_than_there_is_begins_anew(shared: Room) -> None:
    """The server was restored from a backup."""
    bob = shared.person()
    friends = [shared.person() for _ in range(3)]
    for friend in friends:
        await friend.send(bob)
    first = await bob.changes(4, limit=2)
    assert first.anew and first.more and first.state.feed == 3
    rest = await bob.changes(first.threads[-1].feed)
    assert not rest.anew
    seen = [one.peer.user_id for one in (*first.threads, *rest.threads)]
    assert seen == [friend.user_id for friend in friends]
    assert not (await bob.changes(3)).anew
    assert not (await shared.person().changes()).anew


async def test_a_page_has_its_bounds(shared: Room) -> None:
    ada, bob = shared.person(), shared.person()
    for limit in (0, 101):
        assert await reason(bob.threads(limit=limit)) == Reason.REASON_INVALID
        assert await reason(bob.changes(limit=limit)) == Reason.REASON_INVALID
        assert await reason(bob.entries(ada, limit=limit)) == Reason.REASON_INVALID
        assert await reason(bob.calls(limit=limit)) == Reason.REASON_INVALID
    for before in ("x", "1.c_", "1.u_" + "0" * 26, "²." + "c_" + "0" * 26):
        assert await reason(bob.calls(before=before)) == Reason.REASON_INVALID
    far = 2**64 - 1
    assert not (await bob.threads(before=far)).threads
    assert (await bob.changes(far)).anew and not (await bob.changes(far)).threads
    assert not (await bob.mark(ada, far)).feed
