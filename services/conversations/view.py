"""How a box, a person and a change look from outside. Pure."""

from typing import NamedTuple

from ringline.v1 import client_pb2, conversations_pb2, threads_pb2, types_pb2
from services.conversations.box import Box, Person


class Shown(NamedTuple):
    """A box and its newest entry, where it has one to show."""

    box: Box
    last: threads_pb2.Entry | None


class Change(NamedTuple):
    """What one change made of a box and its owner."""

    person: Person
    shown: Shown
    entry: threads_pb2.Entry | None
    """The entry that was added or replaced."""


def thread(shown: Shown, peer: types_pb2.Profile) -> threads_pb2.Thread:
    """A box as its owner sees it."""
    box = shown.box
    if not box.feed:
        return threads_pb2.Thread(peer=peer, folder=box.folder)
    return threads_pb2.Thread(
        peer=peer, folder=box.folder, unread=box.unread, read=box.read, last=shown.last, feed=box.feed
    )


def changed(change: Change, peer: types_pb2.Profile) -> client_pb2.ThreadChanged:
    """A change as the owner's lines are told."""
    return client_pb2.ThreadChanged(
        thread=thread(change.shown, peer),
        added=change.entry,
        before=change.person.feed - 1,
        removed=change.shown.last is None,
        unread=change.person.unread,
        requests=change.person.requests,
    )


def state(person: Person) -> conversations_pb2.InboxState:
    """The numbers of an inbox."""
    return conversations_pb2.InboxState(feed=person.feed, unread=person.unread, requests=person.requests)
