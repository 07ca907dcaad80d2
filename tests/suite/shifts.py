"""By how much one series of times is later than another, plainly: no assumption but that pairs are pairs.

Times are taken in pairs, one of each kind in the same round, in random order: what slows the machine slows
both. Of the differences the median is what is looked at, with an interval that covers the true one at the
confidence said (order statistics of the binomial distribution), and Wilcoxon's signed ranks for the question
whether there is a difference at all.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

MISSES = 0.01
"""How often an interval may miss the truth."""


class Shift(NamedTuple):
    """By how much the second of a pair is later, in the unit of the times."""

    pairs: int
    median: float
    low: float
    high: float
    p: float
    """How likely such ranks are where there is no difference."""


def shift_of(differences: Sequence[float]) -> Shift:
    """The shift, from differences within pairs. With too few pairs for an interval it is without ends."""
    ordered = sorted(differences)
    count = len(ordered)
    cut = _cut(count)
    low, high = (ordered[cut - 1], ordered[count - cut]) if cut else (-math.inf, math.inf)
    middle = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    return Shift(count, middle, low, high, signed_ranks(differences))


def _cut(count: int) -> int:
    """How many of the smallest and largest differences lie outside the interval, and one: 0 where none."""
    tail, cut = 0.0, 0
    for number in range(count // 2):
        tail += math.comb(count, number) / 2**count
        if 2 * tail > MISSES:
            break
        cut = number + 1
    return cut


def signed_ranks(differences: Sequence[float]) -> float:
    """Wilcoxon's two-sided p by the normal approximation; ties share their ranks."""
    ranked = sorted((one for one in differences if one), key=abs)
    count = len(ranked)
    if not count:
        return 1.0
    positive, first = 0.0, 0
    while first < count:
        last = first
        while last + 1 < count and abs(ranked[last + 1]) == abs(ranked[first]):
            last += 1
        rank = (first + last) / 2 + 1
        positive += rank * sum(one > 0 for one in ranked[first : last + 1])
        first = last + 1
    mean, spread = count * (count + 1) / 4, math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
    return math.erfc(abs(positive - mean) / spread / math.sqrt(2))
