"""What a callee says beyond audiences, over the real directory, with two pods of policy on one database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from grpc import aio

from ringline import ids
from ringline.db import Database
from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import call_settings_pb2, callee_pb2, callee_pb2_grpc, directory_pb2, policy_pb2
from tests.service.pods import channel_to
from tests.service.policy.conftest import (
    CONTACTS,
    EVERYONE,
    VERIFIED,
    People,
    Policy,
    Verdicts,
    attempt,
    outcome,
)

CONTACT = directory_pb2.RELATION_CONTACT
ALWAYS = call_settings_pb2.QuietSpan(weekdays=range(1, 8))
"""The whole of each day."""


def quiet(favourites: bool = False, repeated: bool = False) -> call_settings_pb2.QuietHours:
    """Quiet hours that never end."""
    return call_settings_pb2.QuietHours(
        spans=[ALWAYS], time_zone="Europe/Berlin", favourites=favourites, repeated_callers=repeated
    )


async def choose(pod: Policy, user_id: str, *audiences: int, **more: object) -> policy_pb2.CallSettings:
    """Sets call settings; those that hold now."""
    settings = policy_pb2.CallSettings(audiences=audiences, **more)  # type: ignore[arg-type]
    request = policy_pb2.SetCallSettingsRequest(user_id=user_id, settings=settings)
    return (await pod.stub.SetCallSettings(request)).settings


async def chosen(pod: Policy, user_id: str) -> policy_pb2.CallSettings:
    """Call settings as a pod tells them."""
    request = policy_pb2.GetCallSettingsRequest(user_id=user_id)
    return (await pod.stub.GetCallSettings(request)).settings


class Callee:
    """What the gateway asks of one pod in a callee's name."""

    def __init__(self, channel: aio.Channel) -> None:
        self.stub = callee_pb2_grpc.CalleeStub(channel)

    async def say(self, user_id: str, other: str, **words: bool) -> None:
        """Says something about one other."""
        settings = call_settings_pb2.PersonSettings(**words)
        request = callee_pb2.SetPersonSettingsRequest(user_id=user_id, other_user_id=other, settings=settings)
        await self.stub.SetPersonSettings(request)

    async def preview(self, user_id: str, *callers: object, **more: object) -> list[callee_pb2.Preview]:
        """Who could ring, by name or as a sample."""
        asked = [
            callee_pb2.PreviewCaller(username=one)
            if isinstance(one, str)
            else callee_pb2.PreviewCaller(sample=one)  # type: ignore[arg-type]
            for one in callers
        ]
        request = callee_pb2.PreviewCallsRequest(user_id=user_id, callers=asked, **more)  # type: ignore[arg-type]
        return list((await self.stub.PreviewCalls(request)).previews)


@pytest.fixture
async def callee(nodes: list[Node]) -> AsyncIterator[Callee]:
    """The second pod."""
    async with channel_to(nodes[1], "gateway") as channel:
        yield Callee(channel)


async def test_settings_that_are_not_said_stay_as_they_are_at_every_pod(
    one: Policy, other: Policy, people: People
) -> None:
    bob = await people.new("bob")
    assert not (await chosen(one, bob)).quiet_hours.spans
    whole = await choose(
        one, bob, CONTACTS, EVERYONE,
        audio_only=policy_pb2.Audiences(audiences=[EVERYONE]), must_have_messaged=True, always_relay=True,
        quiet_hours=quiet(favourites=True),
    )  # fmt: skip
    assert whole == await chosen(other, bob)
    # As clients of before send it, and as processes of before write it.
    after = await choose(other, bob, VERIFIED)
    assert list(after.audiences) == [VERIFIED]
    del whole.audiences[:], after.audiences[:]
    assert after == whole
    nothing = policy_pb2.Audiences()
    done = await choose(
        one, bob, VERIFIED, audio_only=nothing, must_have_messaged=False,
        quiet_hours=call_settings_pb2.QuietHours(),
    )  # fmt: skip
    assert done.always_relay and not done.must_have_messaged and not done.quiet_hours.spans
    assert not done.audio_only.audiences


@pytest.mark.parametrize(
    "hours",
    [
        call_settings_pb2.QuietHours(spans=[ALWAYS], time_zone="Europe/Bielefeld"),
        call_settings_pb2.QuietHours(spans=[ALWAYS], time_zone="../../etc/passwd"),
        call_settings_pb2.QuietHours(spans=[ALWAYS]),
        call_settings_pb2.QuietHours(spans=[call_settings_pb2.QuietSpan()], time_zone="UTC"),
        call_settings_pb2.QuietHours(spans=[ALWAYS] * 29, time_zone="UTC"),
        call_settings_pb2.QuietHours(
            spans=[call_settings_pb2.QuietSpan(weekdays=[1], from_minute=1440)], time_zone="UTC"
        ),
    ],
)
async def test_quiet_hours_that_make_no_sense_are_refused_and_change_nothing(
    one: Policy, people: People, hours: call_settings_pb2.QuietHours
) -> None:
    bob = await people.new("bob")
    before = await chosen(one, bob)
    with pytest.raises(Refusal) as refused:
        await choose(one, bob, EVERYONE, quiet_hours=hours)
    assert refused.value.name == "invalid"
    assert await chosen(one, bob) == before


