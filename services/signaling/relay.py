"""Credentials for the relay (coturn): a user name that expires and its HMAC, which coturn checks with the
same secret.

The scheme is that of draft-uberti-behave-turn-rest-00, which coturn calls use-auth-secret.
"""

import base64
import hmac
import secrets
from dataclasses import dataclass

from ringline.v1 import client_pb2


@dataclass(frozen=True, slots=True)
class RelayDesk:
    """Makes credentials. `urls` are STUN and TURN URIs (RFC 7064, RFC 7065); none means peer to peer only."""

    urls: tuple[str, ...]
    secret: bytes
    ttl_s: int = 600

    def credentials(self, now: int) -> client_pb2.Relay | None:
        """Fresh credentials at `now` (Unix milliseconds); None where no relay is configured."""
        if not self.urls:
            return None
        username = f"{now // 1000 + self.ttl_s}:{secrets.token_hex(8)}"
        mac = hmac.digest(self.secret, username.encode(), "sha1")
        credential = base64.b64encode(mac).decode()
        return client_pb2.Relay(urls=self.urls, username=username, credential=credential, ttl_s=self.ttl_s)

    def insist(self) -> None:
        """Raises ValueError where there is a relay and no secret: coturn would refuse everybody."""
        if not self.secret and any(url.startswith("turn") for url in self.urls):
            raise ValueError(
                "set RINGLINE_SIGNALING_TURN_SECRET: the relay of turn_urls knows nobody without it"
            )
