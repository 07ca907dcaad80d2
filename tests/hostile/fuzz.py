"""One parser, fed by a fuzzer until it has had enough or something breaks:
`python -m tests.hostile.fuzz token --seed 1 --runs 100000`. Prints "runs=N outcomes={…}", or what broke with
the bytes that did it, and then 1 is the exit status.

The fuzzer is atheris (libFuzzer), guided by which lines of our own code it reaches; where that is not there
(on other machines than x86-64, for which it has no wheel), seeded changes of good inputs take its place.
"""

import argparse
import contextlib
import importlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

from tests.hostile.spoil import noise, spoilt

LONGEST = 20_000
MOST_SHOWN = 4_000
EVERY = 500
"""One input in so many is weighed too: that is slow."""
OURS = ("services.gateway", "services.directory", "services.conversations", "ringline")
THEIRS = ("websockets", "joserfc", "urllib", "ipaddress", "json")
"""Whose branches are looked at: ours, and of the libraries those that read what we hand them."""


class Runs:
    """What came of the inputs so far. `broken` is empty until one breaks the parser."""

    def __init__(self, name: str, most: int) -> None:
        self.name = name
        self.most = most
        self.done = 0
        self.outcomes: Counter[str] = Counter()
        self.broken = ""

    def one(self, data: bytes) -> None:
        """Tries one input. Raises what the parser raised."""
        from tests.hostile import parsers

        parser = parsers.PARSERS[self.name]
        self.done += 1
        try:
            self.outcomes[parsers.outcome_of(self.name, data)] += 1
            if self.done % EVERY == 0:
                parsers.weighed(parser.parse, data)
        except BaseException as error:
            self.broken = f"{self.name}: {type(error).__name__} of {data.hex()[:MOST_SHOWN]}: {error}"
            raise

    def told(self) -> str:
        """The last line."""
        if self.broken:
            return f"broken {self.broken}"
        return f"runs={self.done} outcomes={json.dumps(dict(self.outcomes))}"


def main(words: list[str]) -> int:
    """Feeds the parser that is named."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile.fuzz")
    parser.add_argument("parser")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=10_000)
    asked = parser.parse_args(words)
    runs = Runs(asked.parser, asked.runs)
    if importlib.util.find_spec("atheris") is None:
        return _unguided(runs, asked.seed)
    return _guided(runs, asked.seed)


def _unguided(runs: Runs, seed: int) -> int:
    from tests.hostile.parsers import PARSERS

    dice = Random(seed)
    good = PARSERS[runs.name].good
    while runs.done < runs.most and not runs.broken:
        with contextlib.suppress(Exception):  # it is in `broken`
            runs.one(spoilt(dice, dice.choice(good)) if dice.random() < 0.9 else noise(dice))
    print(runs.told(), flush=True)
    return int(bool(runs.broken))


def _guided(runs: Runs, seed: int) -> int:
    import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

    with atheris.instrument_imports(include=[*OURS, *THEIRS]):
        parsers = importlib.import_module("tests.hostile.parsers")

    folder = tempfile.mkdtemp(prefix="ringline-fuzz-")

    def one(data: bytes) -> None:
        with contextlib.suppress(BaseException):  # it is in `broken`
            runs.one(data)
        if runs.broken or runs.done >= runs.most:
            # libFuzzer ends the process as it likes: what is to be said and done is said and done before.
            print(runs.told(), flush=True)
            shutil.rmtree(folder)
            os._exit(int(bool(runs.broken)))

    dice = Random(seed)
    good = parsers.PARSERS[runs.name].good
    for number, data in enumerate((*good, *(spoilt(dice, dice.choice(good)) for _ in range(50)))):
        (Path(folder) / f"{number:03}").write_bytes(data[:LONGEST])
    options = (f"-seed={seed}", f"-max_len={LONGEST}", "-runs=-1", "-verbosity=0", "-len_control=0")
    atheris.Setup([sys.argv[0], *options, folder], one)
    atheris.Fuzz()
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
