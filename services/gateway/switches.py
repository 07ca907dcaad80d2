"""What the operator has switched off, as policy says: asked when it matters, and known for a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ringline.refusal import Refusal
from ringline.telemetry import log
from ringline.v1.operator_pb2 import Feature, GetSwitchesRequest
from ringline.v1.reasons_pb2 import Reason

if TYPE_CHECKING:  # the class is in the stub file only
    from ringline.v1.policy_pb2_grpc import PolicyAsyncStub

KNOWN_SECONDS = 2.0
"""An answer holds so long; a switch is to be felt everywhere within five seconds."""
ASK_SECONDS = 1.0
"""What policy gets. Where it does not answer, what was known last holds: features do not hang on policy."""
REFUSED = {
    Feature.FEATURE_SEARCH: (Reason.REASON_UNAVAILABLE, "Search is switched off.", 60.0),
    Feature.FEATURE_SIGN_UP: (Reason.REASON_SIGN_UP_CLOSED, "", None),
}


class Switches:
    """The switches, as known here."""

    def __init__(self, policy: PolicyAsyncStub, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._off: frozenset[Feature.ValueType] = frozenset()
        self._until = -KNOWN_SECONDS
        self._asking = asyncio.Lock()

    async def check(self, feature: Feature.ValueType) -> None:
        """Raises Refusal where the feature is switched off."""
        if feature in await self.off():
            reason, sentence, retry_after = REFUSED[feature]
            raise Refusal(reason, sentence, retry_after)

    async def off(self) -> frozenset[Feature.ValueType]:
        """What is switched off."""
        async with self._asking:
            if self._clock() >= self._until:
                await self._ask()
        return self._off

    async def _ask(self) -> None:
        try:
            answer = await self._policy.GetSwitches(GetSwitchesRequest(), timeout=ASK_SECONDS)
            self._off = frozenset(answer.off)
        except Refusal as refusal:
            log(__name__).warning("switches not known anew", reason=refusal.name)
        self._until = self._clock() + KNOWN_SECONDS
