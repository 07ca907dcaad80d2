"""Carries what the shadow found to the database, once a second; nobody waits for it."""

import asyncio

from ringline.refusal import Refusal
from ringline.telemetry import log
from services.policy.operator_store import OperatorStore, Sample
from services.policy.operator_word import Words

SECONDS = 1.0


class ShadowReport:
    """What the shadow found in this process, on its way."""

    def __init__(self, words: Words, store: OperatorStore) -> None:
        self._words = words
        self._store = store

    async def run(self) -> None:
        """Carries for ever. What cannot be carried is lost: it is counted again soon enough."""
        while True:
            await asyncio.sleep(SECONDS)
            try:
                await self.carry()
            except Refusal as refusal:
                log(__name__).warning("shadow cannot be stored", reason=refusal.name)

    async def carry(self) -> None:
        """Notes what was found since the last time. Raises Refusal(UNAVAILABLE)."""
        tally, samples = self._words.take()
        for version in sorted({version for version, *_ in tally}):
            counts = {(kind, allows): count for (of, kind, allows), count in tally.items() if of == version}
            kept = [Sample(*one) for one in samples.get(version, ())]
            await self._store.add(version, counts, kept)
