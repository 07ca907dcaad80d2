"""A rule, and how rules are looked at: one after the other, each with a step in the trace."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ringline.v1 import policy_pb2
from ringline.v1.reasons_pb2 import Reason

ADMITS, REFUSES, LIMITS = "admits", "refuses", "limits"


class Rule(NamedTuple):
    """One rule: what follows where it holds. Without a reason, a refusal is unheard rather than said."""

    name: str
    effect: str
    holds: Callable[[Any], bool]
    reason: Reason.ValueType | None = None


NOTHING = Rule("", "", lambda case: False)
"""Where no rule settles it."""


def look(rules: Iterable[Rule], case: object, trace: list[policy_pb2.TraceStep]) -> Rule:
    """Looks at one rule after the other and adds each to the trace, up to the one that settles it; NOTHING
    where none does. A limit settles nothing.
    """
    for rule in rules:
        held = rule.holds(case)
        trace.append(_step(rule.name, held, rule.effect))
        if held and rule.effect != LIMITS:
            return rule
    return NOTHING


# Each step is made once: a trace of a dozen would otherwise be most of the cost of a verdict.
@functools.cache
def _step(rule: str, held: bool, effect: str) -> policy_pb2.TraceStep:
    return policy_pb2.TraceStep(rule=rule, held=held, effect=effect)
