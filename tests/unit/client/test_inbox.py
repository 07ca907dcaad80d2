"""What a phone makes of changes that come, come late, or do not come."""

from ringline.client import Inbox
from ringline.client.inbox import thread_of
from ringline.v1 import client_pb2, threads_pb2, types_pb2
from services.gateway import thread_shapes

CALL = threads_pb2.CallEntry(
    call_id="c_1",
    asked=types_pb2.Kinds(audio=True),
    ending=types_pb2.ENDING_NO_ANSWER,
    missed=True,
    duration_ms=0,
)
MESSAGE = threads_pb2.MessageEntry(message_id="m_1", outgoing=True, text="hello", client_id="c" * 16)


def changed(other: str, feed: int, before: int | None = None, number: int = 1) -> client_pb2.ThreadChanged:
    """A change of the thread with somebody."""
    entry = threads_pb2.Entry(number=number, at_ms=feed, message=MESSAGE)
    thread = threads_pb2.Thread(
        peer=types_pb2.Profile(user_id=other), folder=threads_pb2.FOLDER_INBOX, feed=feed, last=entry
    )
    before = feed - 1 if before is None else before
    return client_pb2.ThreadChanged(thread=thread, added=entry, before=before, unread=feed)


def fresh() -> Inbox:
    """An inbox that is up to date, with nothing in it."""
    inbox = Inbox()
    assert inbox.is_behind
    inbox.take({"threads": [], "more": False, "state": {"feed": 0, "unread": 0, "requests": 0}})
    return inbox


def test_changes_in_a_row_leave_nothing_to_ask_for() -> None:
    inbox = fresh()
    for feed in (1, 2, 3):
        inbox.see(changed("u_bob", feed))
    assert (inbox.feed, inbox.unread, inbox.is_behind, len(inbox.added)) == (3, 3, False, 3)


def test_a_gap_is_noticed_and_made_good() -> None:
    inbox = fresh()
    inbox.see(changed("u_bob", 1))
    inbox.see(changed("u_cy", 3))
    assert (inbox.feed, inbox.is_behind) == (1, True)
    page = [thread_shapes.thread(changed("u_dan", 2).thread), thread_shapes.thread(changed("u_cy", 3).thread)]
    state = {"feed": 3, "unread": 7, "requests": 1}
    assert not inbox.take({"threads": [one.model_dump() for one in page], "more": False, "state": state})
    assert set(inbox.threads) == {"u_bob", "u_cy", "u_dan"}
    assert (inbox.feed, inbox.unread, inbox.requests, inbox.is_behind) == (3, 7, 1, False)


def test_an_older_view_never_takes_the_place_of_a_newer_one() -> None:
    inbox = fresh()
    inbox.see(changed("u_bob", 5, number=5))
    inbox.see(changed("u_bob", 4, number=4))
    assert inbox.threads["u_bob"].last.number == 5
    assert inbox.unread == 5


def test_a_removed_thread_is_gone_and_an_older_view_does_not_bring_it_back() -> None:
    inbox = fresh()
    inbox.see(changed("u_bob", 1))
    removed = changed("u_bob", 3, before=2)
    removed.thread.ClearField("last")
    removed.ClearField("added")
    inbox.see(removed)
    assert not inbox.threads
    inbox.see(changed("u_bob", 2))
    assert not inbox.threads
    inbox.see(changed("u_bob", 4))
    assert set(inbox.threads) == {"u_bob"}


def test_an_inbox_begins_anew_where_the_server_was_restored() -> None:
    inbox = fresh()
    for feed in range(1, 9):
        inbox.see(changed("u_bob" if feed % 2 else "u_cy", feed))
    page = [thread_shapes.thread(changed("u_bob", 2).thread).model_dump()]
    state = {"feed": 2, "unread": 1, "requests": 0}
    assert not inbox.take({"threads": page, "more": False, "state": state, "anew": True})
    assert (set(inbox.threads), inbox.feed, inbox.unread) == ({"u_bob"}, 2, 1)
    inbox.see(changed("u_cy", 3))
    assert (inbox.feed, inbox.unread, inbox.is_behind) == (3, 3, False)


def test_a_thread_is_the_same_over_rest_as_in_a_frame() -> None:
    for entry in (
        threads_pb2.Entry(number=7, at_ms=9, call=CALL),
        threads_pb2.Entry(number=7, at_ms=9, message=MESSAGE),
    ):
        thread = threads_pb2.Thread(
            peer=types_pb2.Profile(user_id="u_bob", username="bob", display_name="Bob", verified=True),
            folder=threads_pb2.FOLDER_REQUESTS,
            unread=3,
            read=4,
            last=entry,
            feed=5,
        )
        assert thread_of(thread_shapes.thread(thread).model_dump()) == thread
