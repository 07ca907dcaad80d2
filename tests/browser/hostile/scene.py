"""Sets the scene: a real page of somebody who is signed in, whose socket and whose peer mean harm."""

from collections.abc import Mapping

from playwright.async_api import APIResponse, BrowserContext, Route

from ringline.v1 import types_pb2
from tests.browser.cast import Cast
from tests.browser.hostile.judge import ASKED, Judge
from tests.browser.hostile.peer import sit_down
from tests.browser.hostile.run import Scene
from tests.browser.hostile.server import HostileServer

SOCKETS = "**/v1/connect"
PEERS = ("bob", "cleo", "dan")
"""One for each call: a page that shows two calls names them by their people."""


async def open_scene(cast: Cast, script: str = "", patches: Mapping[str, str] | None = None) -> Scene:
    """Ada, who is signed in, and whom nobody but the hostile server speaks to: in the name of as many
    people as there are calls.

    `script` runs before the page, and `patches` are made to its code: what a judge has to find.
    """
    ada, *others = [await cast.account(name) for name in ("ada", *PEERS)]
    sessions = [await cast.session(other) for other in others]
    peers = [types_pb2.Profile(user_id=one.user_id, username=one.username) for one in sessions]
    server = HostileServer(peers)
    context = await (await cast.studio.browser("ada")).new_context()
    await context.route_web_socket(SOCKETS, server.meet)
    await context.add_init_script(ASKED + script)
    if patches:
        await _patch(context, patches)
    person = await cast.enter(ada, context)
    await _remember(context)
    peer = await sit_down(await context.new_page(), cast.origin)
    await person.page.bring_to_front()
    return Scene(person, server, peer, Judge(person.page, server, peer), peers[0].username)


async def _remember(context: BrowserContext) -> None:
    """Answers from memory what each load of the page asks anew: who loads it a thousand times is limited."""
    known: dict[tuple[str, str], APIResponse] = {}

    async def answer(route: Route) -> None:
        asked = (route.request.method, route.request.url)
        if asked[0] != "GET" and not asked[1].endswith("/v1/tickets"):
            return await route.continue_()
        if asked not in known:
            response = await route.fetch()
            if not response.ok:
                return await route.fulfill(response=response)
            known[asked] = response
        await route.fulfill(response=known[asked])

    await context.route("**/v1/**", answer)


async def _patch(context: BrowserContext, patches: Mapping[str, str]) -> None:
    """Breaks the client on purpose."""

    async def broken(route: Route) -> None:
        response = await route.fetch()
        text = await response.text()
        for old, new in patches.items():
            text = text.replace(old, new)
        await route.fulfill(response=response, body=text)

    await context.route("**/*.js", broken)
