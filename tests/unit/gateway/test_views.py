"""What one line still needs to see."""

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.views import REMEMBERED, Views


def test_a_line_never_sees_a_version_twice_or_go_back() -> None:
    views = Views()
    assert views.takes("c_1", 3, live=True)
    assert not views.takes("c_1", 3, live=True)
    assert not views.takes("c_1", 2, live=True)
    assert views.takes("c_1", 4, live=True)
    assert views.version("c_1") == 4


def test_a_frame_without_version_is_always_needed() -> None:
    views = Views()
    views.takes("c_1", 9, live=True)
    assert views.takes("c_1", 0, live=True)
    assert views.takes("", 0, live=False)
    assert list(views.live()) == [("c_1", 9)]


def test_an_ended_call_is_no_longer_held_for_live_but_remembered() -> None:
    views = Views()
    views.takes("c_1", 1, live=True)
    assert views
    views.takes("c_1", 2, live=False)
    assert not views
    assert not views.takes("c_1", 1, live=True)


def test_candidates_after_a_gap_are_shown_but_the_gap_stays_known() -> None:
    """The whole view that a comparison brings afterwards must not be taken for old."""
    views = Views()
    views.takes("c_1", 5, live=True)
    assert views.takes("c_1", 6, live=True, is_whole=False)
    assert views.takes("c_1", 8, live=True, is_whole=False)
    assert views.version("c_1") == 6
    assert views.takes("c_1", 8, live=True)


def test_a_comparison_ends_what_signaling_does_not_know() -> None:
    views = Views()
    views.takes("c_1", 1, live=True)
    views.takes("c_2", 1, live=True)
    views.settle([("c_1", 1), ("c_2", 1)], frozenset({"c_2"}))
    assert list(views.live()) == [("c_2", 1)]


def test_a_call_that_moved_on_during_the_comparison_is_not_ended_by_it() -> None:
    views = Views()
    views.takes("c_1", 1, live=True)
    held = list(views.live())
    views.takes("c_1", 2, live=True)
    views.settle(held, frozenset())
    assert list(views.live()) == [("c_1", 2)]


def test_live_calls_are_never_forgotten() -> None:
    views = Views()
    views.takes("c_live", 1, live=True)
    for number in range(3 * REMEMBERED):
        views.takes(f"c_{number}", 1, live=False)
    assert list(views.live()) == [("c_live", 1)]
    assert views.version("c_0") == 0
    assert views.version(f"c_{3 * REMEMBERED - 1}") == 1


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans(), st.booleans())))
def test_whole_views_that_are_shown_only_ever_rise(frames: list[tuple[int, bool, bool]]) -> None:
    views, shown = Views(), 0
    for version, live, is_whole in frames:
        if views.takes("c_1", version, live, is_whole) and is_whole:
            assert version > shown
            shown = version
            assert bool(views) == live
