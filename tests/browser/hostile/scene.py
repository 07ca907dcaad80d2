"""Sets the scene: a real page of somebody who is signed in, whose socket and whose peer mean harm."""

from collections.abc import Mapping

from playwright.async_api import BrowserContext, Route

from ringline.v1 import types_pb2
from tests.browser.cast import Cast
from tests.browser.hostile.judge import ASKED, Judge
from tests.browser.hostile.peer import sit_down
from tests.browser.hostile.run import Scene
from tests.browser.hostile.server import HostileServer

SOCKETS = "**/v1/connect"


async def open_scene(cast: Cast, script: str = "", patches: Mapping[str, str] | None = None) -> Scene:
    """Ada, who is signed in, and whom nobody but the hostile server speaks to.

    `script` runs before the page, and `patches` are made to its code: what a judge has to find.
    """
    ada, bob = await cast.account("ada"), await cast.account("bob")
    session = await cast.session(bob)
    server = HostileServer(types_pb2.Profile(user_id=session.user_id, username=session.username))
    context = await (await cast.studio.browser("ada")).new_context()
    await context.route_web_socket(SOCKETS, server.meet)
    await context.add_init_script(ASKED + script)
    if patches:
        await _patch(context, patches)
    person = await cast.enter(ada, context)
    peer = await sit_down(await context.new_page(), cast.origin)
    await person.page.bring_to_front()
    return Scene(person, server, peer, Judge(person.page, server, peer), session.username)


async def _patch(context: BrowserContext, patches: Mapping[str, str]) -> None:
    """Breaks the client on purpose."""

    async def broken(route: Route) -> None:
        response = await route.fetch()
        text = await response.text()
        for old, new in patches.items():
            text = text.replace(old, new)
        await route.fulfill(response=response, body=text)

    await context.route("**/*.js", broken)
