"""The file of rules: what changes there becomes the live rule set, without a restart and without a word.

Each replica watches its own file, as a ConfigMap or a mount brings it, and goes by what *it* sees change:
where files are renewed one machine after the other, a replica that still sees the old one changes nothing
back. Whoever sees the new text first puts it; for the others it is no news any more. A file that was in
force before is no news for a process that has just begun either, so that a version rolled back to by hand
outlives a restart.

A file that does not hold is in the history, with its line and the reason, and the old rules stay. One that is
just being written holds more often than not: an empty one allows everything. So a text counts when two looks
have seen it.
"""

import asyncio
from pathlib import Path

from prometheus_client import Counter

from ringline.refusal import Refusal
from ringline.telemetry import log
from services.policy.operator_rules import MOST_BYTES, Malformed, check, digest
from services.policy.operator_store import OperatorStore, Who

SECONDS = 0.25
"""Between two looks at the file; a change is to be in force within a second."""
FILES = Counter("ringline_operator_files_total", "Rule files that this process was first to see.", ["fate"])
LONGEST_REASON = 500
WHO = Who("file", "")


class RuleFile:
    """One file, watched."""

    def __init__(self, path: Path, store: OperatorStore) -> None:
        self._path = path
        self._store = store
        self._seen: str | None = None
        self._glanced: str | None = None

    async def run(self) -> None:
        """Watches for ever."""
        while True:
            try:
                await self.glance()
            except Refusal as refusal:
                log(__name__).warning("rules cannot be stored", reason=refusal.name)
            await asyncio.sleep(SECONDS)

    async def glance(self) -> None:
        """Takes the file where it changed and nobody is writing it any more. Raises as `look`."""
        text = await asyncio.to_thread(self._read)
        if text == self._glanced:
            await self._take(text)
        self._glanced = text

    async def look(self) -> None:
        """Takes the file where it changed. Raises Refusal(UNAVAILABLE); then the next look takes it."""
        await self._take(await asyncio.to_thread(self._read))

    async def _take(self, text: str | None) -> None:
        if text is None or text == self._seen:
            return
        refused = _refused(text)
        is_first = self._seen is None
        revision = await self._store.take_file(text, WHO, refused, is_first)
        is_old = revision is None and is_first and digest(text) != (await self._store.newest()).file_digest
        self._seen = text
        if is_old:
            FILES.labels("old").inc()
            log(__name__).warning("rules file was in force before and is not taken: use its version")
        if revision is None:
            return
        FILES.labels("refused" if refused else "taken").inc()
        if refused:
            log(__name__).warning("rules file refused: see the history", revision=revision)

    def _read(self) -> str | None:
        """The text; None where there is no file: a mount that is away takes no rules away."""
        try:
            with self._path.open("rb") as file:
                return file.read(MOST_BYTES + 1).decode()
        except OSError:
            return None
        except UnicodeDecodeError:
            return "\0"


def _refused(text: str) -> str:
    """Why a text is no rule set; "" where it is one."""
    try:
        check(text)
    except Malformed as malformed:
        return str(malformed)[:LONGEST_REASON]
    return ""
