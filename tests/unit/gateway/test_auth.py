"""Access tokens: one algorithm, and nothing that is required may be missing."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey, RSAKey

from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from services.gateway.auth import Keys, Rules, claims_of, key_id, provider_keys
from services.gateway.settings import Settings

NOW = 1_800_000_000.0
OURS, FOREIGN = OKPKey.generate_key("Ed25519"), OKPKey.generate_key("Ed25519")
RSA = RSAKey.generate_key(2048)
for key in (OURS, FOREIGN, RSA):
    key.ensure_kid()
KEYS = KeySet([OURS])
RULES = Rules("ringline", "ringline", "Ed25519", ("sub", "did", "jti"))
GOOD: dict[str, Any] = {
    "iss": "ringline", "aud": "ringline", "sub": "u_1", "did": "d_1", "jti": "j_1", "exp": NOW + 900,
}  # fmt: skip


def token(key: Any = OURS, alg: str = "Ed25519", kid: str = "", **claims: object) -> str:
    """A token with other claims; None takes one away."""
    told = {name: value for name, value in (GOOD | claims).items() if value is not None}
    return jwt.encode({"alg": alg, "kid": kid or key.kid}, told, key, algorithms=[alg])


def unsigned(header: dict[str, object]) -> str:
    """A token nobody signed."""
    parts = [json.dumps(part).encode() for part in (header, GOOD)]
    return ".".join([*(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), ""])


def refusal_of(text: str, rules: Rules = RULES, keys: KeySet = KEYS) -> Reason.ValueType:
    """Why a token is refused."""
    with pytest.raises(Refusal) as refused:
        key_id(text, rules.algorithm)
        claims_of(text, keys, rules, NOW)
    return refused.value.reason


def test_a_good_token_says_who_asks() -> None:
    assert claims_of(token(), KEYS, RULES, NOW)["sub"] == "u_1"
    assert claims_of(token(aud=["x", "ringline"]), KEYS, RULES, NOW)["did"] == "d_1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        "a.b.c",
        "é.é.é",
        "x" * 10_000,
        "W1tb" * 1_500,  # brackets, deeper than the parser of JSON goes
        "W1tb" * 1_500 + ".a.b",
        unsigned({"alg": "none"}),
        unsigned({"alg": "None", "kid": OURS.kid}),
        unsigned({"kid": OURS.kid}),
        unsigned({"alg": ["Ed25519"]}),
        unsigned({"alg": "Ed25519", "kid": OURS.kid}),
        token(FOREIGN),
        token(FOREIGN, kid=str(OURS.kid)),
        token(RSA, "RS256"),
        token(RSA, "RS256", kid=str(OURS.kid)),
        token(aud="another"),
        token(aud=None),
        token(iss="another"),
        token(iss=None),
        token(exp=NOW - 60),
        token(exp=None),
        token(exp="9999999999"),
        token(nbf=NOW + 600),
        token(jti=None),
        token(did=None),
        token(sub=None),
        token() + "x",
        token()[:-20],
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    assert refusal_of(text) == Reason.REASON_TOKEN_INVALID


def test_a_public_key_cannot_be_used_as_a_shared_secret() -> None:
    """The classic confusion: an HMAC over the public key, which everybody knows."""
    public = json.dumps(OURS.as_dict(private=False))
    confused = token(OctKey.import_key(public), "HS256", kid=str(OURS.kid))
    assert refusal_of(confused) == Reason.REASON_TOKEN_INVALID


def test_a_provider_has_one_algorithm_too() -> None:
    rules = Rules("https://id.example", "ringline", "RS256", ("sub",))
    good = token(RSA, "RS256", iss="https://id.example")
    assert claims_of(good, KeySet([RSA]), rules, NOW)["sub"] == "u_1"
    for text in (token(RSA, "RS512", iss="https://id.example"), token(iss="https://id.example")):
        assert refusal_of(text, rules, KeySet([RSA, OURS])) == Reason.REASON_TOKEN_INVALID


async def test_a_new_key_of_the_issuer_is_asked_for_when_it_first_shows() -> None:
    loads = []

    async def load() -> tuple[KeySet, Rules]:
        loads.append(1)
        return KeySet([OURS, FOREIGN] if len(loads) > 1 else [OURS]), RULES

    keys = Keys(load, unknown_s=0.0)
    assert (await keys.claims(token(), NOW))["sub"] == "u_1"
    assert len(loads) == 1
    assert (await keys.claims(token(FOREIGN), NOW))["sub"] == "u_1"
    assert len(loads) == 2


async def test_unknown_keys_cannot_make_us_ask_all_the_time() -> None:
    loads = []

    async def load() -> tuple[KeySet, Rules]:
        loads.append(1)
        return KEYS, RULES

    keys = Keys(load)
    for _ in range(20):
        with pytest.raises(Refusal):
            await keys.claims(token(FOREIGN), NOW)
    assert len(loads) == 1


async def test_known_keys_go_on_when_the_issuer_is_away() -> None:
    is_away = False

    async def load() -> tuple[KeySet, Rules]:
        if is_away:
            raise Refusal(Reason.REASON_UNAVAILABLE)
        return KEYS, RULES

    keys = Keys(load, unknown_s=0.0)
    await keys.claims(token(), NOW)
    is_away = True
    with pytest.raises(Refusal) as refused:
        await keys.claims(token(FOREIGN), NOW)
    assert refused.value.reason == Reason.REASON_TOKEN_INVALID
    assert (await keys.claims(token(), NOW))["sub"] == "u_1"


@pytest.mark.parametrize(
    "given",
    [
        {"oidc_audience": ""},
        {"oidc_jwks_url": ""},
        {"oidc_jwks_file": "keys.json"},
        {"oidc_jwks_url": "http://id.example/keys"},
    ],
)
def test_a_half_configured_provider_does_not_start(given: dict[str, str]) -> None:
    whole = {
        "oidc_issuer": "https://id.example",
        "oidc_audience": "ringline",
        "oidc_jwks_url": "https://id.example/keys",
    }
    provider_keys(Settings.load(**whole))
    with pytest.raises(ValueError, match="OIDC"):
        provider_keys(Settings.load(**(whole | given)))
