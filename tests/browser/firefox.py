"""Debian's Firefox, spoken to over WebDriver BiDi (W3C): as much of a person as a call needs."""

import asyncio
import itertools
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests import servers
from tests.browser import judge
from tests.browser.person import PATIENCE, Account, Person, is_tone, until
from tests.servers import START_SECONDS, Process

Json = dict[str, Any]

PREFERENCES: Mapping[str, bool | int | str] = {
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.autoplay.default": 0,
    "media.autoplay.block-webaudio": False,
    "media.autoplay.blocking_policy": 0,
    "media.gmp-manager.updateEnabled": False,
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}
_STATUS = "() => document.querySelector('[role=\"status\"]')?.textContent ?? ''"


_NAMED = """(role, name) => {
  const nameOf = (element) => {
    const label = document.getElementById(element.getAttribute('aria-labelledby') ?? '');
    return (element.getAttribute('aria-label') ?? (label ?? element).textContent).trim();
  };
  const all = document.querySelectorAll(role === 'button' ? 'button' : `[role="${role}"]`);
  return [...all].find((one) => nameOf(one) === name && !one.disabled) ?? null;
}"""
"""The element of this role and name. (Firefox's own search by accessibility takes seconds here.)"""


class Bidi:
    """A session with a browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Json]] = {}
        self._reader = asyncio.create_task(self._read())

    async def ask(self, method: str, **params: Any) -> Json:
        """One command. Raises AssertionError where the browser refuses it."""
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        async with asyncio.timeout(START_SECONDS):
            reply = await answer
        assert reply["type"] == "success", f"{method}: {reply}"
        return cast(Json, reply["result"])

    async def close(self) -> None:
        """Ends the session."""
        await self._socket.close()
        await self._reader

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for message in self._socket:
                reply = json.loads(message)
                answer = self._asked.pop(reply.get("id", 0), None)
                if answer is not None and not answer.done():
                    answer.set_result(reply)


class FirefoxPerson:
    """Somebody at Firefox. The verbs are those of Person."""

    def __init__(self, bidi: Bidi, tab: str, account: Account, origin: str) -> None:
        self.account = account
        self._bidi = bidi
        self._tab = tab
        self._origin = origin

    @property
    def at(self) -> str:
        """How people call them."""
        return f"@{self.account.username}"

    async def sign_in(self) -> None:
        """Signs in, and waits until the page shows who they are."""
        await self.visit("/")
        await self._type("input[name=username]", self.account.username)
        await self._type("input[name=password]", self.account.password)
        await self.press("Sign in")
        mine = f"Your username is {self.at}"
        await until(lambda: self._run("() => document.body.innerText"), lambda text: mine in str(text))

    async def visit(self, path: str) -> None:
        """Goes to a page by its address."""
        await self._bidi.ask(
            "browsingContext.navigate", context=self._tab, url=self._origin + path, wait="complete"
        )

    async def press(self, name: str) -> None:
        """Presses the button of this name."""
        found = await self._find("button", name)
        origin = {"type": "element", "element": {"sharedId": found["sharedId"]}}
        steps = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        await self._act({"type": "pointer", "id": "mouse", "actions": steps})

    async def call(self, other: Person, kind: str = "audio") -> None:
        """Opens the window with somebody and presses the button at its top right."""
        await self.visit(f"/{other.at}")
        await self.press(f"{kind.capitalize()} call")

    async def rings(self, caller: Person, kind: str = "audio") -> None:
        """Waits for the ring of this caller."""
        await self._find("dialog", f"Incoming {kind} call from {caller.at}")

    async def reads(self, status: str) -> None:
        """Waits until the status element says this."""
        wanted = re.compile(rf"{re.escape(status)}( \d.*)?")
        await until(lambda: self._run(_STATUS), lambda text: wanted.fullmatch(str(text).strip()) is not None)

    async def hears(self, hertz: int) -> None:
        """Waits until this tone is the loudest of what the other person sends."""
        await until(lambda: self._run(judge.RECORDED), lambda heard: is_tone(cast(Json, heard), hertz))

    async def sees(self, more: int = 10) -> None:
        """Waits until so many frames more of the other's picture were decoded, and it is on the screen."""
        before = (await self.received())["frames"]
        await until(self.received, lambda now: now["frames"] >= before + more)
        await until(lambda: self._run(judge.SHOWN), lambda width: cast(int, width) > 0)

    async def received(self) -> dict[str, float]:
        """Packets and frames so far: see judge.RECEIVED."""
        return cast("dict[str, float]", await self._run(judge.RECEIVED))

    async def _find(self, role: str, name: str) -> Json:
        wanted = f"({_NAMED})({json.dumps(role)}, {json.dumps(name)})"

        async def look() -> Json:
            answer = await self._bidi.ask(
                "script.evaluate", expression=wanted, target={"context": self._tab}, awaitPromise=False
            )
            return cast(Json, answer["result"])

        return await until(look, lambda node: node["type"] == "node", PATIENCE)

    async def _type(self, selector: str, text: str) -> None:
        focus = (
            f"() => {{ const field = document.querySelector('{selector}'); field?.focus(); return !!field; }}"
        )
        await until(lambda: self._run(focus), bool)
        keys = [{"type": kind, "value": char} for char in text for kind in ("keyDown", "keyUp")]
        await self._act({"type": "key", "id": "keys", "actions": keys})

    async def _act(self, actions: Json) -> None:
        await self._bidi.ask("input.performActions", context=self._tab, actions=[actions])

    async def _run(self, function: str) -> object:
        answer = await self._bidi.ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify((await ({function})()) ?? null))()",
            target={"context": self._tab},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])


@asynccontextmanager
async def firefox(folder: Path, hertz: int) -> AsyncIterator[Bidi]:
    """A running Firefox with a profile of its own, whose fake microphone sounds at `hertz`."""
    program = shutil.which("firefox-esr")
    assert program is not None, "this story needs Debian's Firefox: apt-get install firefox-esr"
    profile = folder / "firefox"
    profile.mkdir()
    preferences = {**PREFERENCES, "media.navigator.audio.fake_frequency": hertz}
    lines = [f"user_pref({json.dumps(key)}, {json.dumps(value)});" for key, value in preferences.items()]
    (profile / "user.js").write_text("\n".join(lines))
    argv = [program, "--headless", "--remote-debugging-port", "0", "--profile", str(profile), "about:blank"]
    own_home = dict(os.environ, HOME=str(folder))  # it leaves things there, whatever its profile
    process = Process("firefox", argv, own_home, folder / "firefox.log").start()
    try:
        url = await _address(process)
        async with connect(f"{url}/session", max_size=None) as socket:
            bidi = Bidi(socket)
            await bidi.ask("session.new", capabilities={})
            yield bidi
            await bidi.close()
    finally:
        process.ask_to_stop()
        await process.ended()


async def enter(bidi: Bidi, account: Account, origin: str) -> FirefoxPerson:
    """Signs somebody in at a tab of this Firefox."""
    await bidi.ask("script.addPreloadScript", functionDeclaration=f"() => {{ {judge.WATCH} }}")
    tab = (await bidi.ask("browsingContext.create", type="tab"))["context"]
    person = FirefoxPerson(bidi, tab, account, origin)
    await person.sign_in()
    return person


async def _address(process: Process) -> str:
    """Where it listens, by its own word."""
    found: list[str] = []

    def listens() -> bool:
        process.check()
        found[:] = re.findall(r"WebDriver BiDi listening on (ws://\S+)", process.tail())
        return bool(found)

    await servers.until(listens, START_SECONDS, process.tail)
    return found[0]
