"""The orders of a revision, compiled. Which revision is in force is always asked; what belongs to one never
changes, and is kept.
"""

from services.policy.operator_rules import Malformed, RuleSet, read
from services.policy.operator_store import OperatorStore
from services.policy.operator_word import NONE, Orders, Standing


class OrderBook:
    """What the last revision that was asked for left in force."""

    def __init__(self, store: OperatorStore) -> None:
        self._store = store
        self._orders = NONE

    async def at(self, revision: int) -> Orders:
        """The orders of a revision; 0 where there was never one."""
        if revision != self._orders.revision:
            found = await self._store.at(revision)
            live, shadow = await self._standing(found.live), await self._standing(found.shadow)
            self._orders = Orders(revision, live, shadow, found.off)
        return self._orders

    async def _standing(self, version: int) -> Standing | None:
        if not version:
            return None
        for kept in (self._orders.live, self._orders.shadow):
            if kept is not None and kept.version == version:
                return kept
        return Standing(version, _read(await self._store.text(version) or ""))


def _read(text: str) -> RuleSet | None:
    """The compiled text; None where it is none in this release: then the rules fail closed."""
    try:
        return read(text)
    except Malformed:
        return None
