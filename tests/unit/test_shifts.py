"""The comparison of times: it sees what is there, and not what is not."""

import math
import random
from statistics import NormalDist

from tests.suite.shifts import MISSES, Shift, shift_of, signed_ranks
from tests.suite.timing import CONTROL, complaints, is_settled

NOTHING = Shift(40, 0.0003, -0.002, 0.003, 0.6)
SEEN = Shift(40, 0.020, 0.016, 0.024, 1e-7)


def noise(count: int, later: float, spread: float, seed: int) -> list[float]:
    """Differences of noisy times; some are far off, as on a machine with neighbours."""
    chance = random.Random(seed)
    return [
        later + chance.gauss(0, spread) + (chance.gauss(0, 20 * spread) if chance.random() < 0.1 else 0)
        for _ in range(count)
    ]


def test_a_shift_is_found_in_noise_and_its_interval_holds_the_truth() -> None:
    for seed in range(20):
        found = shift_of(noise(60, 0.020, 0.010, seed))
        assert found.low > 0 and found.low <= 0.020 <= found.high
        assert found.p < 1e-4


def test_where_there_is_no_shift_the_interval_misses_as_seldom_as_it_says() -> None:
    missed = 0
    for seed in range(2_000):
        found = shift_of(noise(24, 0.0, 0.010, seed))
        missed += not found.low <= 0 <= found.high
    assert missed <= 2_000 * MISSES * 1.5


def test_few_pairs_say_nothing() -> None:
    assert shift_of([0.02] * 7)[2:4] == (-math.inf, math.inf)
    assert shift_of([0.02] * 8).low == 0.02


def test_the_ranks_of_a_known_example_have_the_known_probability() -> None:
    """Nine pairs, the two smallest of them negative: the sum of positive ranks is 42 of 45."""
    differences = [-1.0, -2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    z = (42 - 22.5) / math.sqrt(9 * 10 * 19 / 24)
    assert math.isclose(signed_ranks(differences), 2 * (1 - NormalDist().cdf(z)), rel_tol=1e-9)
    assert signed_ranks([]) == signed_ranks([0.0]) == 1.0
    assert signed_ranks([1.0, -1.0]) == 1.0


def test_a_comparison_that_does_not_see_the_control_is_wrong() -> None:
    unseen = {CONTROL: SEEN._replace(low=-0.001), "blocked": NOTHING}
    assert "not seen" in complaints(unseen)[0]
    assert not is_settled(unseen)


def test_a_class_that_may_differ_as_the_control_does_is_wrong() -> None:
    assert complaints({CONTROL: SEEN, "blocked": NOTHING}) == []
    for median in (0.020, -0.020, 0.018):
        late = NOTHING._replace(median=median, low=median - 0.003, high=median + 0.003)
        (complaint,) = complaints({CONTROL: SEEN, "blocked": late, "no device": NOTHING})
        assert '"blocked"' in complaint
        assert not is_settled({CONTROL: SEEN, "blocked": late})
    half = NOTHING._replace(median=0.009, low=0.006, high=0.012)
    assert is_settled({CONTROL: SEEN, "blocked": half})
    assert not is_settled({CONTROL: SEEN, "blocked": half}, share=0.5)


def test_noise_alone_does_not_pass_for_no_difference() -> None:
    """Where the interval is wide nothing is known, and the comparison goes on."""
    wide = NOTHING._replace(low=-0.030, high=0.030)
    assert not is_settled({CONTROL: SEEN, "blocked": wide})
