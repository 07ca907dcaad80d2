"""HTTP requests that no client sends, from a seed: each with the name of what is wrong, and how many answers
there may be at most. What is smuggled behind a request must not be taken for one of its own.
"""

from collections.abc import Callable
from random import Random

from tests.hostile.spoil import NASTY, spoilt
from tests.hostile.wire import upgrade

Made = tuple[bytes, int]
LONG = 40_000
FORM = "application/x-www-form-urlencoded"


def spoilt_upgrade(dice: Random, host: str, network: str) -> Made:
    """The request for the upgrade, spoilt."""
    return spoilt(dice, upgrade(host, network)), 8


def header_bomb(dice: Random, host: str, network: str) -> Made:
    """A head that is too long: one header, many headers, a long address."""
    kind = dice.randrange(4)
    if kind == 0:
        return f"GET /v1/config HTTP/1.1\r\nHost: {host}\r\nX: ".encode() + b"a" * LONG + b"\r\n\r\n", 1
    if kind == 1:
        return f"GET /v1/config HTTP/1.1\r\nHost: {host}\r\n".encode() + b"a:b\r\n" * LONG + b"\r\n", 1
    if kind == 2:
        return b"GET /v1/" + b"a" * LONG + b" HTTP/1.1\r\nHost: x\r\n\r\n", 1
    return upgrade(host, network, "X-More: y\r\n" * dice.choice((100, 129, 3_000))), 1


def smuggling(dice: Random, host: str, network: str) -> Made:
    """Two ways to say how long a body is, so that two readers disagree where it ends."""
    hidden = f"GET /v1/config HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    sizes = dice.choice(
        (
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding:\x0bchunked\r\n",
            "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding: identity\r\nContent-Length: 4\r\n",
            "Content-Length: 4\r\nContent-Length: 5\r\n",
            "Content-Length: +4\r\n",
            "Content-Length: 4, 4\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: 0x4\r\n",
            "Content-Length: 99999999999999999999999\r\n",
            "Content-Length: \xb2\r\n",
        )
    )
    head = f"POST /v1/sessions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{sizes}\r\n"
    return head.encode("latin-1") + b"0\r\n\r\n" + hidden, 2


def chunks(dice: Random, host: str, network: str) -> Made:
    """Chunks that are none: sizes that are no number, too big, without an end; trailers without an end."""
    head = f"POST /v1/accounts HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    rest = dice.choice(
        (
            b"zz\r\nabc\r\n",
            b"ffffffffffffffffff\r\nabc",
            b"-1\r\nabc\r\n",
            b"3\nabc\n0\n\n",
            b"3;" + b"x" * LONG + b"\r\nabc\r\n0\r\n\r\n",
            b"0\r\n" + b"t: v\r\n" * 20_000 + b"\r\n",
            b"10000\r\n" + b"a" * 0x10000 + b"\r\n" + b"10000\r\n" + b"a" * 0x10000 + b"\r\n0\r\n\r\n",
            b"3\r\nabcd\r\n0\r\n\r\n",
        )
    )
    return head + rest, 1


def lines(dice: Random, host: str, network: str) -> Made:
    """Request lines that are none."""
    line = dice.choice(
        (
            b"GET  /v1/config HTTP/1.1",
            b"GET /v1/config",
            b"GET /v1/config HTTP/9.9",
            b"GET /v1/config HTTP/1.0",
            b"PRI * HTTP/2.0",
            b"GET * HTTP/1.1",
            b"OPTIONS * HTTP/1.1",
            b"CONNECT a:1 HTTP/1.1",
            b"CONNECT /v1/connect HTTP/1.1",
            b"TRACE /v1/config HTTP/1.1",
            b"get /v1/config HTTP/1.1",
            b"GET http://[/ HTTP/1.1",
            b"GET //evil.example/ HTTP/1.1",
            b"GET /\xff\xfe HTTP/1.1",
            b"GET /v1/users/%00 HTTP/1.1",
            b"GET /v1/users/%ff%fe HTTP/1.1",
            b"GET /v1/users/%e2%80%ae HTTP/1.1",
            b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"",
            b"\0" * 50,
        )
    )
    return line + f"\r\nHost: {host}\r\n\r\n".encode(), 2


