"""Profiles of people whom a service names by id."""

import asyncio
from collections.abc import Iterable

from ringline.refusal import Refusal
from ringline.v1 import directory_pb2
from ringline.v1.reasons_pb2 import Reason
from services.gateway import shapes
from services.gateway.edge import Edge

AT_ONCE = 8
"""Accounts of a list that are asked for at the same time."""


async def profiles_of(edge: Edge, user_ids: Iterable[str]) -> dict[str, shapes.Profile]:
    """The profiles of these users, in their order, each once; who is not there any more is left out."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def profile(user_id: str) -> shapes.Profile | None:
        async with gate:
            try:
                found = await edge.directory.GetAccount(directory_pb2.GetAccountRequest(user_id=user_id))
            except Refusal as refusal:
                if refusal.reason == Reason.REASON_USER_NOT_FOUND:
                    return None
                raise
            return shapes.profile(found.account.profile)

    wanted = list(dict.fromkeys(user_ids))
    found = await asyncio.gather(*(profile(user_id) for user_id in wanted))
    return {user_id: one for user_id, one in zip(wanted, found, strict=True) if one is not None}
