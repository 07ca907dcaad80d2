"""What one line has seen of its calls: which frames it needs, which calls it holds for live. Pure."""

from collections.abc import Iterable, Iterator

REMEMBERED = 64
"""Calls of which a line remembers the version; live ones are never forgotten."""


class Views:
    """The versions that a line has seen. An idle line has seen nothing and costs nothing."""

    __slots__ = ("_seen", "_live")

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._live: set[str] = set()

    def __bool__(self) -> bool:
        """Whether there is a live call."""
        return bool(self._live)

    def takes(self, call_id: str, version: int, live: bool, is_whole: bool = True) -> bool:
        """Whether the line needs a frame about this version of a call, which it then has seen.

        A frame without version is always needed. A lower or equal version than the one seen is not: views
        never go back. A frame that is not the whole view (`is_whole`), and that skips a version, is needed,
        but the version counts as not seen, so that the next comparison brings the whole.
        """
        if not call_id or not version:
            return True
        seen = self._seen.get(call_id, 0)
        if version <= seen:
            return False
        if is_whole or version == seen + 1:
            self._see(call_id, version, live)
        return True

    def version(self, call_id: str) -> int:
        """The version that the line has seen; 0 where it knows nothing of the call."""
        return self._seen.get(call_id, 0)

    def live(self) -> Iterator[tuple[str, int]]:
        """The calls that the line holds for live, with the versions it has seen."""
        return ((call_id, self._seen[call_id]) for call_id in self._live)

    def settle(self, held: Iterable[tuple[str, int]], live: frozenset[str]) -> int:
        """After a comparison: of the calls that were `held` at these versions only those in `live` go on.
        Answers how many do not.
        """
        before = len(self._live)
        for call_id, version in held:
            if call_id not in live and self._seen.get(call_id) == version:
                self._live.discard(call_id)
        return before - len(self._live)

    def _see(self, call_id: str, version: int, live: bool) -> None:
        self._seen.pop(call_id, None)
        self._seen[call_id] = version
        if live:
            self._live.add(call_id)
        else:
            self._live.discard(call_id)
        if len(self._seen) > REMEMBERED:
            oldest = next((one for one in self._seen if one not in self._live), None)
            if oldest is not None:
                del self._seen[oldest]
