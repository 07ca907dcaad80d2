"""Rules for tests: wait on conditions, run always, use real things or fakes, read as sentences."""

import ast
import re
from pathlib import Path

from tests.house.sources import found, read, tree, written
from tools import correctness

TESTS = written(".py", below="tests/")
BROWSER = written(".ts", ".tsx", below="web/")


def test_nobody_sleeps_in_a_test() -> None:
    """Only a loop over a condition with a deadline may sleep. `sleep(0)` lets the loop turn."""
    naps = [f"{path}:{line}" for path in TESTS for line in _naps(path)]
    assert not naps + found(TESTS, r"\bwait_for_time" + "out\\(")


def test_no_test_is_skipped() -> None:
    words = "|".join(["pytest\\.sk" + "ip", "xf" + "ail", "skip" + "if", "import" + "orskip"])
    assert not found(TESTS, rf"\b({words})\b")
    assert not found(BROWSER, r"\b(it|test|describe)\.(skip|todo|only)\b")


def test_nothing_is_patched() -> None:
    words = "|".join(["mock\\.pat" + "ch", "Magic" + "Mock", "monkeypatch\\.seta" + "ttr", "vi\\.mo" + "ck"])
    assert not found(TESTS + BROWSER, rf"\b({words})\b")


def test_tests_are_sentences() -> None:
    """At least two words: what happens, not the name of a function."""
    short = [
        f"{path}:{node.lineno} {node.name}"
        for path in TESTS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and len(node.name.split("_")) < 3
    ]
    assert not short


def test_warnings_are_errors() -> None:
    assert 'filterwarnings = ["error"]' in read(Path("pyproject.toml"))


def test_every_property_of_a_call_has_a_test_that_bears_its_number() -> None:
    """The properties are those of docs/correctness.md."""
    shown = correctness.found()
    assert set(shown) == set(correctness.PROPERTIES)
    assert set(correctness.mutants()) <= set(correctness.PROPERTIES)


def _naps(path: Path) -> list[int]:
    """The lines of sleeps that stand in no loop with a deadline in the same function."""
    good: set[int] = set()
    for function in ast.walk(tree(path)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            if re.search(r"\b(deadline|timeout|monotonic|within)\b", ast.unparse(function)):
                loops = [node for node in ast.walk(function) if isinstance(node, ast.While | ast.For)]
                good |= {line for loop in loops for line in _sleeps(loop)}
    return sorted(set(_sleeps(tree(path))) - good)


def _sleeps(node: ast.AST) -> list[int]:
    calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
    return [
        call.lineno for call in calls if re.fullmatch(r"(time|asyncio)\.sleep\((?!0\)).*", ast.unparse(call))
    ]
