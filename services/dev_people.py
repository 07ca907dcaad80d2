"""The two people of `ringline dev`, made through the same door as everybody else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ringline.node import Node
from ringline.refusal import Refusal
from ringline.v1 import accounts_pb2, directory_pb2, directory_pb2_grpc, reasons_pb2

if TYPE_CHECKING:  # the name is in the stubs only
    from ringline.v1.directory_pb2_grpc import DirectoryAsyncStub

SIGN_UP_SECONDS = 30.0
"""Hashing a password takes its time on a machine that is busy starting."""


@dataclass(frozen=True)
class Person:
    """Somebody with a password that only `.ringline/` knows."""

    username: str
    password: str

    def fragment(self) -> str:
        """What the web client signs in with, where the server says that it is a development server.

        A fragment stays in the browser: it is in no request and in no log.
        """
        return f"#dev={self.username}:{self.password}"


async def invite(node: Node, people: Sequence[Person]) -> None:
    """Makes the people that are not there yet, and makes each a contact of each other."""
    directory = directory_pb2_grpc.DirectoryStub(node.channel("directory"))
    ids = {person.username: await _find_or_sign_up(directory, person) for person in people}
    for username, user_id in ids.items():
        for other in ids:
            if other != username:
                request = directory_pb2.SetRelationRequest(
                    user_id=user_id, username=other, relation=directory_pb2.RELATION_CONTACT, present=True
                )
                await directory.SetRelation(request)


async def _find_or_sign_up(directory: "DirectoryAsyncStub", person: Person) -> str:
    try:
        found = await directory.Resolve(directory_pb2.ResolveRequest(username=person.username))
    except Refusal as refusal:
        if refusal.reason != reasons_pb2.REASON_USER_NOT_FOUND:
            raise
    else:
        return found.profile.user_id
    request = accounts_pb2.SignUpRequest(
        username=person.username,
        password=person.password,
        network="127.0.0.1",
        display_name=person.username.capitalize(),
    )
    return (await directory.SignUp(request, timeout=SIGN_UP_SECONDS)).account.profile.user_id
