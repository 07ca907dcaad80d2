"""A `kubectl` for a shell: a program that hands its words and what it reads to the cluster of the tests."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.deploy.cluster.cluster import Cluster
from tests.deploy.cluster.kubectl import carried_out

CALLER = Path(__file__).with_name("caller.py")
LIMIT = 2**22


@asynccontextmanager
async def door(cluster: Cluster, folder: Path, real: Path) -> AsyncIterator[list[str]]:
    """Puts the program `kubectl` into that folder for as long as it lasts; the `real` one is asked first
    whether it understands. Answers the list of commands that were not known here, which grows.
    """
    unknown: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = json.loads(await reader.readline())
        status, told = 0, ""
        try:
            told = await carried_out(cluster, asked["words"], asked["stdin"], Path(asked["folder"]))
        except (RuntimeError, AssertionError) as failure:  # what was waited for did not come about
            status, told = 1, f"{failure}\n"
        except ValueError as unfit:
            unknown.append(f"{asked['words']}: {unfit}")
            status, told = 1, f"not known here: {unfit}\n"
        writer.write(json.dumps({"status": status, "told": told}).encode() + b"\n")
        await writer.drain()
        writer.close()

    place = folder / "kubectl.socket"
    server = await asyncio.start_unix_server(serve, place, limit=LIMIT)
    program = folder / "kubectl"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S -E "{CALLER}" "{place}" "{real}" "$@"\n')
    program.chmod(0o755)
    try:
        yield unknown
    finally:
        server.close()
