"""The batched streams: nothing that was asked is lost, and nobody waits for ever."""

import asyncio

import pytest

from ringline.asker import LOOK_SECONDS
from ringline.refusal import Refusal
from ringline.telemetry import ASKED
from ringline.v1 import policy_pb2, policy_pb2_grpc
from ringline.v1.reasons_pb2 import Reason
from tests.servers import free_port, until
from tests.service.ringline.policies import asking, attempt, policy_node


async def reaches(asker: object, streams: int) -> None:
    """Waits until the asker has so many streams."""
    await until(lambda: getattr(asker, "streams") == streams, 10, lambda: f"not {streams} streams")  # noqa: B009


async def test_everybody_gets_their_own_answer() -> None:
    async with policy_node() as (node, _), asking(node.port) as asker:
        verdicts = await asyncio.gather(*(asker.ask(attempt(f"u_{n}")) for n in range(200)))
    assert [verdict.caller.user_id for verdict in verdicts] == [f"u_{n}" for n in range(200)]


async def test_answers_come_out_of_order() -> None:
    async with policy_node() as (node, policies), asking(node.port) as asker:
        first = asyncio.create_task(asker.ask(attempt("held")))
        await until(lambda: bool(policies.held), 5, lambda: "not asked")
        assert (await asker.ask(attempt("u_2"))).outcome == policy_pb2.OUTCOME_ADMITTED
        assert not first.done()
        policies.held[0].set()
        assert (await first).caller.user_id == "held"


async def test_a_refusal_or_a_bug_hurts_only_its_own_item() -> None:
    async with policy_node() as (node, _), asking(node.port) as asker:
        results = await asyncio.gather(
            *(asker.ask(attempt(who)) for who in ("refused", "u_1", "bug")), return_exceptions=True
        )
    refused, fine, bug = results
    assert isinstance(refused, Refusal) and refused.reason == Reason.REASON_SELF
    assert isinstance(fine, policy_pb2.Verdict)
    assert isinstance(bug, Refusal) and "bug_" in bug.sentence and "ada" not in bug.sentence


async def test_no_answer_in_time_is_unavailable() -> None:
    async with policy_node() as (node, _), asking(node.port) as asker:
        with pytest.raises(Refusal) as caught:
            await asker.ask(attempt("held"), timeout=0.2)
    assert caught.value.reason == Reason.REASON_UNAVAILABLE


async def test_beyond_the_window_is_overloaded() -> None:
    async with policy_node() as (node, policies), asking(node.port, window=4) as asker:
        await reaches(asker, 1)
        held = [asyncio.create_task(asker.ask(attempt("held"))) for _ in range(4)]
        await until(lambda: len(policies.held) == 4, 5, lambda: "not asked")
        with pytest.raises(Refusal) as caught:
            await asker.ask(attempt("u_1"))
        assert caught.value.reason == Reason.REASON_OVERLOADED
        for event in policies.held:
            event.set()
        await asyncio.gather(*held)


async def test_a_question_waits_for_the_first_process() -> None:
    port = free_port()
    async with asking(port) as asker:
        waiting = asyncio.create_task(asker.ask(attempt("u_1"), timeout=8.0))
        async with policy_node(port):
            assert (await waiting).outcome == policy_pb2.OUTCOME_ADMITTED


async def test_what_was_not_answered_is_asked_of_another_process() -> None:
    async with (
        policy_node() as (one, first),
        policy_node() as (two, second),
        asking(one.port, two.port) as asker,
    ):
        await reaches(asker, 2)
        asks = [asyncio.create_task(asker.ask(attempt("held", f"u_{n}"), timeout=8.0)) for n in range(20)]
        await until(lambda: len(first.held) + len(second.held) == 20, 5, lambda: "not asked")
        assert first.held and second.held, "power of two choices uses both"
        server = one._state.server  # the only way to end it without grace
        assert server is not None
        await server.stop(None)
        await until(lambda: len(second.held) == 20, 5, lambda: "not asked again")
        for event in second.held:
            event.set()
        await asyncio.gather(*asks)
        assert sorted(second.asked) == sorted(f"u_{n}" for n in range(20))


async def test_a_draining_process_answers_what_it_has_and_gets_nothing_new() -> None:
    async with policy_node() as (two, second):
        async with policy_node() as (one, first), asking(one.port, two.port) as asker:
            await reaches(asker, 2)
            asks = [asyncio.create_task(asker.ask(attempt("held"), timeout=8.0)) for _ in range(10)]
            await until(lambda: len(first.held) + len(second.held) == 10, 5, lambda: "not asked")
            one.of("policy").draining.set()
            await reaches(asker, 1)
            asked = len(first.asked)
            await asyncio.gather(*(asker.ask(attempt()) for _ in range(20)))
            assert len(first.asked) == asked
            for event in [*first.held, *second.held]:
                event.set()
            await asyncio.gather(*asks)
            assert len(first.asked) == asked


async def test_a_process_that_comes_back_gets_a_stream_again() -> None:
    port = free_port()
    async with asking(port) as asker:
        for _ in range(2):
            async with policy_node(port):
                assert (await asker.ask(attempt(), timeout=8.0)).outcome == policy_pb2.OUTCOME_ADMITTED
            await reaches(asker, 0)


async def test_a_process_that_is_added_gets_its_share_at_the_next_look() -> None:
    """As a pod does whose address has come to stand for the name of its service."""
    async with policy_node() as (one, first), policy_node() as (two, second):
        ports = [one.port]
        async with asking(ports=ports) as asker:
            await reaches(asker, 1)
            ports.append(two.port)
            await until(lambda: asker.streams == 2, LOOK_SECONDS + 10, lambda: "not found")
            count = _counted("policy.Decide")
            asks = [asyncio.create_task(asker.ask(attempt("held"), timeout=8.0)) for _ in range(40)]
            await until(lambda: len(first.held) + len(second.held) == 40, 5, lambda: "not asked")
            assert len(second.held) >= 12  # of two streams the less loaded one: about half
            assert _counted("policy.Decide") == count + 40
            for event in [*first.held, *second.held]:
                event.set()
            await asyncio.gather(*asks)


def _counted(stream: str) -> float:
    """By what signaling is scaled."""
    value: float = ASKED.labels(stream)._value.get()
    return value


async def test_a_stranger_gets_no_stream() -> None:
    async with policy_node() as (node, policies):
        asker = await node.of("conversations").asker(
            "policy",
            lambda channel: policy_pb2_grpc.PolicyStub(channel).Decide,
            lambda attempts: policy_pb2.DecideRequest(attempts=attempts),
            lambda response: response.verdicts,
        )
        with pytest.raises(Refusal):
            await asker.ask(attempt(), timeout=0.5)
        assert not policies.asked
