"""The operator's rules and switches over two pods of policy: in force at once, kept, and told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ringline.config import NodeSettings
from ringline.refusal import Refusal
from ringline.v1 import directory_pb2, operator_pb2, policy_pb2
from ringline.v1.operator_pb2 import Feature, RulePlace
from services.policy.operator_store import OperatorStore, Sample, Samples
from tests.service.pods import owner
from tests.service.policy.conftest import EVERYONE, People, Policy, Verdicts, attempt, outcome
from tests.unit.policy.test_operator_word import SLOW

LIVE, SHADOW = RulePlace.RULE_PLACE_LIVE, RulePlace.RULE_PLACE_SHADOW
CONTACT = directory_pb2.RELATION_CONTACT
PATIENCE = 10.0

PLUS = """[[rule]]
name = "plus-only"
refuses = ["video"]
when = 'caller.tier != "plus"'
missing = "plus"
"""
NOBODY = """[[rule]]
name = "maintenance"
refuses = ["audio", "video"]
when = "true"
"""


async def put(policy: Policy, text: str, place: RulePlace.ValueType = LIVE, comment: str = "") -> int:
    """Puts a rule set; its version."""
    request = operator_pb2.PutRulesRequest(text=text, place=place, by="grace", comment=comment)
    return (await policy.operator.PutRules(request)).version


async def use(policy: Policy, version: int, place: RulePlace.ValueType = LIVE) -> None:
    """Lets a version stand."""
    request = operator_pb2.UseRulesRequest(version=version, place=place, by="grace")
    await policy.operator.UseRules(request)


async def rules(policy: Policy) -> operator_pb2.GetRulesResponse:
    """What is in force."""
    return await policy.operator.GetRules(operator_pb2.GetRulesRequest())


async def history(policy: Policy) -> list[operator_pb2.RuleChange]:
    """Who changed what, newest first."""
    answer = await policy.operator.ListRuleChanges(operator_pb2.ListRuleChangesRequest())
    return list(answer.changes)


async def switch(policy: Policy, feature: Feature.ValueType, off: bool) -> None:
    """Switches a feature."""
    request = operator_pb2.SetSwitchRequest(feature=feature, off=off, by="grace", comment="spam")
    await policy.operator.SetSwitch(request)


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Waits until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not await holds():  # noqa: ASYNC110 - what is waited for is in a database
            await asyncio.sleep(0.02)


async def explained(policy: Policy, wanted: policy_pb2.Attempt) -> policy_pb2.Verdict:
    """A verdict with its trace."""
    return (await policy.operator.Explain(policy_pb2.ExplainRequest(attempt=wanted))).verdict


async def friends(people: People) -> tuple[str, str]:
    """Ada, whom Bob has as a contact, and Bob."""
    ada, bob = await people.new("ada"), await people.new("bob")
    await people.relate(bob, "ada", CONTACT)
    return ada, bob


async def test_rules_are_in_force_with_the_next_attempt_at_every_pod_and_rolled_back(
    one: Policy, other: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, _ = await friends(people)
    video = attempt(ada, "@bob", video=True)
    first = await put(one, PLUS)
    assert [await outcome(verdicts, video) for _ in range(4)] == ["not_entitled_video"] * 4
    with pytest.raises(Refusal) as refused:
        await verdicts.ask(video)
    assert refused.value.missing == "plus"
    second = await put(other, NOBODY)
    assert [await outcome(verdicts, attempt(ada, "@bob")) for _ in range(4)] == ["not_entitled_audio"] * 4

    await use(one, first)

    assert [await outcome(verdicts, attempt(ada, "@bob")) for _ in range(4)] == ["admitted"] * 4
    await people.standing(ada, tier="plus")
    assert await outcome(verdicts, video) == "admitted"
    assert (first, second, (await rules(other)).live, (await rules(other)).text) == (1, 2, 1, PLUS)
    assert await put(other, NOBODY) == second, "the same text is the same version"
    await use(one, 0)
    assert await outcome(verdicts, video) == "admitted"


async def test_the_tiers_hold_without_rules_and_are_a_fact_with_them(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, _ = await friends(people)
    await one.entitle(others=(True, False))
    video = attempt(ada, "@bob", video=True)
    assert await outcome(verdicts, video) == "not_entitled_video"
    version = await put(
        one, PLUS.replace('caller.tier != "plus"', "!caller.entitled_video && caller.verified")
    )
    assert await outcome(verdicts, video) == "admitted"
    found = await one.stub.GetEntitlements(policy_pb2.GetEntitlementsRequest())
    assert found.by_rules
    await use(one, 0)
    assert await outcome(verdicts, video) == "not_entitled_video"
    trace = (await explained(one, video)).trace
    assert not [step for step in trace if step.rule.startswith(f"rules.{version}")]


async def test_a_rule_set_that_does_not_hold_is_refused_with_its_line_and_the_old_one_stays(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, _ = await friends(people)
    await put(one, PLUS)
    for text, said in [(PLUS.replace("tier", "teir"), "Line 4: plus-only"), ("[[rule]", "Line 1: No TOML")]:
        with pytest.raises(Refusal) as refused:
            await put(one, text)
        assert refused.value.name == "invalid"
        assert refused.value.sentence.startswith(said)
    assert await outcome(verdicts, attempt(ada, "@bob", video=True)) == "not_entitled_video"
    assert len(await history(one)) == 1
    for version in (2, 99):
        with pytest.raises(Refusal):
            await use(one, version)
    with pytest.raises(Refusal):
        await one.operator.PutRules(operator_pb2.PutRulesRequest(text=PLUS, place=LIVE))


async def test_the_history_says_who_did_what_and_why(one: Policy, other: Policy) -> None:
    await put(one, PLUS, comment="video costs")
    await put(other, NOBODY, SHADOW)
    await switch(one, Feature.FEATURE_SEARCH, off=True)
    await use(other, 2)

    changes = await history(one)

    told = [(one.revision, one.what, one.live, one.shadow, list(one.off)) for one in changes]
    search = [Feature.FEATURE_SEARCH]
    assert told == [
        (4, "use", 2, 0, search),
        (3, "switch", 1, 2, search),
        (2, "put", 1, 2, []),
        (1, "put", 1, 0, []),
    ]
    assert {one.by for one in changes} == {"grace"}
    assert (changes[-1].comment, changes[1].comment) == ("video costs", "spam")
    assert changes[0].at_ms >= changes[-1].at_ms > 1_600_000_000_000


async def test_the_trace_names_the_version_and_the_rule(one: Policy, people: People) -> None:
    ada, _ = await friends(people)
    await put(one, NOBODY)
    await put(one, PLUS)
    trace = (await explained(one, attempt(ada, "@bob", video=True))).trace
    assert trace[0].rule == "rules.2.plus-only" and trace[0].held
    await people.standing(ada, tier="plus")
    await people.standing((await people.new("eve")), tier="plus")
    trace = (await explained(one, attempt(ada, "@eve", video=True))).trace
    assert trace[0].rule == "rules.2" and not trace[0].held


async def test_a_rule_set_in_the_shadow_is_counted_sampled_and_promoted(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, bob = await friends(people)
    version = await put(one, PLUS, SHADOW)
    video = attempt(ada, "@bob", video=True)
    assert [await outcome(verdicts, video) for _ in range(6)] == ["admitted"] * 6
    await explained(one, video)

    async def report() -> operator_pb2.GetShadowReportResponse:
        return await one.operator.GetShadowReport(operator_pb2.GetShadowReportRequest())

    async def is_counted() -> bool:
        return (await report()).compared == 6

    await until(is_counted)
    found = await report()
    assert (found.version, found.failed) == (version, 0)
    assert {(one.kind, one.allows, one.count) for one in found.differences} == {
        ("video", False, 6),
        ("callee_video", False, 6),
    }
    assert {(one.caller_id, one.callee_id) for one in found.samples} == {(ada, bob)}
    assert len(found.samples) == 12
    await use(one, version)
    assert await outcome(verdicts, video) == "not_entitled_video"
    now = await rules(one)
    assert (now.live, now.shadow) == (version, 0)


async def test_examples_of_the_shadow_are_kept_as_long_as_verdicts(
    one: Policy, people: People, settings: NodeSettings
) -> None:
    ada, bob = await friends(people)
    version = await put(one, PLUS, SHADOW)
    db = await one.node.database("policy")
    store = OperatorStore(db)
    await store.add(version, {}, [Sample(ada, bob, kind, False) for kind in ("audio", "video")])
    async with owner(settings) as database:
        await database.execute(
            "UPDATE policy.operator_sample SET at = at - interval '30 days 1 minute' WHERE kind = 'audio'"
        )
    await Samples(db, keep_days=30).sweep()
    assert [kept.kind for kept in (await store.found(version))[1]] == ["video"]


async def test_a_shadow_that_fails_never_matters(one: Policy, verdicts: Verdicts, people: People) -> None:
    ada, _ = await friends(people)
    await put(one, PLUS.replace('caller.tier != "plus"', "1 / caller.age_days == 1"), SHADOW)
    assert await outcome(verdicts, attempt(ada, "@bob", video=True)) == "admitted"

    async def is_counted() -> bool:
        answer = await one.operator.GetShadowReport(operator_pb2.GetShadowReportRequest())
        return answer.failed == 1 and not answer.differences

    await until(is_counted)


async def test_a_rule_that_fails_leaves_audio_and_takes_video(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, _ = await friends(people)
    await put(one, NOBODY.replace('"true"', '"1 / caller.age_days == 1"'))
    assert await outcome(verdicts, attempt(ada, "@bob")) == "admitted"
    verdict = await explained(one, attempt(ada, "@bob", video=True))
    assert (verdict.outcome, verdict.refused.missing) == (policy_pb2.OUTCOME_REFUSED, "rules_failed")
    assert verdict.trace[0].rule == "rules.1.failed.maintenance"


async def test_a_really_slow_rule_set_fails_closed_at_every_pod(
    settings: NodeSettings, one: Policy, verdicts: Verdicts, people: People
) -> None:
    """No text that is accepted today is so slow: this one is of a release without bounds."""
    ada, _ = await friends(people)
    await put(one, PLUS)
    async with owner(settings) as database:
        await database.execute("UPDATE policy.operator_rules SET text = $1 WHERE version = 1", SLOW)
    await use(one, 0)
    await use(one, 1)
    video = attempt(ada, "@bob", video=True)
    assert [await outcome(verdicts, video) for _ in range(4)] == ["not_entitled_video"] * 4
    assert [await outcome(verdicts, attempt(ada, "@bob")) for _ in range(4)] == ["admitted"] * 4
    assert (await explained(one, video)).trace[0].rule.startswith("rules.1.failed")


async def test_switches_are_felt_at_every_pod_and_said(
    one: Policy, other: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, _ = await friends(people)
    eve = await people.new("eve")
    await one.allow(eve, EVERYONE)
    video, stranger = attempt(ada, "@bob", video=True), attempt(ada, "@eve")
    await switch(one, Feature.FEATURE_VIDEO, off=True)
    assert [await outcome(verdicts, video) for _ in range(4)] == ["not_entitled_video"] * 4
    await switch(other, Feature.FEATURE_STRANGERS, off=True)
    assert [await outcome(verdicts, stranger) for _ in range(4)] == ["unheard"] * 4
    assert await outcome(verdicts, attempt(ada, "@bob")) == "admitted"
    answer = await other.stub.GetSwitches(operator_pb2.GetSwitchesRequest())
    assert list(answer.off) == [Feature.FEATURE_VIDEO, Feature.FEATURE_STRANGERS]
    await switch(one, Feature.FEATURE_VIDEO, off=False)
    await switch(one, Feature.FEATURE_STRANGERS, off=False)
    assert await outcome(verdicts, video) == await outcome(verdicts, stranger) == "admitted"
    for feature in (Feature.FEATURE_UNSPECIFIED, 99):
        with pytest.raises(Refusal):
            await switch(one, feature, off=True)  # type: ignore[arg-type]
