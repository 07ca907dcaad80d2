"""Passwords: what is good enough. How they are hashed is in hashing.py.

Length is what counts (NIST SP 800-63B section 3.1.1): 10 to 256 characters, no rules of composition; refused
is what an attacker tries first. Pure.
"""

import unicodedata

import precis_i18n

from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason

SHORTEST = 10
LONGEST = 256
FEWEST_DISTINCT = 5

_PROFILE = precis_i18n.get_profile("OpaqueString")
_RUNS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
)
_COMMON_STEMS = frozenset(
    "password passw0rd p@ssword p@ssw0rd pa55word passwort motdepasse contrasena letmein welcome "
    "iloveyou sunshine princess football baseball basketball superman batman starwars pokemon dragon "
    "monkey master shadow michael jennifer trustno trustnoone whatever changeme changemenow default "
    "administrator admin qwerty qwertyuiop qwertz azerty abc abcd abcdef test testing hello helloworld "
    "secret login access liverpool chelsea arsenal barcelona computer internet samsung google facebook "
    "ringline".split()
)
"""The stems of the most common passwords of 10 and more characters: what is left without digits and signs at
the ends."""


def normal(password: str) -> str:
    """The form that is hashed (RFC 8265 OpaqueString): composition and spaces folded, case kept.

    Raises Refusal(PASSWORD_WEAK) where it has characters that a keyboard does not give, or none at all.
    """
    if len(password) > 2 * LONGEST:
        raise Refusal(Reason.REASON_PASSWORD_WEAK, f"A password has at most {LONGEST} characters.")
    try:
        folded: str = _PROFILE.enforce(password)
    except UnicodeError:
        # From None: the codec's error quotes the password.
        raise Refusal(Reason.REASON_PASSWORD_WEAK, "A password has printable characters.") from None
    return folded


def chosen(password: str, username: str) -> str:
    """The normal form of a password that somebody chooses; `username` is his, in normal form.

    Raises Refusal(PASSWORD_WEAK) with a sentence that says which rule it breaks.
    """
    folded = normal(password)
    plain = unicodedata.normalize("NFKC", folded).casefold()
    for holds, sentence in (
        (len(folded) >= SHORTEST, f"A password has at least {SHORTEST} characters."),
        (len(folded) <= LONGEST, f"A password has at most {LONGEST} characters."),
        (len(set(plain)) >= FEWEST_DISTINCT, "The password repeats too few characters."),
        (not _is_username(plain, username), "The password is the username."),
        (not _is_run(plain), "The password is a row of keys."),
        (not _is_common(plain), "The password is among the most common."),
    ):
        if not holds:
            raise Refusal(Reason.REASON_PASSWORD_WEAK, sentence)
    return folded


def _is_username(plain: str, username: str) -> bool:
    """The username, alone or with no more than three characters around it, or repeated."""
    rest = plain.replace(username.casefold(), "")
    return len(rest) <= 3 and rest != plain


def _is_run(plain: str) -> bool:
    return any(plain in row or plain in row[::-1] for row in _RUNS)


def _is_common(plain: str) -> bool:
    stem = plain.strip("0123456789!?.,*+-_#$@ ")
    halves = {stem[: len(stem) // 2], stem[len(stem) // 2 :]}
    return stem in _COMMON_STEMS or (len(halves) == 1 and halves <= _COMMON_STEMS)
