"""Figures tell what happened, and nothing of whom it happened to."""

import asyncio
import re
import shutil
import subprocess
from collections import Counter

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ringline import ids
from tests.suite.people import PATIENCE, Stage, at, talk
from tests.suite.test_threads import PROJECTED, told
from tests.suite.topology import Topology
from tools import metrics

pytestmark = pytest.mark.asyncio(loop_scope="session")
MOST_SERIES = 400
"""Of one metric in one process, buckets not counted: so many words there are, whatever people do."""
WORD = re.compile(r"[A-Za-z0-9_./{}:\- ]{1,64}")


async def pages(topology: Topology) -> list[str]:
    """What each process tells."""
    async with httpx.AsyncClient(trust_env=False, timeout=10.0) as http:
        logs = [process.log_since(0) for process in topology.everything()]
        ports = [re.findall(r'"metrics":(\d+)', log)[-1] for log in logs]
        answers = await asyncio.gather(*(http.get(f"http://127.0.0.1:{port}/metrics") for port in ports))
    return [answer.text for answer in answers]


async def sums(topology: Topology) -> Counter[str]:
    """Every series of ours, as Prometheus would write it, added up over all processes."""
    found: Counter[str] = Counter()
    for page in await pages(topology):
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                labels = ",".join(f'{key}="{text}"' for key, text in sorted(sample.labels.items()))
                found[sample.name + (f"{{{labels}}}" if labels else "")] += sample.value  # type: ignore[assignment]
    return found


async def test_what_happens_is_counted_once_whichever_process_does_it(
    stage: Stage, topology: Topology
) -> None:
    ada, bob = await stage.friends("ada", "bob")
    before = await sums(topology)
    missed = await ada.place(at(bob))
    await bob.rings(PATIENCE)
    await missed.until("ringing", within=PATIENCE)
    await missed.hang_up()
    await told(bob, missed)
    call, ring = await talk(bob, ada, slowly=True)
    await call.set_media(audio=True, video=True)
    await call.hang_up()
    await told(bob, call)
    expected = {
        'ringline_call_facts_total{fact="call_placed"}': 2,
        'ringline_call_facts_total{fact="call_answered"}': 1,
        'ringline_call_facts_total{fact="call_ended"}': 2,
        'ringline_calls_ended_total{answered="no",ending="cancelled",kind="audio"}': 1,
        'ringline_calls_ended_total{answered="yes",ending="hung_up",kind="audio"}': 1,
        "ringline_call_ring_seconds_count": 2,
        "ringline_call_connect_seconds_count": 1,
        "ringline_call_talk_seconds_count": 1,
        'ringline_call_toggles_total{kind="video",to="on"}': 1,
        'ringline_commands_total{outcome="done",verb="place"}': 2,
        'ringline_command_seconds_count{verb="answer"}': 1,
        'ringline_verdicts_total{act="place",outcome="admitted"}': 2,
        "ringline_missed_calls_total": 1,
        "ringline_missed_calls_returned_total": 1,
    }
    counted: dict[str, float] = {}
    try:
        async with asyncio.timeout(PROJECTED):
            while counted != expected:
                after = await sums(topology)
                counted = {name: after[name] - before[name] for name in expected}
                await asyncio.sleep(0.2)
    except TimeoutError:
        pass
    assert counted == expected


async def test_figures_have_words_as_labels_and_stay_few(stage: Stage, topology: Topology) -> None:
    """After all the stories before, with all their people, devices, calls and refusals."""
    ada, bob = await stage.friends("ada", "bob")
    call, _ = await talk(ada, bob)
    await call.hang_up()
    async with httpx.AsyncClient(trust_env=False, base_url=topology.gateways[0]) as http:
        for number in range(20):
            await http.request(f"MADE{number}UP"[:3] + "E", f"/v1/{ids.mint_user()}")
            await http.get(f"/v1/users/nobody_{number}")
    names = {ada.session.username, bob.session.username, ada.session.user_id, call.call_id}
    known = metrics.series()
    for page in await pages(topology):
        assert not [name for name in names if name in page]
        series: Counter[str] = Counter()
        for family in text_string_to_metric_families(page):
            for sample in (one for one in family.samples if one.name.startswith("ringline_")):
                if sample.name.endswith("_created"):
                    continue
                assert set(sample.labels) == known[sample.name], sample.name
                for text in (text for key, text in sample.labels.items() if key != "le"):
                    assert WORD.fullmatch(text) and not ids.is_id(text), (sample.name, text)
                series[sample.name] += int("le" not in sample.labels)
        assert max(series.values()) < MOST_SERIES, series.most_common(3)


async def test_prometheus_finds_nothing_wrong_with_a_page(topology: Topology) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is in Debian's package prometheus"
    for page in await pages(topology):
        ours = "\n".join(line for line in page.splitlines() if "ringline_" in line) + "\n"
        checked = await asyncio.to_thread(
            subprocess.run, [promtool, "check", "metrics"], input=ours, capture_output=True, text=True
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
