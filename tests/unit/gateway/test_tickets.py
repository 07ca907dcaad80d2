"""Tickets: whose they are, how long they are good, and who may present them."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import OctKey

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1.reasons_pb2 import Reason
from services.gateway.tickets import AUDIENCE, TicketPress

KEY = "k" * 32
USER, DEVICE = ids.mint_user(), ids.mint_device()
NOW = 1_800_000_000.0
press = TicketPress(KEY, 30)
device = Ed25519PrivateKey.generate()


def signed(ticket: str, key: Ed25519PrivateKey = device) -> bytes:
    """What the device says to it."""
    return key.sign(b"ringline-line-v1:" + ticket.encode())


def forged(*, key: str = KEY, **claims: object) -> str:
    """A ticket with other claims; None takes one away."""
    public = urlsafe_b64encode(device.public_key().public_bytes_raw()).rstrip(b"=").decode()
    given: dict[str, object] = {"aud": AUDIENCE, "jti": "t_1", "sub": USER, "did": DEVICE, "dk": public}
    given |= {"exp": int(NOW) + 30} | claims
    told = {name: value for name, value in given.items() if value is not None}
    return jwt.encode({"alg": "HS256"}, told, OctKey.import_key(key), algorithms=["HS256"])


def minted() -> str:
    """An honest ticket."""
    return press.mint(USER, DEVICE, device.public_key().public_bytes_raw(), NOW)


def test_a_ticket_tells_any_gateway_with_the_same_key_who_presents_it() -> None:
    ticket = minted()
    told = TicketPress(KEY, 30).check(ticket, signed(ticket), NOW + 29)
    assert (told.user_id, told.device_id) == (USER, DEVICE)
    assert ids.is_id(told.ticket_id, "t_")
    assert told.expires_at_ms == int(NOW + 30) * 1000


def test_while_the_key_is_changed_tickets_of_both_are_good_everywhere() -> None:
    """The order of the steps: verify both, sign with the new one, forget the old one."""
    new = "n" * 32
    before, verifies, signs, after = (
        TicketPress(KEY, 30),
        TicketPress(KEY, 30, [new]),
        TicketPress(new, 30, [KEY]),
        TicketPress(new, 30),
    )
    for beside in ((before, verifies), (verifies, signs), (signs, after)):
        for one in beside[:1] if after in beside else beside:
            ticket = one.mint(USER, DEVICE, device.public_key().public_bytes_raw(), NOW)
            for other in beside:
                assert other.check(ticket, signed(ticket), NOW).user_id == USER
    with pytest.raises(Refusal):
        after.check(minted(), signed(minted()), NOW)


def test_no_two_tickets_have_the_same_id() -> None:
    first, second = minted(), minted()
    assert (
        press.check(first, signed(first), NOW).ticket_id != press.check(second, signed(second), NOW).ticket_id
    )


@pytest.mark.parametrize(
    "ticket",
    [
        "",
        "x.y.z",
        "é",
        "a" * 5000,
        forged(key="another key, which is long enough"),
        forged(aud="ringline"),
        forged(exp=int(NOW) - 1),
        forged(exp="never"),
        *(forged(**dict[str, Any]({name: None})) for name in ("aud", "jti", "sub", "did", "dk", "exp")),
        forged(dk="too short"),
        forged(dk=7),
    ],
)
def test_what_is_not_ours_or_no_longer_good_is_refused(ticket: str) -> None:
    with pytest.raises(Refusal) as refused:
        press.check(ticket, signed("x") if not ticket.isascii() else signed(ticket), NOW)
    assert refused.value.reason == Reason.REASON_TICKET_INVALID


def test_a_stolen_ticket_is_of_no_use_without_the_devices_key() -> None:
    ticket, other = minted(), minted()
    for signature in (signed(ticket, Ed25519PrivateKey.generate()), signed(other), bytes(64), b""):
        with pytest.raises(Refusal) as refused:
            press.check(ticket, signature, NOW)
        assert refused.value.reason == Reason.REASON_TICKET_INVALID


def test_a_short_key_is_no_key() -> None:
    with pytest.raises(ValueError, match="32"):
        TicketPress("short", 30)
    with pytest.raises(ValueError, match="32"):
        TicketPress(KEY, 30, ["short"])
