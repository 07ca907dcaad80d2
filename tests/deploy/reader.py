"""Who follows docs/operations.md: a shell in a checkout, with a database, and a cluster of the tests."""

import os
import re
import shutil
import sys
import time
from pathlib import Path

from tests.browser.apart.networks import Network
from tests.deploy import page
from tests.house.sources import ROOT
from tests.servers import Process

BLOCK_SECONDS = 180.0


class Reader:
    """A shell that carries blocks of the page out, word by word."""

    def __init__(self, folder: Path, network: Network | None, programs: Path, **own: str) -> None:
        """In that network, or in this machine's. `programs` are Postgres's, `own` the reader's variables."""
        self.folder = folder
        self.checkout = folder / "ringline"
        self.done: list[str] = []
        """The titles of the blocks that were carried out."""
        self._network = network
        self._blocks = {one.title: one.commands for one in page.blocks()}
        shutil.copytree(ROOT / "deploy", self.checkout / "deploy")
        paths = [str(folder), str(Path(sys.executable).parent), str(programs), os.environ["PATH"]]
        self._env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("RINGLINE_", "PG"))},
            "PATH": os.pathsep.join(paths),
            "HOME": str(folder),
            **own,
        }

    async def follows(self, *titles: str) -> str:
        """Carries out the blocks of these titles, one after another; what the last one prints."""
        told = ""
        for title in titles:
            told = await self.shell(title, self._blocks[title])
            self.done.append(title)
        return told

    async def shell(self, title: str, commands: str) -> str:
        """Runs commands in the checkout; answers what they print. Raises AssertionError where one fails."""
        log = self.folder / f"{re.sub(r'[^a-zA-Z]+', '-', title)}.log"
        log.unlink(missing_ok=True)
        # A pipe is as wrong as any of its commands.
        words = ["bash", "-euo", "pipefail", "-c", f"cd {self.checkout}\n{commands}"]
        if self._network is not None:
            words = self._network.command(*words)
        began = time.monotonic()
        shell = Process(title, words, self._env, log).start()
        status = await shell.ended(BLOCK_SECONDS)
        print(f"{title}: {time.monotonic() - began:.1f} s")
        assert status == 0, f"{title}: {shell.tail()}"
        return log.read_text()
