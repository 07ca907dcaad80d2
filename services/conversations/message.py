"""A message: the form of its text, and what it is to each of the two. Pure."""

import re
import unicodedata

from ringline.refusal import Refusal
from ringline.v1 import threads_pb2
from ringline.v1.reasons_pb2 import Reason
from ringline.v1.threads_pb2 import FOLDER_INBOX, FOLDER_REQUESTS
from services.conversations.box import Addition

LONGEST = 4_000
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{16,40}")
_LAYOUT = frozenset("\n\t")
_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2065\u2800\u3164\uffa0\U0001d159"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000))))
)
"""Letters, marks and signs that show nothing: fillers, variation selectors, the blank of Braille (Unicode's
Default_Ignorable_Code_Point, and those whose picture is empty).
"""


def check_client_id(client_id: str) -> None:
    """Raises Refusal(INVALID) where it has not the form of a sender's id."""
    if not _CLIENT_ID.fullmatch(client_id):
        raise _invalid("client_id has 16 to 40 characters of [A-Za-z0-9_-].")


def normal(text: str) -> str:
    """The text as it is kept: in normal form C, and otherwise as it was written. Raises Refusal(INVALID)."""
    if len(text) > 4 * LONGEST:  # no normal form is so much shorter
        raise _invalid(f"A message has 1 to {LONGEST} characters.")
    text = unicodedata.normalize("NFC", text)
    if not 1 <= len(text) <= LONGEST:
        raise _invalid(f"A message has 1 to {LONGEST} characters.")
    if any(unicodedata.category(one) == "Cc" and one not in _LAYOUT for one in text):
        raise _invalid("A message has no control characters but line feed and tab.")
    if all(one in _BLANK or unicodedata.category(one) in _UNSEEN for one in text):
        raise _invalid("A message says something that can be seen.")
    return text


def additions(
    message_id: str,
    sender_id: str,
    other_id: str,
    client_id: str,
    text: str,
    at_ms: int,
    *,
    heard: bool,
    stranger: bool,
) -> list[Addition]:
    """What is added to the boxes: the sender's always, the other's where policy lets it be heard.

    Whoever writes has the thread among his conversations; a stranger's first word is a request.
    """
    sent = threads_pb2.MessageEntry(message_id=message_id, outgoing=True, text=text, client_id=client_id)
    mine = Addition(
        sender_id,
        other_id,
        message_id,
        threads_pb2.Entry(at_ms=at_ms, message=sent),
        settles=True,
        client_id=client_id,
        messaged=heard,
    )
    if not heard:
        return [mine]
    got = threads_pb2.MessageEntry(message_id=message_id, text=text)
    theirs = Addition(
        other_id,
        sender_id,
        message_id,
        threads_pb2.Entry(at_ms=at_ms, message=got),
        folder=FOLDER_REQUESTS if stranger else FOLDER_INBOX,
        settles=not stranger,
        counts=True,
    )
    return [mine, theirs]


def _invalid(sentence: str) -> Refusal:
    return Refusal(Reason.REASON_INVALID, sentence)
