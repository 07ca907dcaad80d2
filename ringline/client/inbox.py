"""The threads of one user as one phone knows them: the newest view of each, whatever way it came.

State, not replay: of two views of a thread the one with the higher feed is true. A change that does not
follow on the newest one known says that something was lost on the way: then the changes are asked for.
"""

from typing import Any

from ringline.v1 import client_pb2, threads_pb2, types_pb2

Json = dict[str, Any]


class Inbox:
    """What a phone knows of its user's threads."""

    def __init__(self) -> None:
        self.threads: dict[str, threads_pb2.Thread] = {}
        """By the other's user id; those that were removed are not in it."""
        self.added: list[threads_pb2.Entry] = []
        """Every entry that came by itself, in order."""
        self.feed = 0
        self.unread = 0
        self.requests = 0
        self.is_behind = True
        """There may be changes that did not come: catch up."""
        self._feeds: dict[str, int] = {}
        self._summed = 0

    def see(self, changed: client_pb2.ThreadChanged) -> None:
        """Takes a change in that came by itself."""
        self._sum_up(changed.thread.feed, changed.unread, changed.requests)
        if changed.before == self.feed:
            self.feed = changed.thread.feed
        elif changed.before > self.feed:
            self.is_behind = True
        self._keep(changed.thread)
        if changed.HasField("added"):
            self.added.append(changed.added)

    def forget(self) -> None:
        """Forgets everything: the server was restored from a backup."""
        self.threads.clear()
        self._feeds.clear()
        self.feed = self._summed = 0

    def take(self, page: Json) -> bool:
        """Takes a page of changes in; answers whether there are more."""
        if page.get("anew"):  # a server of before does not say it
            self.forget()
        since = self.feed
        for one in page["threads"]:
            thread = thread_of(one)
            self._keep(thread)
            self.feed = max(self.feed, thread.feed)
        state = page["state"]
        if page["more"]:
            return self.feed > since  # where nothing is newer, there is nothing to ask for again
        self.feed = max(self.feed, state["feed"])
        self._sum_up(state["feed"], state["unread"], state["requests"])
        self.is_behind = False
        return False

    def _sum_up(self, feed: int, unread: int, requests: int) -> None:
        if feed >= self._summed:
            self._summed, self.unread, self.requests = feed, unread, requests

    def _keep(self, thread: threads_pb2.Thread) -> None:
        user_id = thread.peer.user_id
        if thread.feed <= self._feeds.get(user_id, 0):
            return
        self._feeds[user_id] = thread.feed
        if thread.HasField("last"):
            self.threads[user_id] = thread
        else:
            self.threads.pop(user_id, None)


def thread_of(json: Json) -> threads_pb2.Thread:
    """A thread of the REST API as the contract's message."""
    thread = threads_pb2.Thread(
        peer=types_pb2.Profile(**json["peer"]),
        folder=threads_pb2.Folder.Value(f"FOLDER_{json['folder'].upper()}"),
        unread=json["unread"],
        read=json["read"],
        feed=json["feed"],
    )
    if json["last"] is not None:
        thread.last.CopyFrom(entry_of(json["last"]))
    return thread


def entry_of(json: Json) -> threads_pb2.Entry:
    """An entry of the REST API as the contract's message."""
    entry = threads_pb2.Entry(number=json["number"], at_ms=json["at_ms"])
    if json["message"] is not None:
        entry.message.CopyFrom(threads_pb2.MessageEntry(**json["message"]))
    if json["call"] is not None:
        call = dict(json["call"])
        asked = types_pb2.Kinds(**call.pop("asked"))
        ending = types_pb2.Ending.Value(f"ENDING_{call.pop('ending').upper()}")
        entry.call.CopyFrom(threads_pb2.CallEntry(asked=asked, ending=ending, **call))
    return entry
