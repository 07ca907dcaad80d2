"""A person at a browser: does what people do, by the names screen readers read, and tells what arrives."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar, cast

from playwright.async_api import BrowserContext, ConsoleMessage, Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.browser import judge
from tests.browser.tones import HERTZ

PATIENCE = 15.0
"""Seconds for what should take less than one: two cores for servers and several browsers."""
POLL_SECONDS = 0.1
UNREACHED = re.compile(r"Failed to load resource: net::ERR_|WebSocket connection to '[^']*' failed")
"""What the browser says of a server that it did not reach; no error of the page reads like it."""
TOLERANCE_HERTZ = 20.0
AUDIBLE_DECIBEL = -70.0

T = TypeVar("T")

SOCKETS = """
(() => {
  const Real = window.WebSocket;
  window.sockets = [];
  window.WebSocket = class extends Real {
    constructor(...all) { super(...all); window.sockets.push(this); }
  };
})();
"""
"""Runs before the page: keeps every socket within reach."""
OPENED = """
(() => {
  window.opened = [];
  window.refused = new Set();
  const devices = navigator.mediaDevices;
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    const ids = [wanted.audio, wanted.video].map((one) => one?.deviceId?.exact);
    if (ids.some((id) => refused.has(id))) throw new DOMException('in use', 'NotReadableError');
    const stream = await ask(wanted);
    opened.push(...stream.getTracks());
    return stream;
  };
})();
"""
"""Runs before the page: keeps every track within reach, and refuses the devices named in `refused`."""


async def until(read: Callable[[], Awaitable[T]], holds: Callable[[T], bool], within: float = PATIENCE) -> T:
    """Reads until what is read holds, and answers it. Raises AssertionError with the last reading."""
    deadline = time.monotonic() + within
    while True:
        value = await read()
        if holds(value):
            return value
        assert time.monotonic() < deadline, f"not within {within:g} s; the last reading is {value}"
        await asyncio.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Account:
    """What somebody signs in with."""

    username: str
    password: str


class Person:
    """One tab of somebody."""

    def __init__(self, account: Account, context: BrowserContext, page: Page, origin: str) -> None:
        self.account = account
        self.context = context
        self.page = page
        self.origin = origin
        self.complaints: list[str] = []
        """Uncaught errors of the page, and what the browser refused to do for it."""
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._listen)

    @property
    def hertz(self) -> int:
        """The tone of their microphone, at a browser of their own voice."""
        return HERTZ[self.account.username.partition("_")[0]]

    @property
    def at(self) -> str:
        """How people call them."""
        return f"@{self.account.username}"

    async def sign_in(self) -> None:
        """Signs in, and waits until the page shows who they are."""
        await self.page.goto(self.origin)
        await self.pass_the_door()

    async def pass_the_door(self) -> None:
        """Signs in where the page asks for it already."""
        await self.page.get_by_label("Username").fill(self.account.username)
        await self.page.get_by_label("Password").fill(self.account.password)
        await self.press("Sign in")
        await self.is_in()

    async def is_in(self) -> None:
        """Waits until the page shows who they are."""
        await expect(self.page.get_by_text(f"Your username is {self.at}")).to_be_visible(
            timeout=PATIENCE * 1000
        )

    async def forbid(self, *devices: str) -> None:
        """Answers no, once and for all, when the browser asks for these: "microphone", "camera"."""
        session = await self.context.new_cdp_session(self.page)
        for device in devices:
            permission = {"permission": {"name": device}, "setting": "denied", "origin": self.origin}
            await session.send("Browser.setPermission", permission)

    async def visit(self, path: str) -> None:
        """Goes to a page by its address."""
        await self.page.goto(self.origin + path)

    async def press(self, name: str) -> None:
        """Presses the button of this name."""
        await self.page.get_by_role("button", name=name, exact=True).click(timeout=PATIENCE * 1000)

    async def press_if_there(self, name: str) -> None:
        """Presses the button of this name where it can be pressed at this moment."""
        button = self.page.get_by_role("button", name=name, exact=True)
        with suppress(PlaywrightTimeout):  # a ring came up just before, and stands in front of it
            if await button.count() and await button.is_enabled():
                await button.click(timeout=2000)

    async def answers_unless_connected(self) -> None:
        """Presses Answer where it rings; where the call is connected meanwhile, there is nothing to press."""
        answer = self.page.get_by_role("button", name="Answer", exact=True)
        connected = self.page.get_by_role("status").filter(has_text="Connected")
        await expect(answer.or_(connected).first).to_be_visible(timeout=PATIENCE * 1000)
        with suppress(PlaywrightTimeout):
            if not await connected.is_visible():
                await answer.click(timeout=2000)

    async def call(self, other: "Person", kind: str = "audio") -> None:
        """Opens the window with somebody and presses the button at its top right."""
        await self.visit(f"/{other.at}")
        await self.press(f"{kind.capitalize()} call")

    async def rings(self, caller: "Person", kind: str = "audio", within: float = PATIENCE) -> None:
        """Waits for the ring of this caller."""
        dialog = self.page.get_by_role("dialog", name=f"Incoming {kind} call from {caller.at}")
        await expect(dialog).to_be_visible(timeout=within * 1000)

    async def is_waited_for(self, caller: "Person", kind: str = "audio") -> None:
        """Waits for the banner of somebody who calls meanwhile; nothing stands in the way of the call."""
        banner = self.page.get_by_role("region", name=f"Incoming {kind} call from {caller.at}")
        await expect(banner).to_be_visible(timeout=PATIENCE * 1000)
        await expect(self.page.get_by_role("dialog")).to_have_count(0)

    async def stops_ringing(self, within: float = PATIENCE) -> None:
        """Waits until no ring is shown."""
        await expect(self.page.get_by_role("dialog")).to_have_count(0, timeout=within * 1000)

    async def reads(self, status: str, within: float = PATIENCE) -> None:
        """Waits until the status element says this."""
        element = self.page.get_by_role("status")
        await expect(element).to_have_text(
            re.compile(rf"^{re.escape(status)}( \d.*)?$"), timeout=within * 1000
        )

    async def hears(self, hertz: int, within: float = PATIENCE) -> None:
        """Waits until this tone is the loudest of what the other person sends."""
        await until(lambda: self._read(judge.HEARD), lambda heard: is_tone(heard, hertz), within)

    async def hears_nothing(self, within: float = PATIENCE) -> None:
        """Waits until no sound arrives that a person would hear."""
        await until(lambda: self._read(judge.HEARD), lambda heard: heard["level"] < AUDIBLE_DECIBEL, within)

    async def sees(self, more: int = 10, within: float = PATIENCE) -> None:
        """Waits until so many frames more of the other's picture were decoded, and it is on the screen."""
        before = (await self.received())["frames"]
        await until(self.received, lambda now: now["frames"] >= before + more, within)
        await until(lambda: self.page.evaluate(judge.SHOWN), lambda width: width > 0, within)

    async def sees_nothing(self, within: float = PATIENCE) -> None:
        """Waits until no picture of the other person is on the screen."""
        await until(lambda: self.page.evaluate(judge.SHOWN), lambda width: width == 0, within)

    async def passes_nothing(self, within: float = PATIENCE) -> None:
        """Waits until not a single packet of sound or picture leaves this page, and none comes."""
        await until(
            lambda: self._read(judge.PASSED), lambda passed: passed == {"sent": 0, "received": 0}, within
        )

    async def received(self) -> dict[str, float]:
        """Packets and frames so far: see judge.RECEIVED."""
        return await self._read(judge.RECEIVED)

    async def loses_nothing(self) -> None:
        """Raises AssertionError where a packet that was sent to this person did not arrive."""
        received = await self.received()
        assert received["lost"] == 0, received

    async def paths(self) -> list[list[str]]:
        """The kinds of candidates in use: [local, remote] for each path."""
        return cast("list[list[str]]", await self.page.evaluate(judge.PATHS))

    def forgive_the_network(self) -> None:
        """Drops the complaints of the browser that it reached nobody; those about the page stay."""
        self.complaints[:] = [one for one in self.complaints if not UNREACHED.match(one)]

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "the server responded with a status of" not in message.text:
            self.complaints.append(message.text)

    async def _read(self, script: str) -> dict[str, float]:
        return cast("dict[str, float]", await self.page.evaluate(script))


async def talk(ada: Person, bob: Person, kind: str = "audio") -> None:
    """Ada calls, Bob answers, and they hear each other."""
    await ada.call(bob, kind)
    await bob.rings(ada, kind)
    await bob.press("Answer")
    await ada.reads("Connected")
    await bob.reads("Connected")
    await ada.hears(bob.hertz)
    await bob.hears(ada.hertz)


def is_tone(heard: Mapping[str, float], hertz: int) -> bool:
    """Whether what is heard (see judge.HEARD) is this tone."""
    return abs(heard["hertz"] - hertz) < TOLERANCE_HERTZ and heard["level"] > AUDIBLE_DECIBEL
