"""REST: the address book, blocks, entitlement."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response

from ringline.v1 import blocks_pb2, directory_pb2, policy_pb2
from ringline.v1.operator_pb2 import Feature
from services.gateway import shapes
from services.gateway.auth import Caller
from services.gateway.edge import Edge, Here, Me
from services.gateway.profiles import profiles_of

BLOCK_SECONDS = 5.0
"""A block is answered when signaling has closed the gate."""

router = APIRouter(prefix="/v1", tags=["people"])


@router.get("/users/{username}")
async def look_up(edge: Here, me: Me, username: shapes.PathUsername) -> shapes.Profile:
    """Finds a user by exact username. That a name exists is public; nothing else is told."""
    return shapes.profile((await edge.resolve(me, username)).profile)


@router.get("/users")
async def search(
    edge: Here,
    me: Me,
    query: Annotated[str, Query(min_length=2, max_length=40)],
    limit: Annotated[int, Query(ge=1, le=20)] = 10,
) -> shapes.People:
    """Finds people who opted in to being found."""
    await edge.switches.check(Feature.FEATURE_SEARCH)
    edge.count_lookup(me)
    request = directory_pb2.SearchPeopleRequest(query=query, user_id=me.user_id, limit=limit)
    answer = await edge.directory.SearchPeople(request)
    return shapes.People(people=[shapes.profile(one) for one in answer.people])


After = Annotated[str, Query(max_length=200, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/me/contacts")
async def contacts(edge: Here, me: Me, after: After = "", limit: Limit = 100) -> shapes.PeoplePage:
    """The address book, by username."""
    return await _related(edge, me, directory_pb2.RELATION_CONTACT, after, limit)


@router.put("/me/contacts/{username}")
async def add_contact(edge: Here, me: Me, username: shapes.PathUsername) -> shapes.Profile:
    """Puts somebody into the address book."""
    return await _relate(edge, me, directory_pb2.RELATION_CONTACT, username, present=True)


@router.delete("/me/contacts/{username}")
async def remove_contact(edge: Here, me: Me, username: shapes.PathUsername) -> shapes.Profile:
    """Takes somebody out of the address book."""
    return await _relate(edge, me, directory_pb2.RELATION_CONTACT, username, present=False)


@router.get("/me/follows")
async def follows(edge: Here, me: Me, after: After = "", limit: Limit = 100) -> shapes.PeoplePage:
    """Whom one follows, by username."""
    return await _related(edge, me, directory_pb2.RELATION_FOLLOW, after, limit)


@router.put("/me/follows/{username}")
async def follow(edge: Here, me: Me, username: shapes.PathUsername) -> shapes.Profile:
    """Follows somebody."""
    return await _relate(edge, me, directory_pb2.RELATION_FOLLOW, username, present=True)


@router.delete("/me/follows/{username}")
async def unfollow(edge: Here, me: Me, username: shapes.PathUsername) -> shapes.Profile:
    """Follows somebody no longer."""
    return await _relate(edge, me, directory_pb2.RELATION_FOLLOW, username, present=False)


@router.get("/me/blocks")
async def blocks(edge: Here, me: Me) -> shapes.People:
    """Whom one blocks, newest first."""
    answer = await edge.policy.ListBlocks(blocks_pb2.ListBlocksRequest(user_id=me.user_id))
    found = await profiles_of(edge, answer.user_ids)
    return shapes.People(people=list(found.values()))


@router.put("/me/blocks/{username}", status_code=204)
async def block(edge: Here, me: Me, username: shapes.PathUsername) -> Response:
    """Blocks a person: answered when no call between the two is left and none can be placed."""
    other = (await edge.resolve(me, username)).profile.user_id
    request = blocks_pb2.BlockRequest(user_id=me.user_id, other_user_id=other)
    await edge.policy.Block(request, timeout=BLOCK_SECONDS)
    return Response(status_code=204)


@router.delete("/me/blocks/{username}", status_code=204)
async def unblock(edge: Here, me: Me, username: shapes.PathUsername) -> Response:
    """Lifts a block."""
    other = (await edge.resolve(me, username)).profile.user_id
    request = blocks_pb2.UnblockRequest(user_id=me.user_id, other_user_id=other)
    await edge.policy.Unblock(request, timeout=BLOCK_SECONDS)
    return Response(status_code=204)


@router.get("/me/entitlement")
async def entitlement(edge: Here, me: Me) -> shapes.Entitlement:
    """What the operator's rules entitle one to. Said so that clients can grey out buttons; policy decides."""
    account, rows = await asyncio.gather(
        edge.directory.GetAccount(directory_pb2.GetAccountRequest(user_id=me.user_id)),
        edge.policy.GetEntitlements(policy_pb2.GetEntitlementsRequest()),
    )
    return shapes.entitlement(rows, account.account.tier)


async def _related(
    edge: Edge, me: Caller, relation: directory_pb2.Relation.ValueType, after: str, limit: int
) -> shapes.PeoplePage:
    answer = await edge.directory.ListRelations(
        directory_pb2.ListRelationsRequest(user_id=me.user_id, relation=relation, after=after, limit=limit)
    )
    return shapes.PeoplePage(people=[shapes.profile(one) for one in answer.people], next=answer.next)


async def _relate(
    edge: Edge, me: Caller, relation: directory_pb2.Relation.ValueType, username: str, present: bool
) -> shapes.Profile:
    edge.count_lookup(me)
    request = directory_pb2.SetRelationRequest(
        user_id=me.user_id, username=username, relation=relation, present=present
    )
    return shapes.profile((await edge.directory.SetRelation(request)).profile)
