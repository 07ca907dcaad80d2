"""Who calls in the cluster of the tests: people who talk meanwhile, and friends who call one another."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from ringline.client import Call, Phone
from ringline.refusal import Refusal
from tests.chaos.media import Stream
from tests.deploy.cluster.cluster import Cluster, within_network
from tests.suite.people import PATIENCE, People, at
from tests.suite.traffic import OF_SERVERS


@dataclass
class Cast:
    """Two people who talk, and pairs of friends who call one another."""

    people: People
    ada: Phone
    bob: Phone
    pairs: list[tuple[Phone, Phone]]

    @property
    def phones(self) -> list[Phone]:
        """Everybody's."""
        return [self.ada, self.bob, *(phone for pair in self.pairs for phone in pair)]


async def friends(people: People, within: float = PATIENCE * 3) -> list[Phone]:
    """Two of them, who try again where a process that just began is not quick enough, as clients do."""
    deadline = time.monotonic() + within
    while True:
        try:
            return await people.friends("ada", "bob")
        except Refusal as refusal:
            if refusal.reason not in OF_SERVERS or time.monotonic() > deadline:
                raise


@asynccontextmanager
async def callers(running: Cluster, pairs: int) -> AsyncIterator[Cast]:
    """Everybody, by the Service of the gateways, from where the ingress controller is."""
    with within_network(running.outside):
        async with httpx.AsyncClient(trust_env=False, timeout=10.0) as http:
            people = People([f"http://{running.service('gateway')}:8080"], http)
            # One pair after another: passwords are made as in production, two at a time.
            (ada, bob), *others = [await friends(people) for _ in range(pairs + 1)]
            yield Cast(people, ada, bob, [(eve, flo) for eve, flo in others])
            await people.close()


@asynccontextmanager
async def talking(cast: Cast) -> AsyncIterator[tuple[Call, Call]]:
    """A call in which packets flow both ways, and that goes on, whatever is done meanwhile."""
    ada, bob = cast.ada, cast.bob
    await asyncio.gather(ada.until_connected(PATIENCE), bob.until_connected(PATIENCE))
    call = await ada.place(at(bob), within=PATIENCE)
    ring = await bob.rings(PATIENCE)
    ours, theirs = await Stream.open(), await Stream.open()
    try:
        await ring.answer(offer=theirs.description, within=PATIENCE)
        offer = await call.until_described(within=PATIENCE)
        ours.send_to(offer.body)
        await call.describe(ours.description, answers=offer.generation)
        theirs.send_to((await ring.until_described(within=PATIENCE)).body)
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(ours.flows.wait(), theirs.flows.wait())
        await asyncio.gather(call.report("flowing"), ring.report("flowing"))
        await asyncio.gather(*(one.until("connected", within=PATIENCE) for one in (call, ring)))
        yield call, ring
        await asyncio.gather(*(phone.until_connected(PATIENCE) for phone in (ada, bob)))
        assert (call.phase, ring.phase) == ("connected", "connected")
        await see_each_other(call, ring)
        await call.hang_up()
        await ring.until(ended="hung_up", within=PATIENCE)
    finally:
        ours.close()
        theirs.close()


async def see_each_other(call: Call, ring: Call) -> None:
    """The caller turns his camera on and off again, and the callee is told both."""
    await call.set_media(audio=True, video=True)
    await ring.until(where=lambda it: it.view.peer_sends.video, within=PATIENCE)
    await call.set_media(audio=True, video=False)
    await ring.until(where=lambda it: not it.view.peer_sends.video, within=PATIENCE)
