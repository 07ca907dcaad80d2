"""`python -m bench.spam`: what the ring budget keeps away, and whom it gets in the way of. Writes
bench/results/spam.json.

A town of honest people, spammers and one attacker with a thousand accounts lives some days in virtual time
(bench/spam_town.py) on the budget that policy uses. Nothing is measured in seconds of this machine: the same
seed has the same result on every other one.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import report
from bench.spam_town import Enemies, Foes, Found, Habits, People, Town
from services.policy.ringing import MINUTE, Limits

RESULT = Path(__file__).parent / "results" / "spam.json"
WITHOUT = Limits(places=0, pair=0, strangers=0, rings=0, rings_a_day=0, declined_ms=0, new_ms=0)


def live(size: int, days: int, seed: int, limits: Limits, foes: Foes | None = None) -> dict[str, Any]:
    """Lets a town live so many days; what became of it."""
    town = Town(size, days, seed, limits, Habits(), foes or Foes())
    people = People(town)
    people.begin()
    enemies = Enemies(town, people)
    enemies.begin()
    return summary(town.run(), people, enemies, days)


def summary(found: Found, people: People, enemies: Enemies, days: int) -> dict[str, Any]:
    """The figures of the targets (product.md), and what stands behind them."""
    honest, victims = set(people.names), set(enemies.victims)
    attempts, refused = sum(found.attempts.values()), sum(found.refused.values())
    groups: dict[str, dict[str, Any]] = {}
    for group, count in sorted(found.attempts.items()):
        by = {budget: n for (one, budget), n in sorted(found.refused.items()) if one == group}
        groups[group] = {"attempts": count, "refused": sum(by.values()), "by": by}
    unwanted = {who: times for who, times in found.rings.items() if who in honest}
    return {
        "honest": {"attempts": attempts, "refused": refused, "share": refused / attempts, "groups": groups},
        "spammer_reaches_a_day": spread(_reached(found, enemies.spammers, honest)),
        "account_reaches_a_day": spread(_reached(found, enemies.accounts, honest)),
        "victim_rings_10_min": {
            "most": max((most(times) for times in unwanted.values()), default=0),
            "most_talks_included": max((most(found.all_rings[who]) for who in victims), default=0),
        },
        "victim_rings_a_day": spread([len(unwanted.get(who, ())) / days for who in enemies.victims]),
        "others_rings_a_day": spread([len(unwanted.get(who, ())) / days for who in honest - victims]),
    }


def _reached(found: Found, foes: Iterable[str], honest: set[str]) -> list[float]:
    """How many honest strangers each of them reached on each day on which he reached somebody."""
    days: defaultdict[str, list[float]] = defaultdict(list)
    for (foe, _), reached in found.reached.items():
        days[foe].append(len(reached & honest))
    return [count for foe in foes for count in days[foe]]


def most(times: Sequence[int], span: int = 10 * MINUTE) -> int:
    """How many of these times, which come in order, lie within one such span at most."""
    first, found = 0, 0
    for n, at in enumerate(times):
        while at - times[first] >= span:
            first += 1
        found = max(found, n - first + 1)
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    """Mean, 99 % and most of some values; zeros where there are none."""
    ordered = sorted(values) or [0.0]
    at = min(len(ordered) - 1, len(ordered) * 99 // 100)
    return {
        "mean": round(sum(ordered) / len(ordered), 2),
        "p99": round(ordered[at], 2),
        "most": round(ordered[-1], 2),
    }


def main() -> None:
    """Runs it, with and without the budget, and keeps what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    result = {
        "at": datetime.now(UTC).date().isoformat(),
        "commit": report.commit(),
        "size": given.size,
        "days": given.days,
        "seed": given.seed,
        "foes": vars(Foes()),
        "with": live(given.size, given.days, given.seed, Limits()),
    }
    print(json.dumps(result, indent=2))
    if given.size == parser.get_default("size"):
        RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
