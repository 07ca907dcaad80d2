"""The box: one person's thread with another, and what each change makes of it. Pure.

Each of two people has a box of his own, and nothing in one is computed from the other. Numbers count up
without a gap, so that what is not in a box leaves no trace in it.
"""

from dataclasses import dataclass, replace

from ringline.v1 import threads_pb2
from ringline.v1.threads_pb2 import FOLDER_INBOX, FOLDER_REQUESTS, Folder


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has boxes: how many changes they saw, and what they add up to."""

    user_id: str
    feed: int = 0
    unread: int = 0
    """Unread entries in the inbox."""
    requests: int = 0
    """Boxes among the requests with something unread."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box as it is kept; the default is one in which nothing ever was."""

    owner_id: str
    other_id: str
    folder: Folder.ValueType = FOLDER_INBOX
    number: int = 0
    """The number of the newest entry."""
    moved: int = 0
    """The owner's feed when that entry came: by this, lists are sorted."""
    feed: int = 0
    """The owner's feed when this box changed last."""
    read: int = 0
    unread: int = 0
    removed: int = 0
    """Entries up to this number were removed by the owner."""
    wrote: bool = False
    """The owner has written to the other."""
    messaged: bool = False
    """And the directory knows it."""

    @property
    def is_shown(self) -> bool:
        """Whether there is anything to see."""
        return self.number > self.removed


@dataclass(frozen=True, slots=True)
class Addition:
    """An entry on its way into a box."""

    owner_id: str
    other_id: str
    item_id: str
    """The message or the call; it is in a box once."""
    entry: threads_pb2.Entry
    """Without number."""
    folder: Folder.ValueType = FOLDER_INBOX
    """Where a box begins that shows nothing yet."""
    settles: bool = False
    """A box that is elsewhere moves to that folder too."""
    counts: bool = False
    """It is unread until the owner has read it."""
    client_id: str | None = None
    """Set where the owner wrote it."""
    messaged: bool = False
    """The directory knows that the owner has written to the other."""
    version: int = 0
    """The version of the call; of two the higher is true."""


def added(box: Box, new: Addition) -> Box:
    """The box with one more entry."""
    return replace(
        box,
        folder=new.folder if new.settles or not box.is_shown else box.folder,
        number=box.number + 1,
        unread=box.unread + int(new.counts),
        wrote=box.wrote or new.client_id is not None,
        messaged=box.messaged or new.messaged,
    )


def marked(box: Box, number: int) -> Box:
    """Read up to an entry: never back, never beyond the newest. What is unread is left to be counted."""
    return replace(box, read=max(box.read, min(number, box.number)))


def accepted(box: Box) -> Box:
    """Among the conversations, if there is anything."""
    return replace(box, folder=FOLDER_INBOX) if box.is_shown else box


def removed(box: Box) -> Box:
    """Nothing in it is shown any more. What comes later begins it again."""
    return replace(box, removed=box.number, read=box.number, unread=0)


def stamped(person: Person, was: Box, now: Box) -> tuple[Person, Box]:
    """Owner and box after a change: one step of the feed, and the sums as they are then."""
    feed = person.feed + 1
    box = replace(now, feed=feed, moved=feed if now.number > was.number else was.moved)
    counted = Person(
        person.user_id,
        feed,
        person.unread + _inbox(box) - _inbox(was),
        person.requests + _request(box) - _request(was),
    )
    return counted, box


def _inbox(box: Box) -> int:
    return box.unread if box.folder == FOLDER_INBOX else 0


def _request(box: Box) -> int:
    return int(box.folder == FOLDER_REQUESTS and box.unread > 0)
