"""Tokens of the local issuer: verified by anybody with the published keys, and by nothing else."""

import json
from base64 import urlsafe_b64encode

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.directory import token

NOW = 1_800_000_000_000
SEED, OTHER = bytes(range(32)), bytes(range(1, 33))


def issuer(*seeds: bytes) -> token.Issuer:
    return token.Issuer("ringline", "ringline", 900, tuple(token.key_of(seed) for seed in seeds))


def published(of: token.Issuer) -> KeySet:
    return KeySet.import_key_set(json.loads(of.jwks()))


def test_a_token_says_who_with_what_until_when() -> None:
    one = issuer(SEED)
    decoded = jwt.decode(one.issue("u_ada", "d_1", NOW), published(one), algorithms=["Ed25519"])
    assert decoded.header["alg"] == "Ed25519"
    claims = decoded.claims
    assert claims.pop("jti").startswith("j_")
    assert claims == {
        "iss": "ringline",
        "aud": "ringline",
        "sub": "u_ada",
        "did": "d_1",
        "iat": NOW // 1000,
        "exp": NOW // 1000 + 900,
    }


def test_only_public_halves_are_published() -> None:
    keys = json.loads(issuer(SEED, OTHER).jwks())["keys"]
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "use", "alg", "kid"}] * 2


def test_an_old_key_still_verifies_after_a_new_one_came_first() -> None:
    old = issuer(OTHER).issue("u_ada", "d_1", NOW)
    assert jwt.decode(old, published(issuer(SEED, OTHER)), algorithms=["Ed25519"]).claims["sub"] == "u_ada"
    with pytest.raises((JoseError, ValueError)):
        jwt.decode(old, published(issuer(SEED)), algorithms=["Ed25519"])


def test_two_processes_with_one_seed_are_one_issuer() -> None:
    assert issuer(SEED).jwks() == issuer(SEED).jwks()


def test_seeds_are_read_from_text() -> None:
    text = ", ".join(urlsafe_b64encode(seed).decode().rstrip("=") for seed in (SEED, OTHER))
    assert token.seeds(text) == [SEED, OTHER]
    for wrong in ("", "AAAA", "not base64 at all!", text + ",", "ä" * 43):
        with pytest.raises(ValueError, match="a seed is 32 bytes in base64url"):
            token.seeds(wrong)
