"""REST: accounts, sessions, devices, tickets."""

import asyncio
import time
from contextlib import suppress

from fastapi import APIRouter, Request, Response

from ringline.refusal import Refusal
from ringline.v1 import accounts_pb2, directory_pb2, presence_pb2
from ringline.v1.operator_pb2 import Feature
from ringline.v1.reasons_pb2 import Reason
from services.gateway import shapes
from services.gateway.edge import Edge, Here, Me

SLOW_SECONDS = 6.0
"""For what computes a password hash in a bounded pool."""
EXPEL_SECONDS = 0.5

router = APIRouter(prefix="/v1", tags=["accounts"])


@router.post("/accounts", status_code=201)
async def sign_up(edge: Here, request: Request, wish: shapes.NewAccount) -> shapes.AccountMade:
    """Creates an account. A username and a password are all it takes."""
    _only_local(edge)
    await edge.switches.check(Feature.FEATURE_SIGN_UP)
    answer = await edge.directory.SignUp(
        accounts_pb2.SignUpRequest(
            username=wish.username,
            password=wish.password,
            network=edge.network(request),
            display_name=wish.display_name,
            invite=wish.invite,
        ),
        timeout=SLOW_SECONDS,
    )
    return shapes.AccountMade(
        account=shapes.account(answer.account), recovery_codes=list(answer.recovery_codes)
    )


@router.post("/sessions")
async def sign_in(edge: Here, request: Request, wish: shapes.NewSession) -> shapes.SessionMade:
    """Signs a device in, by username, password and the proof of its key."""
    _only_local(edge)
    answer = await edge.directory.SignIn(
        accounts_pb2.SignInRequest(
            username=wish.username,
            password=wish.password,
            network=edge.network(request),
            device=wish.device.to_proto(),
        ),
        timeout=SLOW_SECONDS,
    )
    return shapes.SessionMade(
        account=shapes.account(answer.account),
        device=shapes.device(answer.device),
        access_token=answer.access_token,
        expires_in=answer.expires_in_s,
    )


@router.post("/sessions/renew")
async def renew_session(edge: Here, wish: shapes.Renewal) -> shapes.AccessToken:
    """A fresh access token for a device that proves its key (purpose "renew")."""
    _only_local(edge)
    answer = await edge.directory.RenewToken(
        accounts_pb2.RenewTokenRequest(
            user_id=wish.user_id, device_id=wish.device_id, device=wish.device.to_proto()
        )
    )
    return shapes.AccessToken(access_token=answer.access_token, expires_in=answer.expires_in_s)


@router.post("/recoveries")
async def recover(edge: Here, request: Request, wish: shapes.Recovery) -> shapes.Recovered:
    """Sets a new password against a recovery code; every device is revoked and its lines are closed."""
    _only_local(edge)
    answer = await edge.directory.Recover(
        accounts_pb2.RecoverRequest(
            username=wish.username,
            recovery_code=wish.recovery_code,
            new_password=wish.new_password,
            network=edge.network(request),
        ),
        timeout=SLOW_SECONDS,
    )
    found = await edge.directory.Resolve(directory_pb2.ResolveRequest(username=wish.username))
    user_id = found.profile.user_id
    listed = await edge.directory.ListDevices(directory_pb2.ListDevicesRequest(user_id=user_id))
    await _expel(edge, user_id, *(one.device_id for one in listed.devices if one.revoked))
    return shapes.Recovered(codes_left=answer.codes_left)


@router.post("/tickets")
async def make_ticket(edge: Here, me: Me, wish: shapes.TicketWish | None = None) -> shapes.Ticket:
    """A ticket that opens one line (WS /v1/connect) once and soon."""
    wanted = wish.device_id if wish is not None else None
    if me.device_id and wanted and wanted != me.device_id:
        raise Refusal(Reason.REASON_FORBIDDEN, "The access token belongs to another device.")
    device_id = me.device_id or wanted
    if not device_id:
        raise Refusal(Reason.REASON_INVALID, "device_id: this access token names no device.")
    device = await edge.doorkeeper.device(me.user_id, device_id)
    ticket = edge.tickets.mint(me.user_id, device_id, device.public_key, time.time())
    return shapes.Ticket(ticket=ticket, expires_in=edge.tickets.seconds)


@router.get("/me")
async def me(edge: Here, me: Me) -> shapes.Account:
    """One's own account."""
    answer = await edge.directory.GetAccount(directory_pb2.GetAccountRequest(user_id=me.user_id))
    return shapes.account(answer.account)


@router.patch("/me")
async def change_profile(edge: Here, me: Me, wish: shapes.ProfileChange) -> shapes.Account:
    """Changes the display name, and whether search finds this account."""
    answer = await edge.directory.UpdateProfile(
        directory_pb2.UpdateProfileRequest(
            user_id=me.user_id, display_name=wish.display_name, searchable=wish.searchable
        )
    )
    return shapes.account(answer.account)


@router.put("/me/username")
async def rename(edge: Here, me: Me, wish: shapes.Rename) -> shapes.Account:
    """Takes another username; the old one is held back for 30 days."""
    edge.count_lookup(me)
    request = directory_pb2.RenameRequest(user_id=me.user_id, username=wish.username)
    return shapes.account((await edge.directory.Rename(request)).account)


@router.get("/me/devices")
async def devices(edge: Here, me: Me) -> shapes.Devices:
    """One's own devices, newest first."""
    answer = await edge.directory.ListDevices(directory_pb2.ListDevicesRequest(user_id=me.user_id))
    return shapes.Devices(devices=[shapes.device(one) for one in answer.devices])


@router.post("/me/devices", status_code=201)
async def register_device(edge: Here, me: Me, wish: shapes.DeviceProof) -> shapes.Device:
    """Registers a device (purpose "register") where access tokens come from the platform's own issuer."""
    request = directory_pb2.RegisterDeviceRequest(user_id=me.user_id, device=wish.to_proto())
    return shapes.device((await edge.directory.RegisterDevice(request)).device)


@router.delete("/me/devices/{device_id}", status_code=204)
async def revoke_device(edge: Here, me: Me, device_id: shapes.Id) -> Response:
    """Revokes a device for good: its tokens and its lines end at once."""
    request = directory_pb2.RevokeDeviceRequest(user_id=me.user_id, device_id=device_id)
    # Directory sees to its lines and calls, also where this process or another one dies meanwhile.
    await edge.directory.RevokeDevice(request)
    await _expel(edge, me.user_id, device_id)
    return Response(status_code=204)


async def _expel(edge: Edge, user_id: str, *device_ids: str) -> None:
    """Forgets revoked devices, and takes their lines off: a directory of the release before leaves that to
    the gateway. To be removed with the release after this one.
    """

    async def expel(device_id: str) -> None:
        with suppress(Refusal):
            request = presence_pb2.ExpelRequest(user_id=user_id, device_id=device_id)
            await edge.presence.Expel(request, timeout=EXPEL_SECONDS)

    for device_id in device_ids:
        edge.doorkeeper.forget(user_id, device_id)
    await asyncio.gather(*map(expel, device_ids))


def _only_local(edge: Edge) -> None:
    if not edge.doorkeeper.is_local:
        raise Refusal(Reason.REASON_FORBIDDEN, "Accounts are those of the platform's identity provider here.")
