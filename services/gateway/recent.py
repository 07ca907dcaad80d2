"""What was seen lately, by key, forgotten by number and, where wanted, by age. Pure: the time is an
argument.
"""

from collections import OrderedDict
from typing import Generic, TypeVar

KEYS = 100_000
"""Keys remembered at most; the one that was not put for longest is forgotten first."""

V = TypeVar("V")


class Recent(Generic[V]):
    """Values by key. `seconds` is how long a value counts; `keys` how many are kept."""

    def __init__(self, seconds: float = float("inf"), keys: int = KEYS) -> None:
        self._seconds = seconds
        self._keys = keys
        self._values: OrderedDict[str, tuple[float, V]] = OrderedDict()

    def get(self, key: str, now: float) -> V | None:
        """The value, if it was put less than `seconds` ago."""
        found = self._values.get(key)
        if found is None or now - found[0] >= self._seconds:
            return None
        return found[1]

    def put(self, key: str, value: V, now: float) -> None:
        """Keeps a value."""
        self._values[key] = (now, value)
        self._values.move_to_end(key)
        if len(self._values) > self._keys:
            self._values.popitem(last=False)

    def drop(self, key: str) -> None:
        """Forgets a key."""
        self._values.pop(key, None)

    def __len__(self) -> int:
        return len(self._values)
