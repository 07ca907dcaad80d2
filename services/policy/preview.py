"""Could this one ring me now, and why? The callee's own word (callee.py), answered to the callee.

It says nothing that hangs on the other one: neither whether he blocks the callee, nor what the operator's
rules say of him. So a preview can say *rings* of somebody who would not come through; what it promises is
that nothing of one's own stands in the way.
"""

from ringline.v1 import callee_pb2, directory_pb2, policy_pb2, types_pb2
from services.policy import callee
from services.policy.callee_store import KnownCaller
from services.policy.rules import shows_presence

SAMPLES = {
    callee_pb2.SAMPLE_CALLER_CONTACT: directory_pb2.Edges(contact=True),
    callee_pb2.SAMPLE_CALLER_FOLLOWING: directory_pb2.Edges(follows=True),
    callee_pb2.SAMPLE_CALLER_VERIFIED: directory_pb2.Edges(),
    callee_pb2.SAMPLE_CALLER_STRANGER: directory_pb2.Edges(),
}
"""How the callee is related to each sample."""


def sample(kind: callee_pb2.SampleCaller.ValueType) -> directory_pb2.PairAnswer:
    """A sample calls: it never wrote, and nobody said anything about it."""
    profile = types_pb2.Profile(verified=kind == callee_pb2.SAMPLE_CALLER_VERIFIED)
    pair = directory_pb2.PairAnswer(other_to_user=SAMPLES[kind])
    pair.user.profile.CopyFrom(profile)
    return pair


def turned(pair: directory_pb2.PairAnswer) -> directory_pb2.PairAnswer:
    """The pair as it is where the other one calls."""
    return directory_pb2.PairAnswer(
        user=pair.other,
        other=pair.user,
        other_to_user=pair.user_to_other,
        user_to_other=pair.other_to_user,
    )


def preview(
    pair: directory_pb2.PairAnswer, known: KnownCaller, settings: callee.CallSettings, at: float
) -> callee_pb2.Preview:
    """What the callee's rules say where the user of the pair calls at a moment (Unix seconds)."""
    blocks = known.blocked, False
    approach = callee.approach(pair, settings, known.choices, blocks, at, known.tried_at)
    trace: list[policy_pb2.TraceStep] = []
    word = callee.answer(approach, trace)
    is_direct = shows_presence(pair.other_to_user, known.blocked) and not word.always_relay
    return callee_pb2.Preview(
        rings=word.admitted,
        audio_only=word.audio_only,
        relay=word.admitted and not is_direct,
        rule=word.rule.name,
        trace=[
            callee_pb2.PreviewStep(rule=step.rule, held=step.held)
            for step in trace
            if step.rule != callee.BLOCKING.name
        ],
    )
