"""What the endpoints share: whom they ask, who asks them, and what a client may do how often."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ringline.refusal import Refusal
from ringline.v1 import directory_pb2
from ringline.v1.reasons_pb2 import Reason
from services.gateway.auth import Caller, Doorkeeper
from services.gateway.limits import Buckets
from services.gateway.network import Network, client_of, network_of
from services.gateway.settings import Settings
from services.gateway.switches import Switches
from services.gateway.tickets import TicketPress
from services.gateway.turns import Turns

if TYPE_CHECKING:  # these classes are in the stub files only
    from ringline.v1.callee_pb2_grpc import CalleeAsyncStub
    from ringline.v1.conversations_pb2_grpc import ConversationsAsyncStub
    from ringline.v1.directory_pb2_grpc import DirectoryAsyncStub
    from ringline.v1.policy_pb2_grpc import PolicyAsyncStub
    from ringline.v1.presence_pb2_grpc import PresenceAsyncStub
    from ringline.v1.records_pb2_grpc import RecordsAsyncStub

BEARER = HTTPBearer(auto_error=False, bearerFormat="JWT", description="The access token of a session.")


@dataclass(frozen=True)
class Edge:
    """One gateway's side of the REST API."""

    settings: Settings
    environment: str
    directory: DirectoryAsyncStub
    policy: PolicyAsyncStub
    callee: CalleeAsyncStub
    records: RecordsAsyncStub
    presence: PresenceAsyncStub
    conversations: ConversationsAsyncStub
    doorkeeper: Doorkeeper
    tickets: TicketPress
    lookups: Buckets
    recalls: Buckets
    """Looks at people one knows, where the lookups are used up."""
    looks: Buckets
    """Questions who is there."""
    qualities: Buckets
    """Words on how calls were."""
    trusted: tuple[Network, ...]
    turns: Turns
    """Of those who want a ticket."""
    switches: Switches

    def network(self, request: Request) -> str:
        """The client's network: its IPv4 address or IPv6 /64."""
        peer = request.client.host if request.client else ""
        return network_of(client_of(peer, request.headers.getlist("x-forwarded-for"), self.trusted))

    async def resolve(self, caller: Caller, username: str) -> directory_pb2.ResolveResponse:
        """Who has that name. Counts as a lookup of the caller. Raises Refusal(LIMITED, USER_NOT_FOUND)."""
        self.count_lookup(caller)
        return await self.directory.Resolve(directory_pb2.ResolveRequest(username=username))

    def count_lookup(self, caller: Caller) -> None:
        """Whatever tells whether a name exists comes through here: nobody is to walk the whole directory."""
        wait = self.lookups.take(caller.user_id, time.monotonic())
        if wait:
            raise Refusal(Reason.REASON_LIMITED, retry_after=wait)


async def edge_of(request: Request) -> Edge:
    """The edge this request came to. Not for any waiting: FastAPI runs what is no coroutine in a thread."""
    edge: Edge = request.app.state.edge
    return edge


Here = Annotated[Edge, Depends(edge_of)]


async def caller_of(
    request: Request, edge: Here, _: Annotated[HTTPAuthorizationCredentials | None, Security(BEARER)]
) -> Caller:
    """Who asks, by the access token."""
    return await edge.doorkeeper.caller(request.headers.get("authorization", ""))


Me = Annotated[Caller, Depends(caller_of)]
