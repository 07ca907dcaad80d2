"""REST: who may call, when and how; words about single people; and who could ring by all that."""

import time

from fastapi import APIRouter, Response

from ringline.v1 import callee_pb2, policy_pb2
from services.gateway import call_shapes, shapes
from services.gateway.auth import Caller
from services.gateway.edge import Edge, Here, Me
from services.gateway.profiles import profiles_of

router = APIRouter(prefix="/v1", tags=["calls"])


@router.get("/me/call-settings")
async def call_settings(edge: Here, me: Me) -> call_shapes.Settings:
    """Who may call, when and how."""
    answer = await edge.policy.GetCallSettings(policy_pb2.GetCallSettingsRequest(user_id=me.user_id))
    return call_shapes.settings(answer.settings)


@router.put("/me/call-settings")
async def set_call_settings(edge: Here, me: Me, wish: call_shapes.CallSettings) -> call_shapes.Settings:
    """Sets who may call, when and how, from the next attempt on; what is absent stays."""
    request = policy_pb2.SetCallSettingsRequest(user_id=me.user_id, settings=wish.to_proto())
    return call_shapes.settings((await edge.policy.SetCallSettings(request)).settings)


@router.post("/me/call-settings/preview")
async def preview_calls(edge: Here, me: Me, wish: call_shapes.PreviewWish) -> call_shapes.Previews:
    """Could they ring me, and why? By the settings in force or by a draft, which is not kept."""
    named = sum(one.username is not None for one in wish.people)
    for _ in range(named):
        edge.count_lookup(me)
    request = callee_pb2.PreviewCallsRequest(
        user_id=me.user_id,
        draft=None if wish.settings is None else wish.settings.to_proto(),
        at_ms=wish.at_ms,
        callers=[one.to_proto() for one in wish.people],
    )
    answer = await edge.callee.PreviewCalls(request)
    found = [
        call_shapes.preview(asked, told) for asked, told in zip(wish.people, answer.previews, strict=True)
    ]
    missing = sum(told.HasField("refused") for told in answer.previews)
    for _ in range(named - missing):  # as in dialling, only names that nobody has are lookups
        edge.lookups.give_back(me.user_id, time.monotonic())
    return call_shapes.Previews(previews=found)


@router.get("/me/people-settings")
async def people_settings(edge: Here, me: Me) -> call_shapes.SettledPeople:
    """About whom one says something, newest first."""
    answer = await edge.callee.ListPersonSettings(callee_pb2.ListPersonSettingsRequest(user_id=me.user_id))
    there = await profiles_of(edge, (one.user_id for one in answer.people))
    found = [
        call_shapes.person_settings(there[one.user_id], one.settings)
        for one in answer.people
        if one.user_id in there
    ]
    return call_shapes.SettledPeople(people=found)


@router.put("/me/people-settings/{username}")
async def set_person_settings(
    edge: Here, me: Me, username: shapes.PathUsername, wish: call_shapes.PersonSettings
) -> call_shapes.SettledPerson:
    """Says something about one other, from his next attempt on."""
    other = await _other(edge, me, username)
    request = callee_pb2.SetPersonSettingsRequest(
        user_id=me.user_id, other_user_id=other.user_id, settings=wish.to_proto()
    )
    answer = await edge.callee.SetPersonSettings(request)
    return call_shapes.person_settings(other, answer.settings)


@router.delete("/me/people-settings/{username}", status_code=204)
async def reset_person_settings(edge: Here, me: Me, username: shapes.PathUsername) -> Response:
    """Takes back what was said about one other."""
    other = await _other(edge, me, username)
    await edge.callee.ResetPersonSettings(
        callee_pb2.ResetPersonSettingsRequest(user_id=me.user_id, other_user_id=other.user_id)
    )
    return Response(status_code=204)


async def _other(edge: Edge, me: Caller, username: str) -> shapes.Profile:
    return shapes.profile((await edge.resolve(me, username)).profile)
