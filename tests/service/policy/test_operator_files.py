"""Rules that come by a file: what changes there is in force, once, whichever replica sees it first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from ringline.config import NodeSettings
from ringline.db import Database
from services.policy.operator_file import RuleFile
from services.policy.operator_store import OperatorStore, Who
from services.policy.settings import Settings as PolicySettings
from tests.service.policy.conftest import People, Policy, Verdicts, attempt, outcome
from tests.service.policy.test_operator import NOBODY, PLUS, friends, history, rules, until

GRACE = Who("grace", "")


@pytest.fixture
async def store(settings: NodeSettings) -> AsyncIterator[OperatorStore]:
    """The tables, without a process that watches anything."""
    database = await Database.of(settings, "policy").open()
    yield OperatorStore(database)
    await database.close()


async def whats(store: OperatorStore) -> list[str]:
    """What was done, oldest first."""
    return [change.what for change in reversed(await store.changes(50))]


async def test_what_one_replica_has_taken_is_no_news_for_the_others(
    tmp_path: Path, store: OperatorStore
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    one, other = RuleFile(here, store), RuleFile(there, store)
    await one.look()
    for file in (here, there):
        file.write_text(PLUS)
    await one.look()
    await other.look()
    here.write_text(NOBODY)
    for replica in (one, other, one, other):
        await replica.look()
    assert (await store.newest()).live == 2, "who still sees the old file changes nothing back"
    there.write_text(NOBODY)
    await other.look()
    assert await whats(store) == ["file", "file"]
    here.write_text(PLUS)
    await one.look()
    assert ((await store.newest()).live, await whats(store)) == (1, ["file"] * 3)


async def test_a_file_that_does_not_hold_is_in_the_history_and_the_old_rules_stay(
    tmp_path: Path, store: OperatorStore
) -> None:
    path = tmp_path / "rules.toml"
    one, other = RuleFile(path, store), RuleFile(path, store)
    for bad, said in [
        (PLUS + "[[rule]", "Line 6: No TOML"),
        (PLUS.replace("tier", "teir"), "Line 4: plus-only, for video: undeclared"),
        ("#" * 10_000, "A rule set has at most"),
        ("rule = " + "[" * 8_000, "No TOML: nested too deeply"),
    ]:
        path.write_text(PLUS)
        await one.look()
        path.write_text(bad)
        await one.look()
        await other.look()
        newest = (await store.changes(1))[0]
        assert (newest.what, newest.live) == ("file_refused", 1)
        assert newest.who.comment.startswith(said)
    path.write_bytes(b"\xff")
    await one.look()
    path.unlink()
    await one.look()
    assert (await store.newest()).live == 1
    assert (await whats(store))[-2:] == ["file_refused", "file_refused"]


async def test_a_file_that_is_just_being_written_is_not_taken(tmp_path: Path, store: OperatorStore) -> None:
    path = tmp_path / "rules.toml"
    file = RuleFile(path, store)
    path.write_text(PLUS)
    for half in (None, "", "# rules\n"):
        if half is not None:
            path.write_text(half)
            await file.glance()
            path.write_text(PLUS)
        for _ in range(2):
            await file.glance()
    assert await whats(store) == ["file"]
    path.write_text("")
    for _ in range(2):
        await file.glance()
    assert await whats(store) == ["file"] * 2


async def test_a_version_rolled_back_to_by_hand_outlives_a_restart(
    tmp_path: Path, store: OperatorStore
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(PLUS)
    await RuleFile(path, store).look()
    version, _ = await store.put(NOBODY, True, GRACE)
    running = RuleFile(path, store)
    await running.look()
    path.write_text(PLUS + "# a word more\n")
    await running.look()
    assert (await store.newest()).live == 3
    await store.use(version, True, GRACE)

    await running.look()
    await RuleFile(path, store).look()

    assert (await store.newest()).live == version
    assert await whats(store) == ["file", "put", "file", "use"]


async def test_a_process_that_begins_with_a_file_of_before_says_that_it_is_not_in_force(
    tmp_path: Path, store: OperatorStore
) -> None:
    def old() -> float:
        return REGISTRY.get_sample_value("ringline_operator_files_total", {"fate": "old"}) or 0.0

    path, before = tmp_path / "rules.toml", old()
    for text in (PLUS, NOBODY):
        path.write_text(text)
        await RuleFile(path, store).look()
        await RuleFile(path, store).look()
    assert old() == before
    path.write_text(PLUS)
    await RuleFile(path, store).look()
    assert ((await store.newest()).live, old()) == (2, before + 1)


class TestPods:
    """The same at two pods that watch."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        """The file; it is not there yet."""
        return tmp_path / "rules.toml"

    @pytest.fixture
    def budgets(self, file: Path) -> PolicySettings:
        """What the operator set."""
        return PolicySettings.load(rules_file=str(file))

    async def test_a_changed_file_is_in_force_at_every_pod(
        self, file: Path, one: Policy, other: Policy, verdicts: Verdicts, people: People
    ) -> None:
        ada, _ = await friends(people)
        video = attempt(ada, "@bob", video=True)
        assert await outcome(verdicts, video) == "admitted"

        async def is_live(version: int) -> bool:
            return (await rules(other)).live == version

        await asyncio.to_thread(file.write_text, PLUS)
        await until(lambda: is_live(1))
        assert [await outcome(verdicts, video) for _ in range(4)] == ["not_entitled_video"] * 4
        await asyncio.to_thread(file.write_text, NOBODY)
        await until(lambda: is_live(2))
        assert await outcome(verdicts, attempt(ada, "@bob")) == "not_entitled_audio"
        assert [one.what for one in await history(one)] == ["file", "file"]
