"""What a process tells about itself: every figure of ours, from the objects that are counted with.

Histograms are looked up as three series, counters as one: `series()` says which names a query may use.
"""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

ROOT = Path(__file__).resolve().parent.parent
KINDS: dict[type[Any], str] = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}


@dataclass(frozen=True)
class Figure:
    """One metric: where it is counted, its name as it is scraped, and its labels."""

    module: str
    name: str
    kind: str
    says: str
    labels: tuple[str, ...]

    def series(self) -> dict[str, set[str]]:
        """The names under which it is scraped, each with its labels."""
        labels = set(self.labels)
        if self.kind != "histogram":
            return {self.name: labels}
        return {
            f"{self.name}_bucket": labels | {"le"},
            f"{self.name}_sum": labels,
            f"{self.name}_count": labels,
        }


def figures() -> list[Figure]:
    """Every metric of ours, by name."""
    found = {figure.name: figure for module in _modules() for figure in _of(module)}
    return [found[name] for name in sorted(found)]


def series() -> dict[str, set[str]]:
    """Every name that is scraped, with its labels; those that Prometheus adds are not among them."""
    return {name: labels for figure in figures() for name, labels in figure.series().items()}


def page(note: str) -> str:
    """docs/metrics.md."""
    lines = [
        "# Metrics",
        "",
        note,
        "Each process serves its own at `/metrics` (`RINGLINE_METRICS_PORT`), as Prometheus reads it.",
        "No label has a person, a call, a device or an address as its value: what a label can say is",
        "a word of the program, so that the number of series does not rise with the number of users.",
        "",
        "| metric | kind | labels | what it says | counted in |",
        "|---|---|---|---|---|",
    ]
    for one in figures():
        labels = ", ".join(f"`{label}`" for label in one.labels)
        where = one.module.replace(".", "/") + ".py"
        lines.append(f"| `{one.name}` | {one.kind} | {labels} | {one.says} | `{where}` |")
    return "\n".join(lines) + "\n"


def _modules() -> Iterator[str]:
    for folder in ("ringline", "services"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if re.search(
                r"\bfrom prometheus_client import .*\b(Counter|Gauge|Histogram)\b", path.read_text()
            ):
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _of(module: str) -> Iterator[Figure]:
    """The metrics that a module makes. The client tells labels nowhere but in what it keeps for itself."""
    for value in vars(importlib.import_module(module)).values():
        kind = next((kind for cls, kind in KINDS.items() if isinstance(value, cls)), None)
        if kind is None:
            continue
        (told,) = value.describe()
        name = told.name + ("_total" if kind == "counter" else "")
        yield Figure(module, name, kind, told.documentation, tuple(value._labelnames))