def headers(dice: Random, host: str, network: str) -> Made:
    """Headers that are none, or that say what they must not."""
    more = dice.choice(
        (
            "Origin: https://[\r\n",
            "Origin: https://[::1\r\n",
            "Origin: null\r\n",
            f"Origin: http://{host}\r\nOrigin: https://evil.example\r\n",
            "Origin: https://evil.example\r\n",
            "Host: other\r\n",
            "Authorization: Bearer " + "W1tb" * 1_400 + "\r\n",
            "Authorization: Bearer W1tb" + "W1tb" * 600 + ".a.b\r\n",
            "Authorization: Bearer \xff\xfe.\xff.\xff\r\n",
            "Authorization: Bearer\r\n",
            "X-Forwarded-For: " + "1.2.3.4, " * 500 + "[::1\r\n",
            "X-Forwarded-For: \xff[[[]]]%%\r\n",
            "Expect: 100-continue\r\n",
            "Expect: something\r\n",
            "Connection: close, upgrade\r\nUpgrade: h2c\r\n",
            "Upgrade: websocket\r\nConnection: Upgrade\r\n",
            " folded: yes\r\n",
            "no-colon\r\n",
            ": empty\r\n",
            "a b: c\r\n",
            "X: a\nY: b\r\n",
            "X: a\rY: b\r\n",
            "Content-Type: application/json; charset=utf-7\r\n",
            "Accept-Encoding: gzip;q=x\r\n",
        )
    )
    path = dice.choice(("/v1/config", "/v1/me", "/v1/users/ada", "/v1/connect", "/openapi.json", "/"))
    if dice.random() < 0.3:
        return upgrade(host, network, more), 1
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode("latin-1"), 1


def bodies(dice: Random, host: str, network: str) -> Made:
    """Bodies that are no JSON, or too much of it, with the wrong type or none."""
    body = dice.choice(
        (
            b"",
            b"{",
            b"null",
            b"[]",
            b"[" * 30_000,
            b'{"a":' * 10_000,
            b'{"username":"\\ud800","password":"x"}',
            b'{"username":"\\u0000","password":"\\u0000"}',
            b'{"username":1e999,"password":NaN}',
            b'{"username":' + b"9" * 5_000 + b"}",
            b"\xff\xfe{\x00}\x00",
            b'{"username":"a","username":"b"}',
            dice.choice(NASTY),
            bytes(65_536),
            bytes(65_537),
        )
    )
    kind = dice.choice(
        (
            "application/json",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "",
            "/",
        )
    )
    path = dice.choice(
        ("/v1/accounts", "/v1/sessions", "/v1/sessions/renew", "/v1/recoveries", "/v1/tickets")
    )
    size = len(body) + dice.choice((0, 0, 0, 1, -1))
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {max(0, size)}\r\n\r\n".encode() + body, 2


def pipelined(dice: Random, host: str, network: str) -> Made:
    """Many requests at once."""
    count = dice.choice((2, 20, 200))
    return f"GET /v1/config HTTP/1.1\r\nHost: {host}\r\n\r\n".encode() * count, count


MAKERS: tuple[tuple[Callable[[Random, str, str], Made], int], ...] = (
    (spoilt_upgrade, 20), (header_bomb, 2), (smuggling, 20), (chunks, 8), (lines, 20), (headers, 20),
    (bodies, 20), (pipelined, 1),
)  # fmt: skip


def made(dice: Random, host: str, network: str) -> tuple[str, bytes, int]:
    """One of them."""
    makers, weights = zip(*MAKERS, strict=True)
    (make,) = dice.choices(makers, weights)
    data, most = make(dice, host, network)
    return make.__name__, data, most
