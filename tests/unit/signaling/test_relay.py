"""Credentials for the relay."""

import pytest

from services.signaling.relay import RelayDesk


def test_a_relay_without_a_secret_is_not_begun_with_and_stun_alone_needs_none() -> None:
    """An empty file in the place of the secret: every pod would be ready, and no relayed call have media."""
    relay = ("stun:relay.example.org:3478", "turns:relay.example.org:5349?transport=tcp")
    RelayDesk(relay, b"secret").insist()
    RelayDesk(relay[:1], b"").insist()
    RelayDesk((), b"").insist()
    with pytest.raises(ValueError, match="TURN_SECRET"):
        RelayDesk(relay, b"").insist()
