"""Chromium and Firefox call each other."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.cast import Cast
from tests.browser.firefox import Bidi, enter, firefox
from tests.browser.tones import HERTZ

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bidi]:
    """A running Firefox."""
    folder: Path = tmp_path_factory.mktemp("fox")
    async with firefox(folder, HERTZ["bob"]) as bidi:
        yield bidi


async def test_chromium_calls_firefox_and_firefox_calls_back(cast: Cast, fox: Bidi) -> None:
    ada = await cast.person("ada")
    bob = await enter(fox, await cast.account("bob"), cast.origin)
    await (await cast.session(bob.account)).add_contact(ada.account.username)
    await (await cast.session(ada.account)).add_contact(bob.account.username)
    await ada.visit(f"/{bob.at}")
    await ada.press("Video call")
    await bob.rings(ada, "video")
    await bob.press("Answer")
    await ada.reads("Connected")
    await bob.reads("Connected")
    await ada.hears(HERTZ["bob"])
    await bob.hears(HERTZ["ada"])
    await ada.sees()
    await bob.sees()
    await ada.press("Hang up")
    await bob.reads("Call ended")

    await bob.call(ada)
    dialog = f"Incoming audio call from {bob.at}"
    await ada.page.get_by_role("dialog", name=dialog).wait_for()
    await ada.press("Answer")
    await ada.hears(HERTZ["bob"])
    await bob.hears(HERTZ["ada"])
    await ada.press("Turn camera on")
    await bob.sees()
    await bob.press("Hang up")
    await ada.reads("Call ended")
