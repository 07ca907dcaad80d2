"""Reads packet captures (the classic pcap format, Ethernet, IPv4) and judges them. Pure."""

import ipaddress
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

TCP, UDP = 6, 17
_FILE_HEADER, _RECORD_HEADER, _ETHERNET_HEADER = 24, 16, 14
_IPV4 = 0x0800
_COOKIE = 0x2112A442
_ALLOCATE, _USERNAME = b"\x00\x03", 0x0006
_PLAIN, _XORED = {0x0001, 0x802B, 0x802C}, {0x0012, 0x0016, 0x0020}
"""STUN's attributes that carry an address (RFC 8489 18.3, RFC 8656 18): plain, or xored with the cookie."""


@dataclass(frozen=True)
class Packet:
    """One IPv4 packet; ports are 0 where it has none. `at` is when it passed, in Unix seconds."""

    at: float
    protocol: int
    source: str
    source_port: int
    target: str
    target_port: int
    sequence: int
    """TCP's number of the first byte of `payload`."""
    payload: bytes

    @property
    def ends(self) -> frozenset[str]:
        """Both addresses."""
        return frozenset({self.source, self.target})


def read_capture(data: bytes) -> list[Packet]:
    """The IPv4 packets of a capture, in order; one that is not written to its end is left out."""
    packets = []
    at = _FILE_HEADER
    while at + _RECORD_HEADER <= len(data):
        seconds, micros, size = struct.unpack_from("<III", data, at)
        frame = data[at + _RECORD_HEADER : at + _RECORD_HEADER + size]
        at += _RECORD_HEADER + size
        if at <= len(data) and struct.unpack_from("!H", frame, 12)[0] == _IPV4:
            packets.append(_packet(seconds + micros / 1e6, frame[_ETHERNET_HEADER:]))
    return packets


def _packet(moment: float, ip: bytes) -> Packet:
    header, (total,), protocol = (ip[0] & 15) * 4, struct.unpack_from("!H", ip, 2), ip[9]
    source, target = (str(ipaddress.IPv4Address(ip[at : at + 4])) for at in (12, 16))
    body = ip[header : max(total, header)] if total else ip[header:]
    source_port = target_port = sequence = 0
    if protocol in (TCP, UDP):
        source_port, target_port = struct.unpack_from("!HH", body)
    if protocol == TCP:
        (sequence,) = struct.unpack_from("!I", body, 4)
        body = body[(body[12] >> 4) * 4 :]
    elif protocol == UDP:
        body = body[8:]
    return Packet(moment, protocol, source, source_port, target, target_port, sequence, body)


def between(packets: Iterable[Packet], one: str, other: str) -> list[Packet]:
    """The packets between two addresses, in either direction."""
    return [packet for packet in packets if packet.ends == {one, other}]


def partners(packets: Iterable[Packet], own: str) -> set[str]:
    """Every host that something was sent to or came from."""
    hosts = {address for packet in packets for address in packet.ends} - {own}
    return {host for host in hosts if not ipaddress.ip_address(host).is_multicast}


def tells(packets: Iterable[Packet], address: str) -> list[str]:
    """Where an address is told in what the packets carry, in words: as text in a TCP stream (WebSocket frames
    to a browser are not masked) or in a datagram, or in an attribute of a STUN message.
    """
    packets = list(packets)
    found = [f"text in {stream}" for stream, text in _streams(packets).items() if address.encode() in text]
    for packet in packets:
        if packet.protocol != UDP:
            continue
        if address.encode() in packet.payload:
            found.append(f"text in a datagram {packet.source} > {packet.target}")
        for kind, named in _stun(packet.payload):
            if named == address:
                found.append(f"STUN attribute {kind:#06x}, {packet.source} > {packet.target}")
    return found


def is_allocation(packet: Packet) -> bool:
    """Whether it tells somebody their address at the relay (RFC 8656: XOR-RELAYED-ADDRESS)."""
    return packet.protocol == UDP and any(kind == 0x0016 for kind, _ in _stun(packet.payload))


def asked_as(packets: Iterable[Packet]) -> list[str]:
    """The user names with which addresses at the relay were asked for, each once, in order."""
    names: dict[str, None] = {}
    for packet in packets:
        if packet.protocol == UDP and packet.payload[:2] == _ALLOCATE:
            for kind, value in attributes(packet.payload):
                if kind == _USERNAME:
                    names[value.decode()] = None
    return list(names)


def attributes(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes of a STUN message (RFC 8489): type and value; none where it is no such message."""
    if len(payload) < 20 or struct.unpack_from("!I", payload, 4)[0] != _COOKIE:
        return
    at = 20
    while at + 4 <= len(payload):
        kind, size = struct.unpack_from("!HH", payload, at)
        yield kind, payload[at + 4 : at + 4 + size]
        at += 4 + size + -size % 4


def _streams(packets: Iterable[Packet]) -> dict[str, bytes]:
    """What was said in each direction of each TCP connection, put in order."""
    parts: dict[str, dict[int, bytes]] = {}
    for packet in packets:
        if packet.protocol == TCP and packet.payload:
            name = f"{packet.source}:{packet.source_port} > {packet.target}:{packet.target_port}"
            stream = parts.setdefault(name, {})
            if len(packet.payload) > len(stream.get(packet.sequence, b"")):
                stream[packet.sequence] = packet.payload
    return {name: _joined(stream) for name, stream in parts.items()}


def _joined(parts: dict[int, bytes]) -> bytes:
    """The bytes in order, each once; where some are missing the rest follows all the same."""
    first = next(iter(parts))
    text, end = bytearray(), 0
    for offset, part in sorted(((at - first) & 0xFFFFFFFF, part) for at, part in parts.items()):
        text += part[max(0, end - offset) :]
        end = max(end, offset + len(part))
    return bytes(text)


def _stun(payload: bytes) -> Iterator[tuple[int, str]]:
    """The IPv4 addresses in a STUN message: (type of the attribute, address)."""
    for kind, value in attributes(payload):
        if kind in _PLAIN | _XORED and len(value) == 8 and value[1] == 1:
            (number,) = struct.unpack_from("!I", value, 4)
            yield kind, str(ipaddress.IPv4Address(number ^ (_COOKIE if kind in _XORED else 0)))
