"""A disk of the outbox's own that can be full: a small tmpfs, as a tablespace for signaling's outbox. It
needs root, for the mount; without it the fault is not injected, and the table says so.
"""

import os
import pwd
import subprocess
from pathlib import Path

import asyncpg

from services.embedded import UNPRIVILEGED

SIZE = "1m"
NAME = "outbox_disk"
BALLAST = "ballast"
CHUNK = 4_096
FULL = "No space left on device"
"""What Postgres writes into its log when it meets it."""


class Disk:
    """The small disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.why_not = "" if os.geteuid() == 0 else "needs root, to mount a small disk"

    def mount(self) -> None:
        """Mounts it; where that is not allowed, `why_not` says so."""
        if self.why_not:
            return
        self._folder.mkdir(mode=0o711)
        owner = pwd.getpwnam(UNPRIVILEGED)
        options = f"size={SIZE},mode=0711,uid={owner.pw_uid},gid={owner.pw_gid}"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self._folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            self.why_not = f"mount: {done.stderr.strip()}"
            return
        space = self._folder / "space"
        space.mkdir(mode=0o700)
        os.chown(space, owner.pw_uid, owner.pw_gid)

    def unmount(self) -> None:
        """Takes it away."""
        if not self.why_not:
            subprocess.run(["umount", str(self._folder)], check=True)

    async def move_in(self, con: asyncpg.Connection) -> None:
        """Moves the outbox and its index onto it."""
        if self.why_not:
            return
        await con.execute(f"CREATE TABLESPACE {NAME} LOCATION '{self._folder / 'space'}'")
        await con.execute(f"ALTER TABLE signaling.outbox SET TABLESPACE {NAME}")
        for row in await con.fetch(
            "SELECT indexname FROM pg_indexes WHERE (schemaname, tablename) = ('signaling', 'outbox')"
        ):
            await con.execute(f"ALTER INDEX signaling.{row['indexname']} SET TABLESPACE {NAME}")

    async def fill(self, con: asyncpg.Connection) -> None:
        """Leaves no free byte, in the table neither."""
        await con.execute("VACUUM FULL signaling.outbox")
        with (self._folder / BALLAST).open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(CHUNK))
            except OSError:
                return

    def empty(self) -> None:
        """There is room again."""
        (self._folder / BALLAST).unlink(missing_ok=True)
