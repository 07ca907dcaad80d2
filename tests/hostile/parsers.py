"""Everything that reads bytes of a stranger, one function each: whatever the bytes, it ends in a value or a
Refusal, soon, and nothing that it makes is big. Any other exception is a finding.
"""

import json
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from time import thread_time

from google.protobuf.message import DecodeError
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey
from pydantic import BaseModel

from ringline.client.keys import DeviceKey
from ringline.refusal import Refusal
from ringline.v1 import client_pb2, signaling_pb2
from services.conversations import message
from services.directory import password, profile, proof, username
from services.gateway import call_shapes, frames, shapes, thread_shapes
from services.gateway.auth import Rules, claims_of, key_id
from services.gateway.door import is_welcome
from services.gateway.link import Link
from services.gateway.network import client_of, network_of, networks
from services.gateway.tickets import TicketPress
from tests.hostile import doors

SLOW_SECONDS = 1.0
"""Of the thread's own time: no parser needs a hundredth of it, however the machine is loaded."""
BIG = 16 * 1024 * 1024
LONGEST = 65_536
NOW = 1_800_000_000.0

Parse = Callable[[bytes], object]


@dataclass(frozen=True)
class Parser:
    """One reader of bytes, and what a good input looks like, for the fuzzer to spoil."""

    parse: Parse
    good: tuple[bytes, ...]


class Found(AssertionError):
    """A parser did what none may do."""


def tried(parse: Parse, data: bytes) -> str:
    """What came of it: "value" or the name of the refusal. Raises Found where it took too long; any other
    exception is raised as it is.
    """
    began = thread_time()
    try:
        parse(data)
        outcome = "value"
    except Refusal as refusal:
        outcome = refusal.name
    if thread_time() - began > SLOW_SECONDS:
        raise Found(f"took more than {SLOW_SECONDS} s of the processor for {len(data)} bytes")
    return outcome


