"""Whatever the bytes: every parser answers with a value or a Refusal, soon, and takes little memory."""

import subprocess
import sys
from base64 import urlsafe_b64encode
from random import Random
from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hostile import fuzz
from tests.hostile.parsers import BIG, PARSERS, SLOW_SECONDS, Found, Parser, outcome_of, tried, weighed
from tests.hostile.spoil import NASTY, noise, spoilt

GUIDED = ("http",)
"""Those that the fuzzer itself is let loose on in `make test`; the campaign has all."""
GUIDED_RUNS = 1_000


@pytest.mark.parametrize("name", PARSERS)
def test_no_bytes_break_a_parser(name: str) -> None:
    good = PARSERS[name].good

    @settings(settings.get_profile("hostile"))
    @given(
        st.one_of(
            st.binary(max_size=400),
            st.builds(lambda seed, one: spoilt(Random(seed), one), st.integers(0), st.sampled_from(good)),
            st.builds(lambda seed: noise(Random(seed)), st.integers(0)),
        )
    )
    def tries(data: bytes) -> None:
        outcome_of(name, data)

    tries()
    for data in (*good, *NASTY, b"", bytes(65_536), b"[" * 65_536):
        outcome_of(name, data)


@pytest.mark.parametrize("name", PARSERS)
def test_no_parser_takes_much_memory(name: str) -> None:
    dice = Random(name)
    for data in (*PARSERS[name].good, *(spoilt(dice, dice.choice(PARSERS[name].good)) for _ in range(10))):
        weighed(PARSERS[name].parse, data)


@pytest.mark.parametrize("depth", [1_100, 3_000, 5_900])
def test_a_header_of_nothing_but_brackets_is_no_token(depth: int) -> None:
    for head in (b"[" * depth, b'{"alg":' + b"[" * depth):
        token = urlsafe_b64encode(head).rstrip(b"=")
        assert outcome_of("token", token) == outcome_of("token", token + b".AA.AA") == "token_invalid"
        assert outcome_of("signed-ticket", token + b".AA.AA") == "ticket_invalid"


@pytest.mark.parametrize("name", GUIDED)
def test_a_guided_fuzzer_finds_nothing_in_a_short_time(name: str) -> None:
    words = [sys.executable, "-m", "tests.hostile.fuzz", name, "--seed", "7", "--runs", str(GUIDED_RUNS)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-2000:]
    assert f"runs={GUIDED_RUNS}" in ended.stdout


# ------------------------------------------------------------ the judges can fail


def _breaks(data: bytes) -> object:
    return data.index(b"\0")


def _dawdles(data: bytes) -> object:
    end = thread_time() + SLOW_SECONDS * 1.1
    while thread_time() < end:
        pass
    return None


def _hoards(data: bytes) -> object:
    return bytes(BIG + 1)


def test_what_breaks_a_parser_is_found_with_its_bytes() -> None:
    runs = fuzz.Runs("broken", 10)
    PARSERS["broken"] = Parser(_breaks, (b"\0",))
    try:
        runs.one(b"\0")
        with pytest.raises(ValueError, match="not found"):
            runs.one(b"abc")
    finally:
        del PARSERS["broken"]
    assert runs.told().startswith("broken broken: ValueError of 616263")


def test_a_parser_that_dawdles_or_hoards_is_found() -> None:
    with pytest.raises(Found, match="of the processor"):
        tried(_dawdles, b"")
    with pytest.raises(Found, match="of memory"):
        weighed(_hoards, b"")
