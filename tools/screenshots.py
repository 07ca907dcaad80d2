"""Takes the pictures of docs/images from the gallery of the web client: `make screenshots`."""

import asyncio
import os
import re
import shutil
import signal
import sys
from pathlib import Path

from playwright.async_api import Browser, async_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
WINDOWS = {"desktop": (1280, 800), "tablet": (820, 1180), "phone": (390, 844)}
SHOWN = {
    "desktop": {
        "call": "video",
        "thread": "unread",
        "settings": "settings-callers",
        "waiting": "waiting-held",
        "lost": "mending-video",
    },
    "tablet": {"beside": "bar"},
    "phone": {
        "home": "home",
        "thread": "unread",
        "ring": "ring-video",
        "call": "video",
        "waiting": "waiting-video",
        "history": "calls",
        "lost": "mending-video",
        "settings": "settings-callers-quiet",
        "hours": "settings-hours",
        "person": "profile",
    },
}
"""Window -> name of the picture -> state of the gallery."""
START_SECONDS = 30.0
SETTLE_MS = 1500
"""Until moving pictures have come and fonts are there."""


async def gallery() -> tuple[asyncio.subprocess.Process, str]:
    """Starts the development server of the web client; answers it and where it listens."""
    vite = ROOT / "web" / "node_modules" / ".bin" / "vite"
    process = await asyncio.create_subprocess_exec(
        *(str(vite), "--host", "127.0.0.1", "--port", "0", "--clearScreen", "false"),
        cwd=ROOT / "web" / "app",
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        env=os.environ | {"NO_COLOR": "1"},
    )
    assert process.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        async for line in process.stdout:
            if found := re.search(rb"http://127\.0\.0\.1:\d+", line):
                return process, found[0].decode()
    raise RuntimeError("the development server of the web client does not start")


async def take(browser: Browser, url: str, window: str, scheme: str) -> None:
    """Takes every picture of one window in one colour scheme."""
    width, height = WINDOWS[window]
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
        has_touch=window == "phone",
        reduced_motion="reduce",
        locale="en-US",
        timezone_id="Europe/Berlin",
    )
    page = await context.new_page()
    for name, state in SHOWN[window].items():
        await page.goto(f"{url}/gallery/?show={state}")
        await page.wait_for_timeout(SETTLE_MS)
        await page.screenshot(path=IMAGES / f"{name}-{window}-{scheme}.png")
    await context.close()


async def main() -> None:
    """Takes all of them."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("the pictures need Debian's chromium: apt-get install chromium")
    IMAGES.mkdir(exist_ok=True)
    server, url = await gallery()
    try:
        async with async_playwright() as playwright:
            flags = ["--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
            flags += ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = await playwright.chromium.launch(executable_path=chromium, args=flags)
            for window in WINDOWS:
                for scheme in ("light", "dark"):
                    await take(browser, url, window, scheme)
            await browser.close()
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # the node of .venv is a starter; its child goes with it
        await server.wait()


if __name__ == "__main__":
    asyncio.run(main())
