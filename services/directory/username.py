"""Usernames: the normal form, the rules of form, and the skeleton by which look-alikes are found.

`normal` turns what was typed into the one form that is stored and compared; `wanted` holds it to the rules
for a name that somebody asks for; `skeleton` is equal for two names that look the same. Everything here is
pure.

Sources: RFC 8265 (UsernameCaseMapped), UTS 39 section 4 (skeletons) and 5.2 (highly restrictive scripts).
"""

import functools
import unicodedata
from collections.abc import Collection, Iterable

import precis_i18n
from confusable_homoglyphs import categories, confusables

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from services.directory.reserved import RESERVED

SHORTEST = 3
LONGEST = 30
SEPARATORS = "._-"
TYPED_LONGEST = 200
"""More is not looked at: the normal form of 30 characters never needs so many."""

_PROFILE = precis_i18n.get_profile("UsernameCaseMapped")
_NEUTRAL = frozenset({"COMMON", "INHERITED"})
_EAST_ASIAN = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
"""The writings of one language that use several scripts (UTS 39 section 5.2)."""


@functools.lru_cache(maxsize=65_536)
def normal(typed: str) -> str:
    """The normal form of a username as typed, with or without "@": width, case and composition folded.

    Raises Refusal(USERNAME_INVALID) where there is none. Says nothing about the rules of form: see `wanted`.
    """
    if len(typed) > TYPED_LONGEST:
        raise Refusal(Reason.REASON_USERNAME_INVALID, f"A username has at most {LONGEST} characters.")
    bare = typed.strip().removeprefix("@").removeprefix("＠")
    try:
        folded: str = _PROFILE.enforce(bare)
    except UnicodeError:
        # From None: the codec's error quotes what was typed.
        raise Refusal(Reason.REASON_USERNAME_INVALID) from None
    return folded


def wanted(typed: str, more_reserved: Collection[str] = ()) -> str:
    """The normal form of a username that somebody asks for.

    3 to 30 characters; letters and digits of one script, and ".", "_", "-", of which "." and "-" stand
    between two others; at least one letter; not the form of a user's id. Raises Refusal
    USERNAME_INVALID or USERNAME_RESERVED; `more_reserved` are the operator's own words.
    """
    name = normal(typed)
    for holds, sentence in (
        (SHORTEST <= len(name) <= LONGEST, f"A username has {SHORTEST} to {LONGEST} characters."),
        (
            all(_is_allowed(one) for one in name),
            "A username has letters, digits, dots, underscores and hyphens.",
        ),
        (any(one.isalpha() for one in name), "A username has at least one letter."),
        (not ids.is_id(name, "u_"), "A username has not the form of a user's id."),
        (not unicodedata.combining(name[:1] or "a"), "A username does not begin with an accent."),
        (_separators_separate(name), "Dots and hyphens stand between two other characters."),
        (_is_one_writing(name), "A username is written in one script."),
        (_is_one_number_system(name), "The digits of a username come from one number system."),
    ):
        if not holds:
            raise Refusal(Reason.REASON_USERNAME_INVALID, sentence)
    if skeleton(name) in _reserved_skeletons(frozenset(more_reserved)):
        raise Refusal(Reason.REASON_USERNAME_RESERVED)
    return name


def looked_up(typed: str) -> str:
    """The normal form of a username that somebody asks about. Raises Refusal(USER_NOT_FOUND) where there is
    none."""
    try:
        return normal(typed)
    except Refusal:
        raise Refusal(Reason.REASON_USER_NOT_FOUND) from None


@functools.lru_cache(maxsize=4_096)
def skeleton(name: str) -> str:
    """What is left of a name when all that look alike are one: equal skeletons, confusable names (UTS 39
    section 4).

    Never shown. Case is folded too, so that the digit 0, which is like a capital O, is like a small one; and
    the dot that "i" has anyway is dropped. Stable: the skeleton of a skeleton is itself.
    """
    alike = _alike()
    now = unicodedata.normalize("NFD", name)
    while True:
        before = now
        folded = unicodedata.normalize("NFD", now.casefold()).replace("i\u0307", "i").replace("j\u0307", "j")
        now = unicodedata.normalize("NFD", "".join(alike.get(one, one) for one in folded))
        if now == before:
            return now


@functools.cache
def _alike() -> dict[str, str]:
    """Character -> the prototype of all that look like it, built from the table of confusable-homoglyphs.

    That table names for each character those it may be taken for, in both directions, so that Unicode's
    direction (source to prototype) is lost. But every group is a star around its prototype: the one with most
    neighbours. A group of two has no middle; there a sequence stands for a single character ("rn" for "m"),
    else the smaller one.
    """
    neighbours: dict[str, set[str]] = {}
    for one, others in confusables.confusables_data.items():
        for other in others:
            # The table wraps right-to-left characters in marks that belong to its notation.
            a, b = one.strip("\u200e"), other["c"].strip("\u200e")
            neighbours.setdefault(a, set()).add(b)
            neighbours.setdefault(b, set()).add(a)
    alike: dict[str, str] = {}
    for one, near in neighbours.items():
        star = {one, *near}
        middle = min(star, key=lambda each: (-len(neighbours[each]), -len(each), each))
        if len(one) == 1 and one != middle:
            alike[one] = middle
    return alike


@functools.lru_cache(maxsize=16)
def _reserved_skeletons(more: frozenset[str]) -> frozenset[str]:
    return frozenset(skeleton(normal(word)) for word in (*RESERVED, *more))


def _is_allowed(one: str) -> bool:
    return one in SEPARATORS or unicodedata.category(one) in {"Ll", "Lo", "Lm", "Mn", "Mc", "Nd"}


def _separators_separate(name: str) -> bool:
    return not (
        set(name[0] + name[-1]) & {".", "-"} or any(pair in name for pair in ("..", ".-", "-.", "--"))
    )


def _is_one_writing(name: str) -> bool:
    scripts = _scripts(name)
    return len(scripts) <= 1 or any(scripts <= writing for writing in _EAST_ASIAN)


def _scripts(name: Iterable[str]) -> frozenset[str]:
    return frozenset(categories.alias(one) for one in name) - _NEUTRAL


def _is_one_number_system(name: str) -> bool:
    zeros = {ord(one) - unicodedata.decimal(one) for one in name if unicodedata.category(one) == "Nd"}
    return len(zeros) <= 1
