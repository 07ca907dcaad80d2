"""What two people do with calls, told with nothing but the Python client, so that the client of another
release can tell it too: `PYTHONPATH=<its tree> python stories.py http://gateway-1 http://gateway-2`.
"""

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable, Sequence

import httpx

from ringline.client import Api, Call, DeviceKey, Phone

PATIENCE = 10.0

Story = Callable[[Phone, Phone], Awaitable[None]]


async def ringing(ada: Phone, bob: Phone) -> tuple[Call, Call]:
    """Ada calls Bob, and it rings."""
    call = await ada.place("@" + bob.session.username, within=PATIENCE)
    ring = await bob.rings(PATIENCE)
    assert ring.call_id == call.call_id, "a ring of another call"
    await call.until("ringing", within=PATIENCE)
    return call, ring


async def talking(ada: Phone, bob: Phone) -> tuple[Call, Call]:
    """Ada calls Bob, he answers, both describe, and media flows."""
    call, ring = await ringing(ada, bob)
    await ring.answer(audio=True, offer=b"offer", candidates=[b"1"], within=PATIENCE)
    offer = await call.until_described(within=PATIENCE)
    assert offer.body == b"offer"
    await call.describe(b"answer", answers=offer.generation, candidates=[b"2"])
    assert (await ring.until_described(within=PATIENCE)).body == b"answer"
    await ring.add_candidates([b"3"])
    assert b"3" in await call.until_candidates(2, within=PATIENCE)
    await asyncio.gather(call.report("flowing"), ring.report("flowing"))
    await asyncio.gather(*(one.until("connected", within=PATIENCE) for one in (call, ring)))
    return call, ring


async def hangs_up(ada: Phone, bob: Phone) -> None:
    """They talk, the camera goes on and off, and the callee hangs up."""
    call, ring = await talking(ada, bob)
    await call.set_media(audio=True, video=True)
    await ring.until(where=lambda it: it.view.peer_sends.video, within=PATIENCE)
    await call.set_media(audio=True, video=False)
    await ring.until(where=lambda it: not it.view.peer_sends.video, within=PATIENCE)
    await ring.hang_up()
    await call.until(ended="hung_up", within=PATIENCE)


async def declines(ada: Phone, bob: Phone) -> None:
    """He does not want to."""
    call, ring = await ringing(ada, bob)
    await ring.decline()
    await call.until(ended="declined", within=PATIENCE)


async def cancels(ada: Phone, bob: Phone) -> None:
    """She gives up, and he has missed it."""
    call, ring = await ringing(ada, bob)
    await call.hang_up()
    await ring.until(ended="cancelled", within=PATIENCE)
    await bob.until(lambda phone: is_missed(phone, call.call_id), 3 * PATIENCE)


async def connects_anew(ada: Phone, bob: Phone) -> None:
    """Each loses the line while they talk, and the call is still there."""
    call, ring = await talking(ada, bob)
    for phone in (ada, bob):
        await phone.reconnect(PATIENCE)
    assert (call.phase, ring.phase) == ("connected", "connected")
    assert call.view.here and ring.view.here
    await call.hang_up()
    await ring.until(ended="hung_up", within=PATIENCE)


async def rings_where_it_comes_back(ada: Phone, bob: Phone) -> None:
    """The callee connects anew while it rings, and answers there."""
    call, ring = await ringing(ada, bob)
    await bob.reconnect(PATIENCE)
    assert ring.rings
    await ring.answer(offer=b"offer", within=PATIENCE)
    await call.until_described(within=PATIENCE)
    await call.hang_up()
    await ring.until(ended="hung_up", within=PATIENCE)


STORIES: tuple[Story, ...] = (hangs_up, declines, cancels, connects_anew, rings_where_it_comes_back)


def is_missed(phone: Phone, call_id: str) -> bool:
    """Whether a phone was told that it missed a call."""
    return any(entry.call.missed and entry.call.call_id == call_id for entry in phone.inbox.added)


async def tell_all(ada: Phone, bob: Phone) -> None:
    """Every story, each way."""
    for story in STORIES:
        await story(ada, bob)
        await story(bob, ada)


async def person(http: httpx.AsyncClient, name: str, gateways: Sequence[str]) -> Phone:
    """A new account with a phone at the first of the gateways."""
    api, password = Api(gateways, http), secrets.token_urlsafe(12)
    username = f"{name}_" + "".join(secrets.choice("bcdfghjkpqtvxz") for _ in range(8))
    await api.sign_up(username, password)
    session = await api.sign_in(username, password, DeviceKey())
    return await Phone(session, gateways, least_ring_ms=1_000).connect(PATIENCE)


async def main(gateways: Sequence[str]) -> None:
    """Tells all stories between two people on different gateways, where there are two."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        ada = await person(http, "ada", gateways)
        bob = await person(http, "bob", [*gateways[1:], gateways[0]])
        await ada.session.add_contact(bob.session.username)
        await bob.session.add_contact(ada.session.username)
        await tell_all(ada, bob)
        await asyncio.gather(ada.close(), bob.close())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
