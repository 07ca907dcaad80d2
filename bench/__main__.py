"""`make bench`: cost per call, ring latency, memory; prints a table and writes bench/results/latest.json."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import uvloop

from bench import measure, report
from bench.measure import Sample
from bench.silence import blocks
from bench.town import installation, people
from bench.verdicts import BUDGET, budgeted, verdicts
from tests.servers import scratch

PAIRS = 32
BLOCKED_PAIRS, BLOCKS = 10, 200


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--lines", type=int, default=1000, help="idle lines whose memory is measured")
    parser.add_argument("--judged", action="store_true", help="only verdicts and blocks")
    parser.add_argument("--quick", action="store_true", help="one short repetition, to see that it runs")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.repetitions, chosen.seconds, chosen.lines = 1, 2.0, 100
    return chosen


async def one_process(
    folder: Path, chosen: argparse.Namespace
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The measurements with all services in one process, and what is not per call."""
    runs: dict[str, list[Sample]] = {}
    async with installation(folder, 0) as topology, people(topology) as town:
        idle_kib, idle_ms = await measure.idle(topology, town, chosen.lines)
        single, triple = await town.pairs(PAIRS), await town.pairs(PAIRS, devices=3)
        await measure.saturated(topology, single, chosen.seconds / 2)  # warm
        for _ in range(chosen.repetitions):
            for name, work in (
                ("saturated, 1 device", measure.saturated(topology, single, chosen.seconds)),
                ("saturated, 3 devices", measure.saturated(topology, triple, chosen.seconds)),
                ("light, 1 device", measure.light(topology, single, chosen.seconds)),
                ("light, 3 devices", measure.light(topology, triple, chosen.seconds)),
                ("saturated, with media reports", measure.saturated(topology, single, chosen.seconds, True)),
            ):
                runs.setdefault(name, []).append(await work)
        callees = [pair.devices[0] for pair in single]
        await town.open_to_all(callees)
        runs["saturated, cold pairs"] = [
            await measure.cold(topology, [pair.caller for pair in triple], callees)
        ]
        hits = await measure.buffer_hits(topology)
    shown = [report.samples(name, found) for name, found in runs.items()]
    return shown, {
        "kb_per_idle_line": round(idle_kib, 1),
        "idle_cpu_ms_per_s": round(idle_ms, 1),
        "cache_hit_ratio": round(hits, 4),
    }


async def process_per_service(folder: Path, chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """The budget of each room: one process of every service."""
    runs: dict[str, list[Sample]] = {}
    async with installation(folder, 1) as topology, people(topology) as town:
        pairs = await town.pairs(PAIRS)
        await measure.saturated(topology, pairs, chosen.seconds / 2)  # warm
        for _ in range(chosen.repetitions):
            for name, work in (
                ("saturated, a process per service", measure.saturated(topology, pairs, chosen.seconds)),
                ("light, a process per service", measure.light(topology, pairs, chosen.seconds)),
            ):
                runs.setdefault(name, []).append(await work)
    return [report.samples(name, found) for name, found in runs.items()]


async def judged(folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """What a verdict costs, and how soon a block is silence; kept as results/judged.json too."""
    async with installation(folder / "plain", 1) as topology, people(topology) as town:
        figures = await verdicts(topology, await town.pairs(PAIRS))
    async with installation(folder / "counted", 2, BUDGET) as topology, people(topology) as town:
        friends, strangers = await town.pairs(PAIRS), await town.pairs(2 * PAIRS, acquainted=False)
        figures |= await budgeted(topology, friends, strangers)
        pairs = await town.pairs(BLOCKED_PAIRS, devices=3)
        await town.open_to_all([pair.devices[0] for pair in pairs])
        rounds = BLOCKS // 10 if chosen.quick else BLOCKS
        figures |= await blocks(topology.gateways, pairs, friends, rounds)
    report.write(figures, "judged")
    return figures


def key_figures(measurements: list[dict[str, Any]], rest: dict[str, Any]) -> dict[str, Any]:
    """The figures that are followed from release to release."""
    by_name = {one["name"]: one for one in measurements}
    light = by_name["light, 1 device"]
    return {
        "call_ms_saturated_1_device": by_name["saturated, 1 device"]["call_ms"]["median"],
        "call_ms_saturated_3_devices": by_name["saturated, 3 devices"]["call_ms"]["median"],
        "call_ms_light_1_device": light["call_ms"]["median"],
        "ring_p50_ms": light["ring_p50_ms"]["median"],
        "ring_p99_ms": light["ring_p99_ms"]["median"],
        "fsync": True,
    } | rest


async def bench(chosen: argparse.Namespace) -> int:
    """Measures everything; answers how many calls failed."""
    with scratch("ringline-bench-") as folder:
        for name in ("one", "split", "plain", "counted"):
            (folder / name).mkdir(mode=0o711)
        rest = await judged(folder, chosen)
        if chosen.judged:
            report.show([], rest)
            return int(rest["block_failed"])
        measurements, more = await one_process(folder / "one", chosen)
        measurements += await process_per_service(folder / "split", chosen)
    figures = key_figures(measurements, more | rest)
    conditions = {
        "repetitions": chosen.repetitions,
        "seconds": chosen.seconds,
        "pairs": PAIRS,
        "rate_light": measure.RATE,
        "pairs_are_warm": "all but 'saturated, cold pairs', in which no pair has called before",
        "pinned": (os.cpu_count() or 1) > 1,
    }
    path = report.write(figures | {"conditions": conditions, "measurements": measurements})
    report.show(measurements, figures)
    print(f"written to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return int(rest["block_failed"]) + sum(int(one["failed"]) for one in measurements)


def main() -> None:
    """Runs the bench."""
    failed = uvloop.run(bench(arguments()))
    if failed:
        sys.exit(f"bench: {failed} calls failed")


if __name__ == "__main__":
    main()
