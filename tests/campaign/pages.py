"""The part of the campaign that is told to a real page: stories of a server and a peer that mean harm."""

from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
from playwright.async_api import async_playwright

from services.embedded import Postgres
from tests.browser.cast import Cast, Studio
from tests.browser.conftest import serving
from tests.browser.hostile.run import Outcome, run
from tests.browser.hostile.scene import open_scene

APART = 10_000
"""No unit has so many stories: the seeds of their stories are apart."""
MOST_FAILURES = 3


async def tell(postgres: Postgres, folder: Path, seed: int, stories: int) -> tuple[Outcome, list[str]]:
    """Tells stories in an installation of its own below `folder`; and what the page complained of."""
    async with AsyncExitStack() as stack:
        settings = {"RINGLINE_SIGNALING_TURN_URLS": ""}
        topology = await stack.enter_async_context(serving(f"pages_{seed}", folder, postgres, settings))
        studio = Studio(await stack.enter_async_context(async_playwright()), folder)
        stack.push_async_callback(studio.close)
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=10.0))
        cast = Cast(studio, topology.gateways[0], http)
        first = seed * APART
        outcome = await run(lambda: open_scene(cast), range(first, first + stories), MOST_FAILURES)
        try:
            await cast.close()
        except AssertionError as complaints:
            return outcome, [f"the page complained: {complaints}"]
        return outcome, []


def figures(outcome: Outcome) -> Counter[str]:
    """What happened in the stories, for the results."""
    counted = Counter(turns=outcome.turns, on_hold=outcome.held, resumed=outcome.resumed)
    return counted + Counter({f"talked_by_{kind}": n for kind, n in outcome.talked.items()})
