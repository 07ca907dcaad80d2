"""Metrics: named by Prometheus' conventions, and with labels that say words of the program."""

import re

import pytest

from tools import metrics

WORDS = frozenset(
    "act allows answered codec durable ending fact fate from kind method outcome path phase place reason "
    "role route service status stream to verb what where".split()
)
"""What a label may be about: things of which the program knows all. Nobody's id, name or address."""
NO_COUNTERS = re.compile(r"_(total|count|sum|bucket)$")


@pytest.mark.parametrize("figure", metrics.figures(), ids=lambda figure: figure.name)
def test_a_metric_is_named_as_prometheus_wants_it(figure: metrics.Figure) -> None:
    assert re.fullmatch(r"ringline(_[a-z]+)+", figure.name)
    assert figure.says.endswith(".")
    if figure.kind == "counter":
        assert figure.name.endswith("_total")
    else:
        assert not NO_COUNTERS.search(figure.name)
    if figure.kind == "histogram":
        assert re.search(r"_(seconds|ratio|bytes)$", figure.name), "a histogram has a unit"


@pytest.mark.parametrize("figure", metrics.figures(), ids=lambda figure: figure.name)
def test_a_label_is_about_what_the_program_knows_all_of(figure: metrics.Figure) -> None:
    assert set(figure.labels) <= WORDS
    assert len(figure.labels) <= 3


def test_every_counter_of_ours_is_in_the_list() -> None:
    """None is made inside of a function, where the list does not see it."""
    made = 0
    for folder in ("ringline", "services"):
        for path in (metrics.ROOT / folder).rglob("*.py"):
            made += len(re.findall(r"\b(?:Counter|Gauge|Histogram)\(\s*\"", path.read_text()))
    assert made == len(metrics.figures())
