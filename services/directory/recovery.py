"""Recovery codes: the way back in without a mail address or a phone number.

Ten codes of 100 random bits each, in Crockford's base32 (no I, L, O, U), written in four groups of five. So
much entropy needs no slow hash: what is stored is SHA-256 over user id and code. Pure, but for the random
bits.
"""

import hashlib
import secrets

CODES = 10
LENGTH = 20
GROUP = 5

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def mint() -> list[str]:
    """Ten new codes, such as "7T2MK-9QX3A-…"."""
    codes = ("".join(secrets.choice(_ALPHABET) for _ in range(LENGTH)) for _ in range(CODES))
    return ["-".join(code[at : at + GROUP] for at in range(0, LENGTH, GROUP)) for code in codes]


def hashed(user_id: str, typed: str) -> bytes:
    """The 32 bytes that stand for a code of this user, whatever its case, hyphens and misread letters."""
    code = typed.strip().upper().translate(_MISREAD)
    return hashlib.sha256(f"ringline-recovery-v1:{user_id}:{code}".encode()).digest()
