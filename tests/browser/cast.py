"""The people of one story: accounts that nobody else has, each in a browser with a voice of its own."""

import asyncio
import os
import secrets
import shutil
from pathlib import Path

import httpx
from playwright.async_api import Browser, BrowserContext, Playwright

from ringline.client import Api, DeviceKey, Session
from tests.browser.judge import WATCH
from tests.browser.person import Account, Person
from tests.browser.tones import HERTZ, write_tone

CAMERAS = 3
"""The second one gives no frames to a connection: Chromium pretends that it speaks MJPEG."""
LET_GO = "--autoplay-policy=no-user-gesture-required"
"""Without it a page makes no sound before somebody has touched it."""
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    LET_GO,
    "--allow-loopback-in-peer-connection",
    f"--use-fake-device-for-media-stream=device-count={CAMERAS}",
)
GRANTED = "--use-fake-ui-for-media-stream"
_LETTERS = "bcdfghjkpqtvxz"  # none looks like another, so no two names look alike


def chromium() -> str:
    """Debian's chromium, which the tests need."""
    found = shutil.which("chromium")
    assert found is not None, "the browser stories need Debian's chromium: apt-get install chromium"
    return found


class Studio:
    """Starts browsers: one for each voice, kept for all stories."""

    def __init__(self, playwright: Playwright, folder: Path) -> None:
        self._playwright = playwright
        self._folder = folder
        self._browsers: dict[tuple[str, bool, bool], Browser] = {}

    async def browser(self, voice: str, granted: bool = True) -> Browser:
        """The browser whose microphone is this person's tone; `granted` means that nobody is asked."""
        return await self._kept(voice, granted, False)

    async def strict_browser(self, voice: str) -> Browser:
        """The same, and a page of it sounds only after a gesture, as it is with people."""
        return await self._kept(voice, True, True)

    async def _kept(self, voice: str, granted: bool, held_back: bool) -> Browser:
        key = (voice, granted, held_back)
        if key not in self._browsers:
            self._browsers[key] = await self.launch(voice, granted, held_back=held_back)
        return self._browsers[key]

    async def launch(
        self, voice: str, granted: bool = True, executable: str = "", held_back: bool = False
    ) -> Browser:
        """A browser of its own; `executable` starts chromium in another place."""
        tone = write_tone(self._folder / f"{voice}.wav", HERTZ[voice])
        flags = [*FLAGS, f"--use-file-for-fake-audio-capture={tone}"]
        if granted:
            flags.append(GRANTED)
        if held_back:
            flags.remove(LET_GO)
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        return await self._playwright.chromium.launch(executable_path=executable or chromium(), args=flags)

    async def close(self) -> None:
        """Ends every browser."""
        await asyncio.gather(*(browser.close() for browser in self._browsers.values()))


class Cast:
    """Makes the people of one story and sends them home at its end."""

    def __init__(self, studio: Studio, origin: str, http: httpx.AsyncClient) -> None:
        self.studio = studio
        self.origin = origin
        self._api = Api([origin], http)
        self._contexts: list[BrowserContext] = []
        self._people: list[Person] = []
        self._sessions: dict[str, Session] = {}

    async def friends(self, *names: str) -> list[Person]:
        """People who have each other in their address books, signed in, each at a browser of their own."""
        people = await asyncio.gather(*(self.person(name) for name in names))
        await self.acquaint(*people)
        return list(people)

    async def person(self, name: str, *, granted: bool = True, path: str = "/") -> Person:
        """Somebody new, signed in."""
        account = await self.account(name)
        return await self.device(account, name, granted=granted, path=path)

    async def newcomer(self, name: str) -> Person:
        """Somebody with a wish for a username, at an empty page of a browser."""
        context = await (await self.studio.browser(name)).new_context()
        return await self.sit_down(_wish(name), context)

    async def account(self, name: str) -> Account:
        """A new account that nobody has signed in to at a browser."""
        account = _wish(name)
        await self._api.sign_up(account.username, account.password)
        return account

    async def device(self, account: Account, voice: str, *, granted: bool = True, path: str = "/") -> Person:
        """A browser profile of its own of somebody, signed in."""
        context = await (await self.studio.browser(voice, granted)).new_context()
        return await self.enter(account, context, path)

    async def enter(self, account: Account, context: BrowserContext, path: str = "/") -> Person:
        """Signs somebody in at this browser profile."""
        person = await self.sit_down(account, context)
        await person.sign_in()
        if path != "/":
            await person.visit(path)
        return person

    async def tab(self, person: Person) -> Person:
        """Another tab of theirs, at the same browser profile."""
        other = await self.sit_down(person.account, person.context)
        await other.visit("/")
        await other.is_in()
        return other

    async def sit_down(self, account: Account, context: BrowserContext) -> Person:
        """Somebody at an empty page of this browser profile."""
        if context not in self._contexts:
            self._contexts.append(context)
            await context.add_init_script(WATCH)
        person = Person(account, context, await context.new_page(), self.origin)
        self._people.append(person)
        return person

    async def acquaint(self, *people: Person) -> None:
        """Puts them into each other's address books."""
        for one in people:
            session = await self.session(one.account)
            for other in people:
                if other.account != one.account:
                    await session.add_contact(other.account.username)

    async def session(self, account: Account) -> Session:
        """A device of theirs without a browser, for what the story takes for granted."""
        if account.username not in self._sessions:
            self._sessions[account.username] = await self._api.sign_in(
                account.username, account.password, DeviceKey()
            )
        return self._sessions[account.username]

    async def close(self) -> None:
        """Sends everybody home. Raises AssertionError where a page complained."""
        complaints = [complaint for person in self._people for complaint in person.complaints]
        await asyncio.gather(*(context.close() for context in self._contexts))
        assert not complaints, complaints


def _wish(name: str) -> Account:
    username = f"{name}_" + "".join(secrets.choice(_LETTERS) for _ in range(8))
    return Account(username, secrets.token_urlsafe(12))
