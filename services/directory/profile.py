"""Profiles: the name people read, the owner's word for a device, and the words by which search finds
somebody. Pure."""

import re
import unicodedata

from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason

NAME_LONGEST = 50
DEVICE_NAME_LONGEST = 60
WORDS = 12
WORD_LONGEST = 40
TIER = re.compile(r"[a-z0-9_-]{1,32}")

_NEVER = {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"}
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of writing: a name with them can rewrite the line it stands in."""
_CHECK_MARKS = frozenset("✓✔☑✅🗸🗹")
"""Look like the verified mark, which is the operator's word."""


def display_name(typed: str) -> str:
    """The name people read: composed, spaces folded, at most 50 characters; may be empty.

    Raises Refusal(INVALID) where it holds control characters, marks that turn the direction, or a check mark.
    """
    return _line(typed, NAME_LONGEST, "A display name")


def device_name(typed: str) -> str:
    """The owner's word for a device: like a display name, at most 60 characters; "Device" for none."""
    return _line(typed, DEVICE_NAME_LONGEST, "A device's name") or "Device"


def tier(text: str) -> str:
    """A tier as it is. Raises Refusal(INVALID) where it is not 1 to 32 characters of [a-z0-9_-]."""
    if not TIER.fullmatch(text):
        raise Refusal(Reason.REASON_INVALID, "A tier has 1 to 32 characters of [a-z0-9_-].")
    return text


def words(text: str) -> list[str]:
    """The words of a display name or a query as they are compared: folded, 12 at most, cut to 40 letters."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    found = [
        word[:WORD_LONGEST] for word in re.split(r"[^\w'.-]+", folded) if any(one.isalnum() for one in word)
    ]
    return list(dict.fromkeys(found))[:WORDS]


def _line(typed: str, longest: int, what: str) -> str:
    line = unicodedata.normalize("NFC", " ".join(typed.split()))
    if len(line) > longest:
        raise Refusal(Reason.REASON_INVALID, f"{what} has at most {longest} characters.")
    if any(unicodedata.category(one) in _NEVER or one in _TURNING or one in _CHECK_MARKS for one in line):
        raise Refusal(Reason.REASON_INVALID, f"{what} has a character that is not allowed.")
    return line
