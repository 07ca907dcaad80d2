"""As much of a TURN client (RFC 8656, over UDP) as asks a relay what it would do for somebody."""

import hashlib
import hmac
import ipaddress
import secrets
import socket
import struct
import time
from dataclasses import dataclass

from tests.browser.apart.networks import SERVER
from tests.servers import START_SECONDS

ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND = 0x0003, 0x0004, 0x0008, 0x0009
SUCCESS, FAILURE = 0x0100, 0x0110
DONE = 0
"""What `Turn` answers where the relay agrees; otherwise STUN's error code."""
_COOKIE = 0x2112A442
_USERNAME, _INTEGRITY, _ERROR, _PEER, _REALM, _NONCE, _TRANSPORT = 6, 8, 9, 0x12, 0x14, 0x15, 0x19
_CHANNEL, _FAMILY = 0x0C, 0x17
_IPV6 = bytes([2, 0, 0, 0])
_OVER_UDP = bytes([17, 0, 0, 0])
_UNAUTHENTICATED = 401
_AGAIN_SECONDS = 1.0

Attributes = dict[int, bytes]


@dataclass
class Turn:
    """One client, at a socket of its own, with credentials as signaling hands them out."""

    socket: socket.socket
    username: str
    credential: str
    realm: bytes = b""
    nonce: bytes = b""
    server: str = SERVER

    def allocate(self, version: int = 4) -> int:
        """Asks for an address, of IPv4 or IPv6: DONE or the error code. The first refusal tells the realm and
        the nonce.
        """
        wanted = {_TRANSPORT: _OVER_UDP} | ({_FAMILY: _IPV6} if version == 6 else {})
        code = self._ask(ALLOCATE, wanted)
        return self._ask(ALLOCATE, wanted) if code == _UNAUTHENTICATED else code

    def refresh(self) -> int:
        """Asks to keep the address: DONE or the error code."""
        return self._ask(REFRESH, {})

    def permit(self, peer: str) -> int:
        """Asks to be let through to an address: DONE or the error code."""
        return self._ask(CREATE_PERMISSION, {}, peer)

    def bind(self, channel: int, peer: str) -> int:
        """Asks for a channel (0x4000 to 0x4FFF) to an address: DONE or the error code."""
        return self._ask(CHANNEL_BIND, {_CHANNEL: struct.pack("!HH", channel, 0)}, peer)

    def _ask(self, method: int, attributes: Attributes, peer: str = "") -> int:
        """Sends a request until it is answered."""
        transaction = secrets.token_bytes(12)
        if peer:
            attributes = attributes | {_PEER: _xored(ipaddress.ip_address(peer), transaction)}
        request = self._request(method, transaction, attributes)
        deadline = time.monotonic() + START_SECONDS
        self.socket.settimeout(_AGAIN_SECONDS)
        while time.monotonic() < deadline:
            self.socket.sendto(request, (self.server, 3478))
            try:
                answer = self.socket.recv(2048)
            except TimeoutError:
                continue
            if answer[8:20] == transaction:
                return self._read(method, answer)
        raise AssertionError("the relay does not answer")

    def _request(self, method: int, transaction: bytes, attributes: Attributes) -> bytes:
        if self.nonce:
            own = {_USERNAME: self.username.encode(), _REALM: self.realm, _NONCE: self.nonce}
            attributes = attributes | own
        body = b"".join(_attribute(kind, value) for kind, value in attributes.items())
        if not self.nonce:
            return _header(method, len(body), transaction) + body
        text = f"{self.username}:{self.realm.decode()}:{self.credential}"
        key = hashlib.md5(text.encode(), usedforsecurity=False).digest()  # RFC 8489 9.2.2
        signed = _header(method, len(body) + 24, transaction) + body
        return signed + _attribute(_INTEGRITY, hmac.new(key, signed, hashlib.sha1).digest())

    def _read(self, method: int, answer: bytes) -> int:
        found = _attributes(answer)
        self.realm, self.nonce = found.get(_REALM, self.realm), found.get(_NONCE, self.nonce)
        (kind,) = struct.unpack_from("!H", answer)
        if kind == method | SUCCESS:
            return DONE
        assert kind == method | FAILURE, f"not an answer to {method}: {kind:#06x}"
        return found[_ERROR][2] * 100 + found[_ERROR][3]


def _xored(peer: ipaddress.IPv4Address | ipaddress.IPv6Address, transaction: bytes) -> bytes:
    """An address as XOR-PEER-ADDRESS says it (RFC 8489 14.2), with port 3478."""
    mask = struct.pack("!I", _COOKIE) + transaction
    hidden = bytes(a ^ b for a, b in zip(peer.packed, mask, strict=False))
    return struct.pack("!BBH", 0, 1 if peer.version == 4 else 2, 3478 ^ (_COOKIE >> 16)) + hidden


def _header(method: int, size: int, transaction: bytes) -> bytes:
    return struct.pack("!HHI", method, size, _COOKIE) + transaction


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _attributes(message: bytes) -> Attributes:
    found, at = {}, 20
    while at + 4 <= len(message):
        kind, size = struct.unpack_from("!HH", message, at)
        found[kind] = message[at + 4 : at + 4 + size]
        at += 4 + size + -size % 4
    return found
