"""Access tokens of the local issuer: JWT (RFC 7519) signed with Ed25519 (RFC 9864). Pure.

A token says who (`sub`) uses which device (`did`), for 15 minutes. There is no refresh token: the device's
key renews.
"""

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from ringline import ids

ALGORITHM = "Ed25519"
SEED_BYTES = 32


@dataclass(frozen=True)
class Issuer:
    """Signs tokens with the first key; publishes all of them, so that a key can be changed without a gap."""

    name: str
    audience: str
    seconds: int
    keys: tuple[OKPKey, ...]

    def issue(self, user_id: str, device_id: str, now_ms: int) -> str:
        """A token for this user on this device."""
        now = now_ms // 1000
        key = self.keys[0]
        claims = {
            "iss": self.name,
            "aud": self.audience,
            "sub": user_id,
            "did": device_id,
            "iat": now,
            "exp": now + self.seconds,
            "jti": ids.mint("j_"),
        }
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, key, algorithms=[ALGORITHM])

    def jwks(self) -> str:
        """The public keys as a JWK Set (RFC 7517) in JSON."""
        return json.dumps(KeySet(list(self.keys)).as_dict(private=False))


def seeds(text: str) -> list[bytes]:
    """The seeds of a setting: base64url without padding, 32 bytes each, separated by commas.

    Raises ValueError, which does not quote the text, where one is malformed.
    """
    found = []
    for one in (part.strip() for part in text.split(",")):
        try:
            seed = urlsafe_b64decode(one + "=" * (-len(one) % 4))
        except ValueError:
            raise ValueError("a seed is 32 bytes in base64url") from None
        if len(seed) != SEED_BYTES:
            raise ValueError("a seed is 32 bytes in base64url")
        found.append(seed)
    return found


def key_of(seed: bytes) -> OKPKey:
    """The Ed25519 key of a 32-byte seed (RFC 8032), with its RFC 7638 thumbprint as `kid`."""
    key = OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(seed), {"use": "sig", "alg": ALGORITHM})
    key.ensure_kid()
    return key
