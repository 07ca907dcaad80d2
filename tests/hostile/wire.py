"""The bytes of a client that keeps to no rule: WebSocket frames (RFC 6455, 5.2), requests for the upgrade,
and what the server answers, read. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

KEY = b"AAAAAAAAAAAAAAAAAAAAAA=="
ZERO_MASK = b"\0\0\0\0"
"""A good mask, under which the bytes stay what they are."""
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def framed(
    payload: bytes = b"",
    opcode: int = BINARY,
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = ZERO_MASK,
    length: int | None = None,
    wide: bool = False,
) -> bytes:
    """One frame; `length` is the one that it claims, `wide` writes it in eight bytes, `mask` None sends it
    bare."""
    size = len(payload) if length is None else length
    head = bytearray([fin << 7 | (rsv & 7) << 4 | opcode & 15])
    bit = 0 if mask is None else 0x80
    if wide or size > 65_535:
        head += bytes([bit | 127]) + size.to_bytes(8, "big")
    elif size > 125:
        head += bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        head.append(bit | size)
    if mask is None:
        return bytes(head) + payload
    return bytes(head) + mask + masked(payload, mask)


def masked(payload: bytes, mask: bytes) -> bytes:
    """The payload under a mask."""
    if mask == ZERO_MASK:
        return payload
    return bytes(one ^ mask[at % 4] for at, one in enumerate(payload))


def upgrade(host: str, network: str, more: str = "", path: str = "/v1/connect") -> bytes:
    """A good request for the upgrade, from a network that the gateway is told by its proxy; `more` are
    headers, each with its line's end.
    """
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {network}\r\n{more}"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {KEY.decode()}\r\nSec-WebSocket-Protocol: ringline.v1\r\n\r\n"
    ).encode("latin-1")


@dataclass
class ServerBytes:
    """What a server says on one connection: responses, and after 101 frames."""

    statuses: list[int] = field(default_factory=list)
    close_code: int = 0
    pongs: int = 0
    broken: str = ""
    """What is no answer of a server."""
    _buffer: bytearray = field(default_factory=bytearray)
    _is_upgraded: bool = False
    kinds: list[str] = field(default_factory=list)
    """The content types of the responses."""

    def take(self, data: bytes) -> list[bytes]:
        """Takes bytes in, and answers the messages that are whole."""
        self._buffer += data
        if not self._is_upgraded:
            self._responses()
        return list(self._frames()) if self._is_upgraded else []

    def _responses(self) -> None:
        while not self._is_upgraded and (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
            parts = lines[0].split(" ")
            if not lines[0].startswith("HTTP/1.1 ") or not parts[1].isdigit():
                self.broken = f"no response: {lines[0][:80]}"
                return
            pairs = (line.partition(":") for line in lines[1:])
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            status = int(parts[1])
            size = int(headers.get("content-length", "0")) if status >= 200 else 0
            if len(self._buffer) < end + 4 + size:
                return
            del self._buffer[: end + 4 + size]
            if status == 100:
                continue
            self.statuses.append(status)
            self.kinds.append(headers.get("content-type", ""))
            self._is_upgraded = status == 101

    def _frames(self) -> Iterator[bytes]:
        buffer = self._buffer
        while len(buffer) >= 2:
            size, at = buffer[1] & 127, 2
            if size == 126:
                size, at = int.from_bytes(buffer[2:4], "big"), 4
            elif size == 127:
                size, at = int.from_bytes(buffer[2:10], "big"), 10
            if len(buffer) < at + size:
                return
            opcode, payload = buffer[0] & 15, bytes(buffer[at : at + size])
            if buffer[0] & 0x70 or buffer[1] & 0x80:
                self.broken = f"no frame of a server: {bytes(buffer[:2]).hex()}"
            del buffer[: at + size]
            if opcode == BINARY:
                yield payload
            elif opcode == CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big") if payload else 1005
            elif opcode == PONG:
                self.pongs += 1
