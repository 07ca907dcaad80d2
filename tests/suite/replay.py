"""Replays the fenced blocks of docs/client-protocol.md, step by step and in their order.

What is written is sent, and what comes back must contain what is written. Nothing of `ringline.client` is
used: it is the page that is tested, so all that stands between it and the server is a WebSocket, HTTP and
protobuf's own JSON.
"""

import asyncio
import json
import re
import secrets
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import json_format
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from ringline.v1.client_pb2 import ClientFrame, ServerFrame

PATIENCE = 8.0
"""Seconds for what should take milliseconds."""
DEVICES = {"ada": "ada", "bob": "bob", "tablet": "bob", "cy": "cy"}
"""Whose each device is. A block about `me` is replayed for each."""

_BLOCK = re.compile(r"^```(http|sign|frames)\n(.*?)^```$", re.M | re.S)
_NAME = re.compile(r"\{([a-z][\w.]*)\}")
_BYTES = re.compile(r"\{bytes ([^}]*)\}")
_SIGNED = re.compile(r'\{([\w.]+)\} = Ed25519\(\{([\w.]+)\.key\}, "(.*)"\)')
_NOW = re.compile(r"\{([\w.]+)\} = Unix time in milliseconds")
_OPENS = re.compile(r"(\w+) opens (\S+) as (\S+)")
_SAYS = re.compile(r"(\w+) ([→←]) (.*)", re.S)


@dataclass(frozen=True)
class Step:
    """One step: its kind ("http", "sign" or "frames"), its text, and the line of the page where its block
    begins."""

    kind: str
    text: str
    line: int

    @property
    def is_for_everybody(self) -> bool:
        """Whether it speaks of `me`."""
        return re.search(r"\{me[.}]|^me ", self.text, re.M) is not None

    def of(self, device: str) -> "Step":
        """The step as this device takes it."""
        text = re.sub(r"\{me(?=[.}])", "{" + device, self.text)
        return Step(self.kind, re.sub(r"^me ", device + " ", text, flags=re.M), self.line)


def steps(page: str) -> list[Step]:
    """The steps of a page, in order. A line that is indented continues the one before."""
    found = []
    for block in _BLOCK.finditer(page):
        kind, text = block.groups()
        line = page.count("\n", 0, block.start()) + 1
        parts = re.split(r"\n(?! )", text.strip("\n")) if kind == "frames" else [text.strip("\n")]
        found += [Step(kind, part, line) for part in parts]
    return found


def for_all(told: Sequence[Step]) -> Iterator[Step]:
    """The steps in the order in which they are taken: what is about `me`, by each device; then the story."""
    for device, person in DEVICES.items():
        for step in told:
            is_account = step.text.startswith("POST /v1/accounts")
            if step.is_for_everybody and (device == person or not is_account):
                yield step.of(device)
    yield from (step for step in told if not step.is_for_everybody)


