"""What changes make of a box, and of the sums of its owner."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ringline.v1.threads_pb2 import FOLDER_INBOX, FOLDER_REQUESTS, Entry
from services.conversations.box import Addition, Box, Person, accepted, added, marked, removed, stamped

EMPTY = Box("u_bob", "u_ada")
REQUEST = Addition("u_bob", "u_ada", "m_1", Entry(), folder=FOLDER_REQUESTS, counts=True)
ANSWER = Addition("u_bob", "u_ada", "m_2", Entry(), settles=True, client_id="c" * 16)
QUIET = Addition("u_bob", "u_ada", "c_1", Entry(), counts=True)


def test_a_box_begins_where_its_first_entry_belongs() -> None:
    assert added(EMPTY, REQUEST).folder == FOLDER_REQUESTS
    assert added(EMPTY, QUIET).folder == FOLDER_INBOX


def test_a_request_stays_one_until_its_owner_writes_or_accepts() -> None:
    box = added(added(EMPTY, REQUEST), REQUEST)
    assert (box.folder, box.unread, box.number) == (FOLDER_REQUESTS, 2, 2)
    assert added(box, QUIET).folder == FOLDER_REQUESTS, "a missed call is no consent"
    assert added(box, ANSWER).folder == FOLDER_INBOX
    assert accepted(box).folder == FOLDER_INBOX
    assert added(accepted(box), REQUEST).folder == FOLDER_INBOX


def test_a_removed_box_begins_anew_with_what_comes_later() -> None:
    box = removed(added(added(EMPTY, ANSWER), QUIET))
    assert not box.is_shown and box.unread == 0 and box.wrote
    assert accepted(box) == box
    again = added(box, REQUEST)
    assert again.is_shown and (again.folder, again.unread, again.number) == (FOLDER_REQUESTS, 1, 3)


def test_a_mark_never_goes_back_nor_beyond_the_newest_entry() -> None:
    box = replace(EMPTY, number=10, read=4)
    assert marked(box, 7).read == 7
    assert marked(box, 2) == box
    assert marked(box, 1000).read == 10


def test_whoever_wrote_has_written_for_good() -> None:
    box = added(added(EMPTY, ANSWER), QUIET)
    assert box.wrote and not box.messaged
    noted = added(box, replace(ANSWER, messaged=True))
    assert added(noted, ANSWER).messaged


STEPS = st.lists(
    st.tuples(st.sampled_from(["u_ada", "u_cy"]), st.sampled_from(["request", "answer", "quiet", "read",
        "accept", "remove"])), max_size=30,
)  # fmt: skip


@given(STEPS)
def test_the_sums_of_a_person_are_those_of_the_boxes_after_every_change(steps: list[tuple[str, str]]) -> None:
    person, boxes = Person("u_bob"), {name: Box("u_bob", name) for name in ("u_ada", "u_cy")}
    for other, step in steps:
        was = boxes[other]
        now = {
            "request": lambda box: added(box, REQUEST),
            "answer": lambda box: added(box, ANSWER),
            "quiet": lambda box: added(box, QUIET),
            "read": lambda box: replace(marked(box, box.number), unread=0),
            "accept": accepted,
            "remove": removed,
        }[step](was)
        before = person.feed
        person, boxes[other] = stamped(person, was, now)
        assert person.feed == before + 1 == boxes[other].feed
        inbox = [box.unread for box in boxes.values() if box.folder == FOLDER_INBOX]
        requests = [box for box in boxes.values() if box.folder == FOLDER_REQUESTS and box.unread]
        assert (person.unread, person.requests) == (sum(inbox), len(requests))
        assert (boxes[other].moved == person.feed) == (step in ("request", "answer", "quiet"))
