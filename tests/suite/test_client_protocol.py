"""docs/client-protocol.md is true: what it says is sent as it stands there, and answered as it says."""

import httpx
import pytest

from tests.suite.replay import Replay, for_all, steps
from tests.suite.topology import ROOT, Topology

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = ROOT / "docs/client-protocol.md"
TOLD = list(for_all(steps(PAGE.read_text())))
FEWEST_STEPS = 100
"""Should the blocks no longer be found, this says so."""


async def test_the_page_of_the_client_protocol_can_be_replayed(topology: Topology) -> None:
    assert len(TOLD) >= FEWEST_STEPS
    async with httpx.AsyncClient(trust_env=False, timeout=10.0) as http:
        replay = Replay(topology.gateways, http)
        try:
            for step in TOLD:
                try:
                    await replay.take(step)
                except AssertionError as problem:
                    where = f"{PAGE.name}, block at line {step.line}"
                    raise AssertionError(f"{where}\n{step.text}\n{problem}") from problem
        finally:
            await replay.close()
    assert replay.taken == len(TOLD)
