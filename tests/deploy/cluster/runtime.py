"""Containers by crun, which needs no daemon."""

import asyncio
import json
import math
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import Any

from tests.deploy.cluster.bundle import NAMESPACES
from tests.deploy.cluster.limits import Limit
from tests.servers import Process

POLL_SECONDS = 0.05


async def said(*argv: str, within: float = 30.0) -> tuple[int, str]:
    """The status of a short command and what it said. A status of -1 means that it did not end in time."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(within):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        return -1, ""
    return process.returncode or 0, out.decode(errors="replace")


class Container:
    """One run of a container."""

    def __init__(
        self, name: str, config: dict[str, Any], network: Path, memory: int, scratch: Path, log: Path
    ) -> None:
        """`memory` in bytes. The name is told apart by more."""
        self.name = f"{name}-{secrets.token_hex(6)}"
        self._crun = ["crun", "--root", str(scratch / "crun"), "--cgroup-manager=disabled"]
        self._folder = scratch / self.name
        self._folder.mkdir()
        spaces = [{"type": name} for name in NAMESPACES] + [{"type": "network", "path": str(network)}]
        config["linux"]["namespaces"] = spaces
        self._process = config["process"]
        (self._folder / "config.json").write_text(json.dumps(config))
        self.limit = Limit(self.name, memory)
        argv = [*self._crun, "run", "--bundle", str(self._folder), self.name]
        self.process = Process(self.name, self.limit.command(argv), dict(os.environ), log)

    def start(self) -> None:
        """Starts it."""
        self.process.start()

    async def end(self, within: float = math.inf) -> int:
        """Waits for its end and answers its status. Raises TimeoutError after `within` seconds."""
        deadline = time.monotonic() + within
        while self.process.runs:
            if time.monotonic() > deadline:
                raise TimeoutError
            await asyncio.sleep(POLL_SECONDS)
        return await self.process.ended()

    async def signal(self, name: str) -> None:
        """Sends a signal to its first process; nothing where it has ended."""
        await said(*self._crun, "kill", self.name, name)

    async def run(self, *argv: str, within: float = 30.0) -> tuple[int, str]:
        """Runs a command in it (kubectl exec): status and output. `crun exec` finds the root of a container
        only where the machine's own root is that of its mounts, which it is not in a chroot.
        """
        status, state = await said(*self._crun, "state", self.name)
        if status:
            return status, state  # it has not begun yet, or has ended
        inside = [
            "nsenter",
            f"--target={json.loads(state)['pid']}",
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
        ]
        who = [f"--setuid={self._process['user']['uid']}", f"--setgid={self._process['user']['gid']}"]
        told = ["/usr/bin/env", "-i", *self._process["env"], *argv]
        return await said(*inside, "--root", "--wd", *who, *told, within=within)

    async def close(self) -> None:
        """Nothing is left of it, whatever it did."""
        await said(*self._crun, "delete", "--force", self.name)
        self.process.kill()
        self.limit.close()
        shutil.rmtree(self._folder)
