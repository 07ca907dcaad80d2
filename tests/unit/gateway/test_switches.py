"""What a gateway knows about the operator's switches, and for how long."""

import pytest

from ringline.refusal import Refusal
from ringline.v1.operator_pb2 import Feature, GetSwitchesRequest, GetSwitchesResponse
from ringline.v1.reasons_pb2 import Reason
from services.gateway.switches import KNOWN_SECONDS, Switches

SEARCH, SIGN_UP = Feature.FEATURE_SEARCH, Feature.FEATURE_SIGN_UP


class Policy:
    """Answers what is off, or is away; counts how often it was asked."""

    def __init__(self) -> None:
        self.off: list[Feature.ValueType] = []
        self.is_away = False
        self.asked = 0
        self.now = 0.0

    async def GetSwitches(self, request: GetSwitchesRequest, **_: object) -> GetSwitchesResponse:
        """What is switched off."""
        self.asked += 1
        if self.is_away:
            raise Refusal(Reason.REASON_UNAVAILABLE)
        return GetSwitchesResponse(off=self.off)


@pytest.fixture
def policy() -> Policy:
    """Policy."""
    return Policy()


@pytest.fixture
def switches(policy: Policy) -> Switches:
    """The switches, as a gateway knows them."""
    return Switches(policy, lambda: policy.now)  # type: ignore[arg-type]


async def test_an_answer_holds_for_a_moment_and_then_the_next_one(policy: Policy, switches: Switches) -> None:
    await switches.check(SEARCH)
    policy.off = [SEARCH]
    policy.now = KNOWN_SECONDS - 0.01
    await switches.check(SEARCH)
    assert policy.asked == 1
    policy.now = KNOWN_SECONDS
    with pytest.raises(Refusal) as refused:
        await switches.check(SEARCH)
    assert (refused.value.name, policy.asked) == ("unavailable", 2)
    await switches.check(SIGN_UP)


async def test_where_policy_is_away_what_was_known_last_holds(policy: Policy, switches: Switches) -> None:
    policy.is_away = True
    await switches.check(SIGN_UP)
    policy.is_away, policy.off, policy.now = False, [SIGN_UP], KNOWN_SECONDS
    with pytest.raises(Refusal) as refused:
        await switches.check(SIGN_UP)
    assert refused.value.name == "sign_up_closed"
    policy.is_away, policy.now = True, 10 * KNOWN_SECONDS
    with pytest.raises(Refusal):
        await switches.check(SIGN_UP)
    assert policy.asked == 3
