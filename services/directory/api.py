"""The directory's gRPC methods."""

from collections.abc import AsyncIterator
from typing import Any

from grpc import aio

from ringline import ids
from ringline.answerer import Draining, answer_batches
from ringline.gather import Gather
from ringline.refusal import Refusal
from ringline.v1 import accounts_pb2, directory_pb2, directory_pb2_grpc, reasons_pb2
from ringline.wire import CALLER
from services.directory import profile, proof, username
from services.directory.door import Door, rename_limit
from services.directory.graph import Graph, Question
from services.directory.revocations import Revocations

Context = aio.ServicerContext[Any, Any]

QUERY_SHORTEST = 2
QUERY_LONGEST = 40
FOUND = 20
PAGE = 200
PROFILES = 100


class DirectoryApi(directory_pb2_grpc.DirectoryServicer):
    """The servicer."""

    def __init__(self, door: Door, graph: Graph, revocations: Revocations, draining: Draining) -> None:
        self._door = door
        self._graph = graph
        self._revocations = revocations
        self._draining = draining
        self._store = door.store
        self._devices = door.devices
        self._now = door.clock
        self._pairs: Gather[Question, directory_pb2.PairAnswer | None] = Gather(graph.relate)

    # Getting in.

    async def SignUp(
        self, request: accounts_pb2.SignUpRequest, context: Context
    ) -> accounts_pb2.SignUpResponse:
        """Creates an account."""
        made = await self._door.sign_up(request, _is_operator(context))
        return accounts_pb2.SignUpResponse(account=made.account, recovery_codes=made.codes)

    async def SignIn(
        self, request: accounts_pb2.SignInRequest, context: Context
    ) -> accounts_pb2.SignInResponse:
        """Lets a person in with a device."""
        entered = await self._door.sign_in(request)
        return accounts_pb2.SignInResponse(
            account=entered.account,
            device=entered.device,
            access_token=entered.token,
            expires_in_s=self._door.issuer.seconds,
        )

    async def Recover(
        self, request: accounts_pb2.RecoverRequest, context: Context
    ) -> accounts_pb2.RecoverResponse:
        """Sets a new password against a recovery code."""
        recovered = await self._door.recover(request)
        await self._revocations.settle(recovered.user_id, recovered.device_ids)
        return accounts_pb2.RecoverResponse(codes_left=recovered.codes_left)

    async def RenewToken(
        self, request: accounts_pb2.RenewTokenRequest, context: Context
    ) -> accounts_pb2.RenewTokenResponse:
        """Answers a fresh token to a device."""
        token = await self._door.renew(request)
        return accounts_pb2.RenewTokenResponse(access_token=token, expires_in_s=self._door.issuer.seconds)

    async def Adopt(self, request: accounts_pb2.AdoptRequest, context: Context) -> accounts_pb2.AdoptResponse:
        """Finds or makes the account of a user of the platform."""
        return accounts_pb2.AdoptResponse(account=await self._door.adopt(request))

    async def IssuerKeys(
        self, request: accounts_pb2.IssuerKeysRequest, context: Context
    ) -> accounts_pb2.IssuerKeysResponse:
        """Answers the public keys of the local issuer."""
        issuer = self._door.issuer
        return accounts_pb2.IssuerKeysResponse(
            jwks=issuer.jwks(), issuer=issuer.name, audience=issuer.audience
        )

    # Devices.

    async def RegisterDevice(
        self, request: directory_pb2.RegisterDeviceRequest, context: Context
    ) -> directory_pb2.RegisterDeviceResponse:
        """Registers a device of somebody who is in already."""
        account = await self._store.account(_user(request.user_id))
        proof.check(request.device, "register", account.profile.username, self._now())
        device = await self._door.register(request.user_id, request.device)
        return directory_pb2.RegisterDeviceResponse(device=device)

    async def ListDevices(
        self, request: directory_pb2.ListDevicesRequest, context: Context
    ) -> directory_pb2.ListDevicesResponse:
        """Lists devices."""
        devices = await self._devices.all(_user(request.user_id), self._now())
        return directory_pb2.ListDevicesResponse(devices=devices)

    async def GetDevice(
        self, request: directory_pb2.GetDeviceRequest, context: Context
    ) -> directory_pb2.GetDeviceResponse:
        """Answers one device."""
        device = await self._devices.get(_user(request.user_id), request.device_id)
        return directory_pb2.GetDeviceResponse(device=device)

    async def RevokeDevice(
        self, request: directory_pb2.RevokeDeviceRequest, context: Context
    ) -> directory_pb2.RevokeDeviceResponse:
        """Revokes a device."""
        revoked = await self._devices.revoke(_user(request.user_id), request.device_id, self._now())
        if revoked.is_owed:
            await self._revocations.settle(request.user_id, [request.device_id])
        return directory_pb2.RevokeDeviceResponse(device=revoked.device)

    # People.

    async def Resolve(
        self, request: directory_pb2.ResolveRequest, context: Context
    ) -> directory_pb2.ResolveResponse:
        """Finds a user by exact username."""
        account = await self._store.by_username(username.looked_up(request.username))
        return directory_pb2.ResolveResponse(profile=account.profile)

    async def SearchPeople(
        self, request: directory_pb2.SearchPeopleRequest, context: Context
    ) -> directory_pb2.SearchPeopleResponse:
        """Finds people who opted in."""
        query = request.query.strip().lstrip("@")
        if not QUERY_SHORTEST <= len(query) <= QUERY_LONGEST:
            raise Refusal(reasons_pb2.REASON_INVALID, "A query has 2 to 40 characters.")
        words = profile.words(query)
        limit, user_id = _limit(request.limit, FOUND), _user(request.user_id)
        is_enough = any(len(word) >= QUERY_SHORTEST for word in words)
        people = await self._graph.search(words, user_id, limit) if is_enough else []
        return directory_pb2.SearchPeopleResponse(people=people)

    async def GetAccount(
        self, request: directory_pb2.GetAccountRequest, context: Context
    ) -> directory_pb2.GetAccountResponse:
        """Answers an account."""
        return directory_pb2.GetAccountResponse(account=await self._store.account(_user(request.user_id)))

    async def GetProfiles(
        self, request: directory_pb2.GetProfilesRequest, context: Context
    ) -> directory_pb2.GetProfilesResponse:
        """Answers profiles; who has none is left out."""
        if len(request.user_ids) > PROFILES:
            raise Refusal(reasons_pb2.REASON_INVALID, f"Profiles of {PROFILES} users at most are answered.")
        user_ids = {user_id for user_id in request.user_ids if ids.is_id(user_id, "u_")}
        return directory_pb2.GetProfilesResponse(profiles=await self._store.profiles(sorted(user_ids)))

    async def UpdateProfile(
        self, request: directory_pb2.UpdateProfileRequest, context: Context
    ) -> directory_pb2.UpdateProfileResponse:
        """Changes a profile."""
        has_name, has_searchable = request.HasField("display_name"), request.HasField("searchable")
        shown = profile.display_name(request.display_name) if has_name else None
        searchable = request.searchable if has_searchable else None
        account = await self._store.update_profile(_user(request.user_id), shown, searchable)
        return directory_pb2.UpdateProfileResponse(account=account)

    async def Rename(
        self, request: directory_pb2.RenameRequest, context: Context
    ) -> directory_pb2.RenameResponse:
        """Gives a user another name."""
        settings, tallies = self._door.settings, self._door.tallies
        name = username.wanted(request.username, settings.reserved.split())
        account = await self._store.account(_user(request.user_id))
        if account.profile.username != name:
            async with self._door.db.transaction() as con:
                if not _is_operator(context):
                    tally = tallies.of(rename_limit(settings), request.user_id)
                    await tallies.spend(con, tally, self._now())
                account = await self._store.rename(con, request.user_id, name, self._now())
        return directory_pb2.RenameResponse(account=account)

    async def SetStanding(
        self, request: directory_pb2.SetStandingRequest, context: Context
    ) -> directory_pb2.SetStandingResponse:
        """Sets what the operator says of a user."""
        tier = profile.tier(request.tier) if request.HasField("tier") else None
        verified = request.verified if request.HasField("verified") else None
        account = await self._store.set_standing(_user(request.user_id), tier, verified)
        return directory_pb2.SetStandingResponse(account=account)

    # The graph.

    async def SetRelation(
        self, request: directory_pb2.SetRelationRequest, context: Context
    ) -> directory_pb2.SetRelationResponse:
        """Adds or removes an edge."""
        relation = _relation(request.relation)
        other = (await self._store.by_username(username.looked_up(request.username))).profile
        if other.user_id == request.user_id:
            raise Refusal(reasons_pb2.REASON_SELF)
        await self._graph.set_relation(_user(request.user_id), other.user_id, relation, request.present)
        return directory_pb2.SetRelationResponse(profile=other)

    async def ListRelations(
        self, request: directory_pb2.ListRelationsRequest, context: Context
    ) -> directory_pb2.ListRelationsResponse:
        """Lists edges, a page at a time."""
        limit = _limit(request.limit, PAGE)
        relation = _relation(request.relation)
        after = username.looked_up(request.after) if request.after else ""
        people = await self._graph.relations(_user(request.user_id), relation, after, limit + 1)
        page, more = people[:limit], people[limit:]
        return directory_pb2.ListRelationsResponse(people=page, next=page[-1].username if more else "")

    async def NoteMessaged(
        self, request: directory_pb2.NoteMessagedRequest, context: Context
    ) -> directory_pb2.NoteMessagedResponse:
        """Notes that one has written to another."""
        user_id, other_id = _user(request.user_id), _user(request.other_user_id)
        if user_id == other_id:
            raise Refusal(reasons_pb2.REASON_SELF)
        await self._graph.note_messaged(user_id, other_id)
        return directory_pb2.NoteMessagedResponse()

    def Relate(
        self, request_iterator: AsyncIterator[directory_pb2.RelateRequest], context: object
    ) -> AsyncIterator[directory_pb2.RelateResponse]:
        """Answers pairs; what is asked in one turn of the loop, by whatever stream, is one statement."""
        return answer_batches(
            request_iterator,
            unpack=lambda request: request.questions,
            handle=self._relate,
            pack=lambda answers: directory_pb2.RelateResponse(answers=answers),
            refuse=lambda refused: directory_pb2.PairAnswer(refused=refused),
            draining=self._draining,
            where="Relate",
        )

    async def _relate(self, asked: directory_pb2.PairQuestion) -> directory_pb2.PairAnswer:
        name = "" if asked.other_user_id else username.looked_up(asked.other_username)
        other_id = _user(asked.other_user_id) if asked.other_user_id else ""
        answer = await self._pairs.ask(Question(_user(asked.user_id), other_id, name))
        if answer is None:
            raise Refusal(reasons_pb2.REASON_USER_NOT_FOUND)
        return answer


def _is_operator(context: Context) -> bool:
    return (CALLER, "operator") in [(key, value) for key, value in context.invocation_metadata() or ()]


def _user(user_id: str) -> str:
    """The id as it came. What is no id is nobody, and is not shown to the database: it may be no text."""
    if not ids.is_id(user_id, "u_"):
        raise Refusal(reasons_pb2.REASON_USER_NOT_FOUND)
    return user_id


def _limit(asked: int, most: int) -> int:
    if not 1 <= asked <= most:
        raise Refusal(reasons_pb2.REASON_INVALID, f"The limit is 1 to {most}.")
    return asked


def _relation(relation: directory_pb2.Relation.ValueType) -> directory_pb2.Relation.ValueType:
    if relation not in (directory_pb2.RELATION_CONTACT, directory_pb2.RELATION_FOLLOW):
        raise Refusal(reasons_pb2.REASON_INVALID, "There is no such relation.")
    return relation