class Words:
    """What stands for each {name}: made at first sight for the people, else remembered from answers."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._keys: dict[str, Ed25519PrivateKey] = {}

    def key(self, device: str) -> Ed25519PrivateKey:
        """The private key of a device."""
        return self._keys.setdefault(device, Ed25519PrivateKey.generate())

    def learn(self, more: Mapping[str, str]) -> None:
        """Remembers."""
        self._known.update(more)

    def find(self, name: str) -> str | None:
        """What stands for a name; None where nothing does yet."""
        device, _, what = name.partition(".")
        if name not in self._known and device in DEVICES:
            made = self._make(device, what)
            if made is not None:
                self._known[name] = made
        return self._known.get(name)

    def fill(self, text: str) -> str:
        """The text with all that stands in braces filled in."""

        def word(match: re.Match[str]) -> str:
            found = self.find(match[1])
            assert found is not None, f"{{{match[1]}}} is used before it was said"
            return found

        return _NAME.sub(word, _BYTES.sub(lambda match: b64encode(match[1].encode()).decode(), text))

    def _make(self, device: str, what: str) -> str | None:
        person = DEVICES[device]
        if what in ("", "password", "user_id") and person != device:
            return self.find(person + ("." + what if what else ""))
        made: dict[str, Callable[[], str]] = {
            "": lambda: f"{device}_" + "".join(secrets.choice("bcdfghjkpqtvxz") for _ in range(10)),
            "password": lambda: secrets.token_urlsafe(12),
            "instance": lambda: secrets.token_urlsafe(12),
            "public_key": lambda: _text_of(self.key(device).public_key().public_bytes_raw()),
        }
        return made[what]() if what in made else None


def differences(
    written: Any, came: Any, words: Words, learnt: dict[str, str], where: str = ""
) -> Iterator[str]:
    """Where what came does not contain what is written; names that are new are put into `learnt`."""
    if written is None:
        if came not in (None, "", [], {}):
            yield f"{where} is there"
    elif written == "…":
        if came in (None, "", [], {}, "0", 0):
            yield f"{where} is missing"
    elif isinstance(written, dict):
        inside = came if isinstance(came, dict) else {}
        if not isinstance(came, dict):
            yield f"{where} is missing"
        for key, value in written.items():
            yield from differences(value, inside.get(key), words, learnt, f"{where}.{key}")
    elif isinstance(written, list):
        yield from _differences_of_lists(written, came, words, learnt, where)
    elif isinstance(written, str) and (name := _NAME.fullmatch(written)) is not None:
        known = learnt.get(name[1]) or words.find(name[1])
        if came in (None, "") or (known is not None and known != came):
            yield f"{where} is {came!r}, not {known!r}"
        learnt[name[1]] = str(came)
    else:
        expected = words.fill(written) if isinstance(written, str) else written
        if str(expected) != str(came):
            yield f"{where} is {came!r}, not {expected!r}"


def _differences_of_lists(
    written: list[Any], came: Any, words: Words, learnt: dict[str, str], where: str
) -> Iterator[str]:
    came = came if isinstance(came, list) else []
    if len(came) < len(written) or (len(came) > len(written) and written[-1:] != ["…"]):
        yield f"{where} has {len(came)} items, not {len(written)}"
    for number, (one, other) in enumerate(zip(written, came, strict=False)):
        yield from differences(one, other, words, learnt, f"{where}[{number}]")


@dataclass
class Replay:
    """One performance; each request and each connection goes to the next of the `gateways` (origins)."""

    gateways: Sequence[str]
    http: httpx.AsyncClient
    words: Words = field(default_factory=Words)
    taken: int = 0

    def __post_init__(self) -> None:
        self._next = cycle(self.gateways)
        self._lines: dict[str, ClientConnection] = {}
        self._stack = AsyncExitStack()

    async def take(self, step: Step) -> None:
        """Takes a step. Raises AssertionError where the server does not do what is written."""
        self.taken += 1
        if step.kind == "http":
            await self._ask(step.text)
        elif step.kind == "sign":
            self._sign(step.text)
        elif opens := _OPENS.fullmatch(step.text):
            await self._open(*opens.groups())
        elif step.text.endswith(" drops"):
            self._lines[step.text.split()[0]].transport.abort()
        else:
            await self._say(step.text)

    async def close(self) -> None:
        """Closes all connections."""
        await self._stack.aclose()

    async def _ask(self, text: str) -> None:
        sent, _, answer = text.partition("\n\n← ")
        first, *more = self.words.fill(sent).split("\n")
        method, path = first.split(" ")
        headers = dict(line.split(": ", 1) for line in more if re.match(r"[A-Z][\w-]*: ", line))
        body = "\n".join(line for line in more if not re.match(r"[A-Z][\w-]*: ", line)).strip()
        if body:
            headers["Content-Type"] = "application/json"
        response = await self.http.request(method, next(self._next) + path, content=body, headers=headers)
        status, _, written = answer.partition("\n")
        assert response.status_code == int(status), f"{response.status_code}: {response.text}"
        if written.strip():
            self._hold(json.loads(written), response.json())

    def _hold(self, written: Any, came: Any) -> None:
        learnt: dict[str, str] = {}
        wrong = list(differences(written, came, self.words, learnt))
        assert not wrong, f"{wrong} in {came}"
        self.words.learn(learnt)

    def _sign(self, text: str) -> None:
        for line in text.split("\n"):
            if now := _NOW.fullmatch(line):
                self.words.learn({now[1]: str(time.time_ns() // 1_000_000)})
                continue
            signed = _SIGNED.fullmatch(line)
            assert signed is not None, f"this signs nothing: {line}"
            name, device, wish = signed.groups()
            signature = self.words.key(device).sign(self.words.fill(wish).encode())
            self.words.learn({name: _text_of(signature)})

    async def _open(self, who: str, path: str, subprotocol: str) -> None:
        url = "ws" + next(self._next).removeprefix("http") + path
        line = await self._stack.enter_async_context(
            connect(url, subprotocols=[Subprotocol(subprotocol)], compression=None, proxy=None)
        )
        assert line.subprotocol == subprotocol
        self._lines[who] = line

    async def _say(self, text: str) -> None:
        said = _SAYS.fullmatch(text)
        assert said is not None, f"this says nothing: {text}"
        who, direction, what = said.groups()
        if direction == "→":
            frame = json_format.ParseDict(json.loads(self.words.fill(what)), ClientFrame())
            await self._lines[who].send(frame.SerializeToString())
        elif what.startswith("close "):
            code = await self._close_code(who)
            assert code == int(what.split()[1]), f"{who} was closed with {code}"
        else:
            await self._hear(who, json.loads(what))

    async def _hear(self, who: str, written: Any) -> None:
        """Waits for a frame that contains what is written; others in between are passed over."""
        passed: list[str] = []
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    came = _json_of(await self._lines[who].recv())
                    learnt: dict[str, str] = {}
                    wrong = list(differences(written, came, self.words, learnt))
                    if not wrong:
                        self.words.learn(learnt)
                        return
                    passed.append(f"{wrong} in {came}")
        except (TimeoutError, ConnectionClosed) as problem:
            told = "\n".join(passed) or "nothing"
            raise AssertionError(
                f"{who} heard no {written} but ({type(problem).__name__}):\n{told}"
            ) from None

    async def _close_code(self, who: str) -> int:
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    await self._lines[who].recv()
        except ConnectionClosed:
            return self._lines[who].close_code or 0


def _json_of(message: str | bytes) -> Any:
    assert isinstance(message, bytes), "frames are binary messages"
    return json_format.MessageToDict(
        ServerFrame.FromString(message),
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )


def _text_of(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
