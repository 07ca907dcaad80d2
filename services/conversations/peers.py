"""Peers: what everybody may know of people, asked of directory whenever it is shown. Nothing is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ringline.v1 import directory_pb2, types_pb2

if TYPE_CHECKING:  # these classes are in the stub files only
    from ringline.v1.directory_pb2_grpc import DirectoryAsyncStub

AT_ONCE = 100
PROFILES_SECONDS = 1.5

Profiles = dict[str, types_pb2.Profile]


class Peers:
    """Asks directory."""

    def __init__(self, directory: DirectoryAsyncStub) -> None:
        self._directory = directory

    async def profiles(self, user_ids: Iterable[str]) -> Profiles:
        """The profiles of these users; of one whom nobody knows any more only the id. Raises Refusal."""
        wanted = sorted(set(user_ids))
        found = {user_id: types_pb2.Profile(user_id=user_id) for user_id in wanted}
        for first in range(0, len(wanted), AT_ONCE):
            request = directory_pb2.GetProfilesRequest(user_ids=wanted[first : first + AT_ONCE])
            answer = await self._directory.GetProfiles(request, timeout=PROFILES_SECONDS)
            found.update((profile.user_id, profile) for profile in answer.profiles)
        return found

    async def profile(self, user_id: str) -> types_pb2.Profile:
        """One profile. Raises Refusal."""
        return (await self.profiles([user_id]))[user_id]