def weighed(parse: Parse, data: bytes) -> int:
    """The most bytes of memory that it took at once. Raises Found where that is BIG."""
    tracemalloc.start()
    try:
        tried(parse, data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    if peak > BIG:
        raise Found(f"took {peak} bytes of memory for {len(data)}")
    return peak


# ------------------------------------------------------------ the parsers

_PRESS = TicketPress("the key of the parsers' own tickets, long enough", 30)
_DEVICE = DeviceKey(bytes(range(32)))
_ISSUER = OKPKey.generate_key("Ed25519", {"kid": "one"}, private=True)
_KEYS = KeySet([_ISSUER])
_RULES = Rules("ringline", "ringline", "Ed25519", ("sub", "did", "jti"))
_TICKET = _PRESS.mint("u_" + "0" * 26, "d_" + "0" * 26, _DEVICE.public, NOW)
_TOKEN = jwt.encode(
    {"alg": "Ed25519", "kid": "one"},
    {"iss": "ringline", "aud": "ringline", "sub": "u", "did": "d", "jti": "j", "exp": int(NOW) + 60},
    _ISSUER,
    algorithms=["Ed25519"],
)
_BODIES: tuple[type[BaseModel], ...] = (
    shapes.NewAccount,
    shapes.NewSession,
    shapes.Renewal,
    shapes.Recovery,
    shapes.TicketWish,
    shapes.ProfileChange,
    shapes.Rename,
    call_shapes.CallSettings,
    call_shapes.PersonSettings,
    call_shapes.PreviewWish,
    thread_shapes.NewMessage,
    thread_shapes.ReadMark,
    thread_shapes.MessageSettings,
)
_TOLD = (
    call_shapes.CallSettings | call_shapes.PersonSettings | thread_shapes.MessageSettings | shapes.DeviceProof
)
_TRUSTED = networks("127.0.0.0/8,10.0.0.0/8,::1/128")


def _text(data: bytes) -> str:
    """Text as protobuf and JSON give it: any characters, but no halves of pairs."""
    return data.decode("utf-8", "replace")


def _header(data: bytes) -> str:
    """Text as a header gives it."""
    return data.decode("latin-1")


def frame(data: bytes) -> object:
    """A message on a line: what services/gateway/line.py does with it before it goes to signaling."""
    try:
        told = client_pb2.ClientFrame.FromString(data)
    except DecodeError:
        return None
    kind = frames.kind_of(told)
    assert told.ByteSize() <= 2 * len(data) + 64, "a frame grows"
    return kind


def ticket(data: bytes) -> object:
    """A ticket and its signature, each as long as the other lets it."""
    text = _text(data[: len(data) - 64] if len(data) > 128 else data)
    return _PRESS.check(text, data[-64:], NOW)


def signed_ticket(data: bytes) -> object:
    """What stands in a ticket, signed by the device that may: only the ticket itself is spoilt."""
    text = _header(data)
    return _PRESS.check(text, _DEVICE.sign_ticket(text) if text.isascii() else b"", NOW)


def token(data: bytes) -> object:
    """An access token."""
    text = _header(data).strip()
    key_id(text, "Ed25519")
    return claims_of(text, _KEYS, _RULES, NOW)


def name(data: bytes) -> object:
    """A username as typed, that somebody asks for; the name in normal form is stable."""
    text = _text(data)[:250]
    found = username.wanted(text)
    assert username.wanted(found) == found, "the normal form of a normal form is another one"
    return username.skeleton(found)


def looked_up(data: bytes) -> object:
    """A username as typed, that somebody asks about."""
    return username.skeleton(username.looked_up(_text(data)[:250]))


def people(data: bytes) -> object:
    """Names that people read, passwords, words of a search."""
    text = _text(data)[:1024]
    profile.words(text[:40])
    password.chosen(text, "ada")
    profile.device_name(text[:200])
    return profile.display_name(text[:200])


def said(data: bytes) -> object:
    """The text of a message."""
    kept = message.normal(_text(data))
    assert message.normal(kept) == kept, "the normal form of a normal form is another one"
    return kept


def body(data: bytes) -> object:
    """A body of REST, as each of the shapes: JSON is read as FastAPI reads it."""
    if not data:
        return None
    shape = _BODIES[data[0] % len(_BODIES)]
    try:
        told = shape.model_validate(json.loads(data[1:]))
    except (ValueError, RecursionError):  # FastAPI answers both with a problem; ValidationError is the first
        return None
    if isinstance(told, _TOLD):
        return told.to_proto()
    if isinstance(told, shapes.NewSession):
        proof.check(told.device.to_proto(), "sign-in", "ada", int(NOW * 1000))
    return told


def door(data: bytes) -> object:
    """The headers Origin, Host and X-Forwarded-For."""
    origin, host, forwarded = (_header(data) + "\n\n").split("\n")[:3]
    network = network_of(client_of("127.0.0.1", [forwarded], _TRUSTED))
    assert len(network) < 64, "the name of a network is short"
    return is_welcome(origin, host, frozenset({"https://social.example"}))


def wake(data: bytes) -> object:
    """A wake-up over the bus, and a batch of signaling's answers."""
    link = Link(None, "g_" + "0" * 26, 2.0)  # type: ignore[arg-type]  # a wake-up asks nobody
    link.hear(data)
    for kind in (signaling_pb2.LinkRequest, signaling_pb2.LinkResponse):
        try:
            kind.FromString(data)
        except DecodeError:
            continue
    return None


_PLACE = client_pb2.ClientFrame(
    id=7, command_id="k" * 16, place=client_pb2.Place(username="@bob", binding=b"b" * 8)
)
_DESCRIBED = client_pb2.ClientFrame(
    describe=client_pb2.Describe(
        call_id="c_" + "0" * 26,
        description=client_pb2.Description(generation=1, body=b"v=0", candidates=[b"one", b"two"]),
    )
)
_HELLO = client_pb2.ClientFrame(
    id=1, hello=client_pb2.Hello(ticket=_TICKET, signature=bytes(64), instance="instance-1")
)
_UPGRADE = (
    b"GET /v1/connect HTTP/1.1\r\nHost: calls.example\r\nOrigin: https://calls.example\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ringline.v1\r\n\r\n"
)
_POST = (
    b"POST /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
)
_CHUNKED = (
    b"POST /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    b"GET / HTTP/1.1\r\n\r\n"
)

PARSERS = {
    "frame": Parser(frame, tuple(one.SerializeToString() for one in (_PLACE, _DESCRIBED, _HELLO))),
    "websocket": Parser(
        doors.websocket,
        (
            b"\x82\x80\0\0\0\0",
            b"\x02\x83\0\0\0\0abc\x89\x80\0\0\0\0\x80\x81\0\0\0\0d",
            b"\x88\x82\0\0\0\0\x03\xe8",
            b"\x82\xfe\x01\x00\0\0\0\0" + bytes(256),
        ),
    ),
    "upgrade": Parser(doors.upgrade, (_UPGRADE,)),
    "http": Parser(doors.http, (_POST, _CHUNKED, _UPGRADE)),
    "ticket": Parser(ticket, (_TICKET.encode() + _DEVICE.sign_ticket(_TICKET),)),
    "signed-ticket": Parser(signed_ticket, (_TICKET.encode(),)),
    "token": Parser(token, (_TOKEN.encode(),)),
    "username": Parser(name, (b"@ada", "ä.da_1".encode(), "аda".encode())),
    "looked-up": Parser(looked_up, (b" @Ada ", "ａｄａ".encode())),
    "people": Parser(people, ("Ada Lovelace ✓".encode(), b"correct horse battery")),
    "message": Parser(said, (b"hello", "e\u0301\n".encode())),
    "body": Parser(
        body, (b'\0{"username":"ada","password":"x"}', b'\1{"username":"a","device":{"name":""}}')
    ),
    "door": Parser(door, (b"https://calls.example\ncalls.example\n192.0.2.1, [::1]:80",)),
    "wake": Parser(
        wake,
        (
            signaling_pb2.Wake(
                sender="s_x", number=1, frames=[signaling_pb2.LineFrame(user_id="u", frame=b"x")]
            ).SerializeToString(),
        ),
    ),
}
"""By name; the names are those of the campaign's figures."""


def outcome_of(parser: str, data: bytes) -> str:
    """What a parser makes of these bytes; raises as `tried`."""
    return tried(PARSERS[parser].parse, data[:LONGEST])
