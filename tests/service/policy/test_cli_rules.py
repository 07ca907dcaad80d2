"""`ringline policy rules …` and `ringline policy switch`, as the operator types them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ringline.node import Node
from tests.service.policy.conftest import People, Policy, Verdicts, attempt, outcome
from tests.service.policy.test_cli import ringline
from tests.service.policy.test_operator import NOBODY, PLUS, friends


async def test_rules_are_put_compared_promoted_rolled_back_and_told(
    tmp_path: Path, neighbours: Node, one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, _ = await friends(people)
    plus, nobody, bad = tmp_path / "plus", tmp_path / "nobody", tmp_path / "bad"
    for path, text in ((plus, PLUS), (nobody, NOBODY), (bad, PLUS.replace("tier", "teir"))):
        await asyncio.to_thread(path.write_text, text)

    async def said(*words: str) -> tuple[int, str]:
        return await ringline(neighbours, one, *words)

    by = ("--by", "grace")
    assert await said("rules", "put", str(plus), *by, "--comment", "video costs") == (
        0,
        "Version 1 is in force.",
    )
    assert await outcome(verdicts, attempt(ada, "@bob", video=True)) == "not_entitled_video"
    status, output = await said("rules", "put", str(bad), *by)
    assert (status, output.startswith("Line 4: plus-only, for video: undeclared")) == (1, True)
    assert await said("rules", "put", str(nobody), "--shadow", *by) == (0, "Version 2 stands in the shadow.")
    _, output = await said("rules", "show")
    assert output.startswith("# in force: 1; in the shadow: 2; switched off: nothing [[rule]]")
    assert (await said("rules", "shadow"))[1].startswith("version 2: 0 attempts compared")
    assert await said("rules", "use", "2", *by) == (0, "Version 2 is in force.")
    assert await outcome(verdicts, attempt(ada, "@bob")) == "not_entitled_audio"
    assert await said("rules", "use", "1", *by) == (0, "Version 1 is in force.")
    assert await said("rules", "use", "9", *by) == (1, "There is no such version.")
    assert (await said("rules", "put", str(tmp_path / "none")))[0] == 2
    _, output = await said("explain", "@ada", "@bob", "video", "--why", "ticket 7")
    assert "outcome refused (not_entitled_video: plus)" in output
    assert "rules.1.plus-only yes limits" in output
    assert await said("switch", "sign-up", "off", "--reason", "spam", *by) == (0, "sign-up is off.")
    _, output = await said("rules", "history")
    assert "grace put 1 - - video costs" in output
    assert "grace switch 1 - sign-up spam" in output
    assert await said("switch", "sign-up", "on") == (0, "sign-up is on.")
    assert await said("rules", "use", "0") == (0, "No rules are in force.")
    assert await said("rules", "drop") == (0, "No rules stand in the shadow.")
