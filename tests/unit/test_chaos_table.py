"""The table of chaos counts a call in its fault, rounds are added up, and the weather is as asked for."""

import asyncio
import os
import random
from dataclasses import replace
from pathlib import Path

from bench.report import commit
from tests.chaos import whole
from tests.chaos.books import CALL, LAPTOP, good, unanswered
from tests.chaos.clocks import Clocks
from tests.chaos.disk import Disk
from tests.chaos.faults import Fault, Plan
from tests.chaos.finding import GHOST, LOST, WRONG, Finding
from tests.chaos.installation import Installation, lay_out
from tests.chaos.passage import RETRANSMISSION_SECONDS, Weather
from tests.chaos.run import OTHERS, Outcome, bugs
from tests.chaos.servers import Database, cluster
from tests.chaos.story import Injection, Story
from tests.chaos.table import QUIET, Line, is_good, last_line, lines
from tests.servers import Process, until

STORY = Story([good()], [Injection("kill -9 signaling", 0.5, 4.0), Injection("SIGTERM nats", 5.0, 6.0)])


def test_a_call_counts_in_the_fault_in_which_it_was_placed() -> None:
    made = lines(STORY, [Finding(GHOST, CALL, 5.5, "rang on"), Finding(GHOST, CALL, 5.6, "on another one")])
    assert {name: line.calls for name, line in made.items()} == {
        "kill -9 signaling": 1,
        "SIGTERM nats": 0,
        QUIET: 0,
    }
    assert made["kill -9 signaling"].ring_ms == [200] and made["kill -9 signaling"].p99() == 200
    assert made["SIGTERM nats"].found == {GHOST: 1}
    assert {line.silent for line in made.values()} == {0}
    assert not is_good(list(made.values())) and is_good(list(lines(STORY, []).values()))


def test_the_last_line_sums_up_and_what_was_not_injected_says_so() -> None:
    story = Story(STORY.books, [Injection("clock set back", 0.5, 0.5, "no library")])
    rows = list(lines(story, [Finding(LOST, CALL, 1.0, "gone")]).values())
    assert last_line(rows) == "calls=1 faults=0 lost=1 duplicates=0 ghosts=0 wrongly_ended=0"
    assert rows[0].cells()[:3] == ["clock set back", "not injected: no library", "0"]


def test_the_whole_goes_on_where_it_was_and_begins_anew_with_other_code(tmp_path: Path) -> None:
    state, result = tmp_path / "progress.json", tmp_path / "chaos.json"
    begun = whole.load(state)
    assert begun.wish().seed == whole.FIRST_SEED and not begun.is_whole
    begun.add(Outcome(replace(STORY, figures={"seconds_to_drain": 3}), [], 60.0))
    begun.add(
        Outcome(replace(STORY, figures={"seconds_to_drain": 2}), [Finding(WRONG, CALL, 1.0, "ended")], 60.0)
    )
    whole.save(begun, state)
    whole.publish(begun, result)
    again = whole.load(state)
    assert again.commits == [commit()] and again.figures["seconds_to_drain"] == 3
    assert (again.rounds, again.wish().seed) == (2, whole.FIRST_SEED + 2)
    assert again.failed_seeds == [whole.FIRST_SEED + 1]
    assert last_line(again.lines()) == "calls=2 faults=4 lost=0 duplicates=0 ghosts=0 wrongly_ended=1"
    again.code = "another"
    whole.save(again, state)
    assert whole.load(state).rounds == 0


def an_installation(folder: Path) -> Installation:
    """One that is laid out, of which nothing runs."""
    base, nodes = Database(folder / "postgres", "x"), cluster(folder)
    made = Installation(folder, base, nodes, Clocks(folder / "c"), Disk(folder / "d"), random.Random(1))
    lay_out(made, {})
    return made


async def nothing() -> str:
    """A fault that has its effect at once."""
    return ""


def test_there_are_as_many_other_faults_as_rounds_count_on(tmp_path: Path) -> None:
    others = Plan(an_installation(tmp_path), nothing, 1, is_quick=True).others()
    assert len(others) == len({one.name for one in others}) == OTHERS