async def test_what_is_said_about_one_person_holds_from_his_next_attempt_on_and_is_listed(
    callee: Callee, one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, eve, bob = [await people.new(name) for name in ("ada", "eve", "bob")]
    await callee.say(bob, ada, allowed=True, audio_only=True)
    verdict = await verdicts.ask(attempt(ada, bob, video=True))
    assert verdict.outcome == policy_pb2.OUTCOME_ADMITTED and verdict.audio_only and verdict.relay_only
    assert verdict.caller_may_send.video, "what the caller may know follows from the tiers alone"
    assert verdict.trace[-1].rule == "person.allowed"
    assert await outcome(verdicts, attempt(eve, bob)) == "unheard"
    await one.block(bob, ada)
    assert await outcome(verdicts, attempt(ada, bob)) == "unheard"

    await callee.say(bob, eve, favourite=True)
    listed = await callee.stub.ListPersonSettings(callee_pb2.ListPersonSettingsRequest(user_id=bob))
    assert [(one.user_id, one.settings.favourite) for one in listed.people] == [(eve, True), (ada, False)]
    reset = callee_pb2.ResetPersonSettingsRequest(user_id=bob, other_user_id=eve)
    await callee.stub.ResetPersonSettings(reset)
    await callee.say(bob, ada)
    listed = await callee.stub.ListPersonSettings(callee_pb2.ListPersonSettingsRequest(user_id=bob))
    assert not listed.people
    got = await callee.stub.GetPersonSettings(
        callee_pb2.GetPersonSettingsRequest(user_id=bob, other_user_id=ada)
    )
    assert got.settings == call_settings_pb2.PersonSettings()


async def test_strangers_must_have_written_where_the_callee_wants_it(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await choose(one, bob, EVERYONE, must_have_messaged=True)
    await people.wrote(bob, ada)
    verdict = await verdicts.ask(attempt(ada, bob))
    assert verdict.outcome == policy_pb2.OUTCOME_UNHEARD
    assert verdict.trace[-1].rule == "must_have_messaged"
    await people.wrote(ada, bob)
    assert await outcome(verdicts, attempt(ada, bob)) == "admitted"


async def test_quiet_hours_are_broken_through_by_favourites_and_by_who_tries_again_at_any_pod(
    one: Policy, callee: Callee, verdicts: Verdicts, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await people.relate(bob, "ada", CONTACT)
    await choose(one, bob, CONTACTS, quiet_hours=quiet())
    for _ in range(3):
        verdict = await verdicts.ask(attempt(ada, bob))
        assert verdict.outcome == policy_pb2.OUTCOME_UNHEARD and not verdict.device_truth
        assert verdict.trace[-1].rule == "quiet_hours"
    await callee.say(bob, ada, favourite=True)
    assert await outcome(verdicts, attempt(ada, bob)) == "unheard"
    await choose(one, bob, CONTACTS, quiet_hours=quiet(favourites=True))
    verdict = await verdicts.ask(attempt(ada, bob))
    assert verdict.trace[-1].rule == "quiet_hours.favourite" and verdict.device_truth

    cleo = await people.new("cleo")
    await people.relate(bob, "cleo", CONTACT)
    await choose(one, bob, CONTACTS, quiet_hours=quiet(repeated=True))
    await until_admitted(verdicts, cleo, bob)
    # Whom no audience admits, no patience does.
    eve = await people.new("eve")
    for _ in range(3):
        verdict = await verdicts.ask(attempt(eve, bob))
        assert verdict.trace[-1].rule == "audience.none"


async def test_an_attempt_that_is_asked_about_again_is_not_tried_again(
    one: Policy, verdicts: Verdicts, people: People
) -> None:
    """As by a stream that broke before the answer, or a command that is repeated."""
    ada, bob = await people.new("ada"), await people.new("bob")
    await people.relate(bob, "ada", CONTACT)
    await choose(one, bob, CONTACTS, quiet_hours=quiet(repeated=True))
    db: Database = await one.node.database("policy")
    first = attempt(ada, bob, call_id=ids.mint_call())
    assert await outcome(verdicts, first) == "unheard"
    await until_noted(db)

    assert [await outcome(verdicts, first) for _ in range(4)] == ["unheard"] * 4
    again = attempt(ada, bob, call_id=ids.mint_call())
    assert [await outcome(verdicts, again) for _ in range(4)] == ["admitted"] * 4


async def test_an_old_attempt_an_explanation_and_a_preview_let_nobody_through(
    one: Policy, callee: Callee, verdicts: Verdicts, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await people.relate(bob, "ada", CONTACT)
    await choose(one, bob, CONTACTS, quiet_hours=quiet(repeated=True))
    for _ in range(3):
        asked = await one.operator.Explain(policy_pb2.ExplainRequest(attempt=attempt(ada, bob)))
        assert asked.verdict.trace[-1].rule == "quiet_hours"
        (shown,) = await callee.preview(bob, "ada")
        assert (shown.rings, shown.rule) == (False, "quiet_hours")
    db: Database = await one.node.database("policy")
    assert await outcome(verdicts, attempt(ada, bob)) == "unheard"
    await until_noted(db)
    await db.execute("UPDATE quiet_attempt SET at = now() - interval '170 s'")
    (shown,) = await callee.preview(bob, "ada")
    assert shown.rule == "quiet_hours.repeated"
    await db.execute("UPDATE quiet_attempt SET at = now() - interval '181 s'")  # and is deleted some time
    asked = await one.operator.Explain(policy_pb2.ExplainRequest(attempt=attempt(ada, bob)))
    assert asked.verdict.trace[-1].rule == "quiet_hours"


async def test_a_preview_is_by_a_draft_and_at_any_time_and_keeps_nothing(
    one: Policy, callee: Callee, people: People
) -> None:
    await people.new("ada")
    bob = await people.new("bob")
    await people.relate(bob, "ada", CONTACT)
    samples = [callee_pb2.SAMPLE_CALLER_CONTACT, callee_pb2.SAMPLE_CALLER_STRANGER]
    shown = await callee.preview(bob, "@Ada", *samples)
    assert [(it.rings, it.relay, it.rule) for it in shown] == [
        (True, False, "audience.contacts"),
        (True, False, "audience.contacts"),
        (False, False, "audience.none"),
    ]
    night = call_settings_pb2.QuietSpan(weekdays=[7], from_minute=22 * 60, to_minute=7 * 60)
    draft = policy_pb2.CallSettings(
        audiences=[CONTACTS, EVERYONE],
        audio_only=policy_pb2.Audiences(audiences=[EVERYONE]),
        quiet_hours=call_settings_pb2.QuietHours(spans=[night], time_zone="Europe/Berlin"),
    )
    monday = int(datetime(2026, 3, 30, 4, 59, tzinfo=UTC).timestamp() * 1000)
    for at_ms, rule in [(monday, "quiet_hours"), (monday + 60_000, "audience.contacts")]:
        (shown_then,) = await callee.preview(bob, "ada", draft=draft, at_ms=at_ms)
        assert shown_then.rule == rule
    (stranger,) = await callee.preview(bob, samples[1], draft=draft, at_ms=monday + 60_000)
    assert stranger.rings and stranger.audio_only and stranger.relay
    assert list((await chosen(one, bob)).audiences) == [CONTACTS, policy_pb2.AUDIENCE_FOLLOWING]


async def test_a_preview_tells_nothing_that_hangs_on_the_other(
    one: Policy, callee: Callee, people: People
) -> None:
    ada, bob = await people.new("ada"), await people.new("bob")
    await people.relate(bob, "ada", CONTACT)
    (before,) = await callee.preview(bob, "ada")
    await one.block(ada, bob)
    await choose(one, ada)
    await one.entitle(others=(False, False))
    (after,) = await callee.preview(bob, "ada")
    assert after == before and after.rings
    assert not {"blocking", "not_entitled.audio"} & {step.rule for step in after.trace}
    nobody, himself = await callee.preview(bob, "nobody_there", "bob")
    names = [Refusal.from_proto(it.refused).name for it in (nobody, himself)]
    assert names == ["user_not_found", "self"]


@pytest.mark.parametrize(
    "request_",
    [
        callee_pb2.PreviewCallsRequest(user_id="bob"),
        callee_pb2.PreviewCallsRequest(user_id=ids.mint_user(), callers=[callee_pb2.PreviewCaller()]),
        callee_pb2.PreviewCallsRequest(user_id=ids.mint_user(), at_ms=-1),
        callee_pb2.PreviewCallsRequest(
            user_id=ids.mint_user(),
            callers=[callee_pb2.PreviewCaller(sample=1)] * 21,  # type: ignore[arg-type]
        ),
    ],
)
async def test_a_preview_that_makes_no_sense_is_refused(
    callee: Callee, request_: callee_pb2.PreviewCallsRequest
) -> None:
    with pytest.raises(Refusal) as refused:
        await callee.stub.PreviewCalls(request_)
    assert refused.value.name == "invalid"


async def until_noted(db: Database) -> None:
    """Waits until the one attempt is noted, which no verdict waits for."""
    async with asyncio.timeout(10):
        while not await db.fetchval("SELECT count(*) FROM quiet_attempt"):  # noqa: ASYNC110 - in a database
            await asyncio.sleep(0.02)


async def until_admitted(verdicts: Verdicts, caller: str, callee_id: str) -> None:
    """Tries until it rings: the attempt before is noted beside its verdict, a moment later."""
    seen = ["unheard"]
    assert await outcome(verdicts, attempt(caller, callee_id)) == "unheard"
    async with asyncio.timeout(10):
        while seen[-1] == "unheard":
            verdict = await verdicts.ask(attempt(caller, callee_id))
            seen.append(
                verdict.trace[-1].rule if verdict.outcome == policy_pb2.OUTCOME_ADMITTED else "unheard"
            )
    assert seen[-1] == "quiet_hours.repeated"
