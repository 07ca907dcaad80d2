"""The operator's switches, as they are felt at the gateways."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ringline.refusal import Refusal
from ringline.v1 import operator_pb2, policy_pb2_grpc
from ringline.v1.operator_pb2 import Feature
from ringline.wire import open_channel
from tests.service.gateway.conftest import Alone
from tests.service.gateway.town import PASSWORD, Town


async def switch(town: Town, feature: Feature.ValueType, off: bool) -> None:
    """Switches a feature, as the operator does."""
    async with open_channel(town.nodes[0].addresses("policy"), "operator") as channel:
        request = operator_pb2.SetSwitchRequest(feature=feature, off=off, by="grace")
        await policy_pb2_grpc.PolicyStub(channel).SetSwitch(request)


async def until(answers: Callable[[], Awaitable[int]], status: int) -> None:
    """Waits until a request is answered with a status; a switch is felt within five seconds."""
    async with asyncio.timeout(5.0):
        while await answers() != status:  # noqa: ASYNC110 - another process has to be asked
            await asyncio.sleep(0.05)


async def test_search_and_sign_up_are_switched_off_and_on_at_every_gateway(alone: Alone) -> None:
    async with alone(count=2) as town:
        people = {url: await town.person("ada", number) for number, url in enumerate(town.urls)}

        async def search(url: str) -> int:
            try:
                await people[url].ask("GET", "/v1/users?query=ad")
            except Refusal as refusal:
                return refusal.status
            return 200

        async def sign_up(url: str) -> int:
            body = {"username": town.name("bob"), "password": PASSWORD}
            return (await town.http.post(f"{url}/v1/accounts", json=body)).status_code

        for url in town.urls:
            assert (await search(url), await sign_up(url)) == (200, 201)
        for is_off, searched, signed_up in ((True, 503, 403), (False, 200, 201)):
            await switch(town, Feature.FEATURE_SEARCH, is_off)
            await switch(town, Feature.FEATURE_SIGN_UP, is_off)
            for url in town.urls:
                await until(lambda url=url: search(url), searched)  # type: ignore[misc]
                await until(lambda url=url: sign_up(url), signed_up)  # type: ignore[misc]
                config = (await town.http.get(f"{url}/v1/config")).json()
                assert config["sign_up"] == ("closed" if is_off else "open")


async def test_buttons_follow_the_switch_of_video(alone: Alone) -> None:
    async with alone() as town:
        ada = await town.person("ada")
        await switch(town, Feature.FEATURE_VIDEO, off=True)
        assert await ada.entitlement() == {"place_audio": True, "place_video": False}
        await switch(town, Feature.FEATURE_VIDEO, off=False)
        assert await ada.entitlement() == {"place_audio": True, "place_video": True}