def test_every_other_fault_has_its_turn() -> None:
    begun = whole.Whole("code", [])
    seen = set()
    for _ in range(OTHERS):
        wish = begun.wish()
        seen |= {(wish.others_from + step) % OTHERS for step in range(wish.others)}
        begun.rounds += 1
    assert seen == set(range(OTHERS))


def test_lines_of_several_rounds_are_added_up() -> None:
    line = Line("kill -9 nats")
    line.add(Line("kill -9 nats", 1, 3, {LOST: 1}, [5, 7]))
    line.add(Line("kill -9 nats", 0, 0, {}, [], "no library"))
    assert (line.times, line.calls, line.found, line.ring_ms, line.why_not) == (1, 3, {LOST: 1}, [5, 7], "")


# ------------------------------------------------------------ the weather


def test_a_share_of_the_chunks_is_late_by_retransmissions_and_all_by_the_delay() -> None:
    weather = Weather(random.Random(1))
    assert weather.lateness() == 0.0
    weather.set(delay_s=0.3, loss=0.1)
    late = [weather.lateness() for _ in range(10_000)]
    assert min(late) == 0.3
    lost = [one for one in late if one > 0.3]
    assert 900 < len(lost) < 1_100
    assert 80 < sum(one > 0.31 + RETRANSMISSION_SECONDS for one in late) < 120, "a retransmission is lost too"
    assert weather.held == 10_000


async def test_what_a_cut_holds_back_is_counted_and_fine_weather_holds_nothing() -> None:
    weather = Weather(random.Random(1))
    await weather.until_open(there=True)
    assert (weather.lateness(), weather.held) == (0.0, 0)
    weather.set(there=True)
    waiting = asyncio.create_task(weather.until_open(there=True))
    await weather.until_open(there=False)
    await until(lambda: weather.held == 1, 5.0, lambda: "nothing is held")
    weather.set()
    await waiting
    assert weather.held == 1


async def test_a_fault_that_had_no_effect_is_not_counted(tmp_path: Path) -> None:
    made = an_installation(tmp_path)

    async def in_vain() -> str:
        return "nothing passed"

    injection = await Plan(made, nothing, 1, is_quick=True).inject(Fault("a cut", in_vain))
    assert injection.why_not == "nothing passed"
    assert lines(Story([good()], [injection]), [])["a cut"].times == 0


async def test_a_process_that_ends_by_itself_or_badly_is_a_trouble(tmp_path: Path) -> None:
    made = an_installation(tmp_path)
    bad, fine = (
        Process(name, ["sh", "-c", f"exit {status}"], {"PATH": os.environ["PATH"]}, tmp_path / name).start()
        for name, status in (("bad", 3), ("fine", 0))
    )
    await made.must_stop(fine)
    assert made.troubles == []
    await made.must_stop(bad)
    made.must_run(bad.name, bad.runs)
    assert [what for _, what in made.troubles] == [
        "bad was asked to stop and ended with 3",
        "bad ended by itself",
    ]


def test_a_bug_that_a_process_logged_is_found_with_its_time(tmp_path: Path) -> None:
    log = tmp_path / "log"
    said = '{"where":"outbox","event":"bug","fault":"KeyError","timestamp":"2026-01-01T00:00:%02dZ"}\n'
    log.write_text(said % 1 + '{"event":"started"}\n' + said % 6)
    [(first, what), (second, _)] = bugs(Process("signaling-1", [], {}, log))
    assert what == "signaling-1 logged a bug: outbox KeyError"
    assert round(second - first) == 5


def test_a_call_that_did_not_ring_has_a_column_of_its_own() -> None:
    book = good()
    unanswered(book, "no_answer", [])
    book.history.saw = [one for one in book.history.saw if one.line == LAPTOP]
    line = lines(Story([book], []), [])[QUIET]
    assert (line.calls, line.silent, line.ring_ms) == (1, 1, [])
    line.add(line)
    assert line.silent == 2 and line.cells()[-2:] == ["2", "–"]
