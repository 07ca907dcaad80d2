"""The JSON of threads, messages and past calls, and how it is made of the contract's messages."""

from typing import Literal

from pydantic import BaseModel, Field

from ringline.v1 import conversations_pb2, policy_pb2, threads_pb2, types_pb2
from services.gateway.shapes import INT64, Audience, Body, Id, Profile, profile

Folder = Literal["inbox", "requests"]
Ending = Literal[
    "cancelled", "declined", "no_answer", "busy", "hung_up", "lost", "media_failed", "by_operator"
]


# ------------------------------------------------------------ what clients send


class NewMessage(Body):
    """A message to be sent."""

    client_id: str = Field(
        pattern=r"^[A-Za-z0-9_-]{16,40}$",
        max_length=40,
        description="The sender's id for it: sent twice, it is there once.",
    )
    user_id: Id | None = Field(
        None,
        description="Whom the sender means: where the name in the path has passed on to somebody else, "
        "nothing is sent, and nobody is found.",
    )
    text: str = Field(min_length=1, max_length=16_000, description="1 to 4,000 characters in normal form C.")


class ReadMark(Body):
    """Up to which entry a thread was read."""

    number: int = Field(ge=0, lt=INT64)


class MessageSettings(Body):
    """Who may write: any combination; none means nobody."""

    audiences: list[Audience] = Field(max_length=8)

    def to_proto(self) -> policy_pb2.MessageSettings:
        """As policy takes it."""
        names = dict.fromkeys(f"AUDIENCE_{name.upper()}" for name in self.audiences)
        return policy_pb2.MessageSettings(audiences=[policy_pb2.Audience.Value(name) for name in names])


# ------------------------------------------------------------ what clients get


class Kinds(BaseModel):
    """Kinds of media, as a set."""

    audio: bool
    video: bool


class Message(BaseModel):
    """A text message."""

    message_id: str
    outgoing: bool
    text: str
    client_id: str = Field(description="The sender's id for it; empty in the other's thread.")


class PastCall(BaseModel):
    """A call that is over, as the owner of the thread may know it."""

    call_id: str
    outgoing: bool
    asked: Kinds
    ending: Ending
    missed: bool = Field(description="It rang, and nobody on any device answered or declined.")
    duration_ms: int = Field(description="From answer to end; 0 where nobody answered.")
    answered_device_id: str = Field(
        description="The owner's device that answered; empty where none did, and for who placed it."
    )


class Entry(BaseModel):
    """One entry of a thread: a message or a call."""

    number: int = Field(description="Its place in this thread, by which entries are sorted.")
    at_ms: int = Field(description="When it was written or placed, in Unix milliseconds.")
    message: Message | None
    call: PastCall | None


class Thread(BaseModel):
    """One person's thread with another."""

    peer: Profile
    folder: Folder
    unread: int
    read: int = Field(description="The number of the newest entry that was read.")
    last: Entry | None = Field(description="The newest entry; null where the thread is empty or removed.")
    feed: int = Field(description="Of two views of a thread the one with the higher feed is true.")


class State(BaseModel):
    """The numbers of one person's inbox."""

    feed: int = Field(description="The number of the newest change of any thread.")
    unread: int = Field(description="Unread entries in all conversations.")
    requests: int = Field(description="Threads among the requests that have unread entries.")


class Threads(BaseModel):
    """Threads, the one with the newest entry first."""

    threads: list[Thread]
    next: int = Field(description="Pass it as `before` for the next page; 0 at the end.")
    state: State


class Changes(BaseModel):
    """Threads that changed, the oldest change first."""

    threads: list[Thread]
    more: bool = Field(description="There are more after the feed of the last one.")
    state: State
    anew: bool = Field(
        description="There are not as many changes as `since` says: the server was restored from a backup. "
        "Forget what is known of threads; these are the first ones."
    )


class Entries(BaseModel):
    """Entries of a thread, newest first."""

    thread: Thread
    entries: list[Entry]
    next: int = Field(description="Pass it as `before` for the next page; 0 at the end.")


class Sent(BaseModel):
    """The message as it stands in the sender's thread."""

    entry: Entry
    thread: Thread


class CallWith(BaseModel):
    """A call that is over, and with whom it was."""

    peer: Profile
    entry: Entry


class Calls(BaseModel):
    """Calls, newest first."""

    calls: list[CallWith]
    next: str = Field(description="Pass it as `before` for the next page; empty at the end.")


class MessageAudiences(BaseModel):
    """Message settings as they are now."""

    audiences: list[Audience]


class Online(BaseModel):
    """Those who are there, of the people whose presence one may see."""

    online: list[str] = Field(description="Their user ids.")


def entry(proto: threads_pb2.Entry) -> Entry:
    """An entry of the contract's message."""
    message = call = None
    if proto.HasField("message"):
        said = proto.message
        message = Message(
            message_id=said.message_id, outgoing=said.outgoing, text=said.text, client_id=said.client_id
        )
    if proto.HasField("call"):
        call = _past_call(proto.call)
    return Entry(number=proto.number, at_ms=proto.at_ms, message=message, call=call)


def _past_call(proto: threads_pb2.CallEntry) -> PastCall:
    ending = types_pb2.Ending.Name(proto.ending).removeprefix("ENDING_").lower()
    return PastCall.model_validate(
        {
            "call_id": proto.call_id,
            "outgoing": proto.outgoing,
            "asked": {"audio": proto.asked.audio, "video": proto.asked.video},
            "ending": ending,
            "missed": proto.missed,
            "duration_ms": proto.duration_ms,
            "answered_device_id": proto.answered_device_id,
        }
    )


def thread(proto: threads_pb2.Thread) -> Thread:
    """A thread of the contract's message."""
    return Thread(
        peer=profile(proto.peer),
        folder="requests" if proto.folder == threads_pb2.FOLDER_REQUESTS else "inbox",
        unread=proto.unread,
        read=proto.read,
        last=entry(proto.last) if proto.HasField("last") else None,
        feed=proto.feed,
    )


def state(proto: conversations_pb2.InboxState) -> State:
    """The numbers of an inbox of the contract's message."""
    return State(feed=proto.feed, unread=proto.unread, requests=proto.requests)


def message_audiences(proto: policy_pb2.MessageSettings) -> MessageAudiences:
    """Message settings of the contract's message."""
    names = [policy_pb2.Audience.Name(value).removeprefix("AUDIENCE_").lower() for value in proto.audiences]
    return MessageAudiences.model_validate({"audiences": names})
