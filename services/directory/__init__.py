"""Directory: who is this, and how are these two related?

Owns  account, name, recovery_code, identity, device, edge, word, tally, issuer_key. Answers
Directory.SignUp, Directory.SignIn, Directory.Recover, Directory.RenewToken, Directory.Adopt,
Directory.IssuerKeys, Directory.RegisterDevice, Directory.ListDevices, Directory.GetDevice,
Directory.RevokeDevice, Directory.Resolve, Directory.SearchPeople, Directory.GetAccount,
Directory.UpdateProfile, Directory.Rename, Directory.SetStanding, Directory.SetRelation,
Directory.ListRelations, Directory.GetProfiles, Directory.NoteMessaged, Directory.Relate.
Hears  nothing.   Says  nothing.   Asks  presence, signaling.

A username is all it takes to have an account. What a name looks like decides who has it (username.py), the
door decides who gets in (door.py), and policy asks for every call how two people are related (graph.py).
That a device was revoked is told to presence and signaling until both have confirmed it (revocations.py).
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ringline.node import Node
from ringline.refusal import Refusal
from ringline.telemetry import log
from ringline.v1 import directory_pb2_grpc, presence_pb2_grpc, signaling_pb2_grpc
from services.directory.api import DirectoryApi
from services.directory.devices import Devices
from services.directory.door import Clock, Door
from services.directory.graph import Graph
from services.directory.hashing import Hasher
from services.directory.revocations import Revocations
from services.directory.settings import Settings
from services.directory.store import Store
from services.directory.tally import Tallies
from services.directory.token import Issuer, key_of, seeds

FORGET_SECONDS = 600.0
"""How often tallies that are past are deleted."""


def now_ms() -> int:
    """Now, in Unix milliseconds."""
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def build(node: Node, settings: Settings | None = None, clock: Clock = now_ms) -> AsyncIterator[None]:
    """Builds the service in this process."""
    settings = settings or Settings.load()
    db = await node.database("directory")
    store, devices = Store(db), Devices(db)
    keys = await _issuer_seeds(node, settings, store)
    tallies = Tallies(db, keys[0])
    hasher = await node.enter(
        Hasher(settings.hash_threads, settings.hash_queue, settings.hash_memory_kib, settings.hash_passes)
    )
    issuer = Issuer(settings.issuer, settings.audience, settings.token_s, tuple(map(key_of, keys)))
    door = Door(settings, db, store, devices, tallies, hasher, issuer, clock)
    revocations = Revocations(
        devices,
        presence_pb2_grpc.PresenceStub(node.channel("presence")),
        signaling_pb2_grpc.SignalingStub(node.channel("signaling")),
    )
    api = DirectoryApi(door, Graph(db), revocations, node.draining)
    node.serve("directory", directory_pb2_grpc.add_DirectoryServicer_to_server, api)
    node.spawn(_forget(tallies, clock), "directory tallies")
    node.spawn(revocations.run(), "directory revocations")
    yield


async def _issuer_seeds(node: Node, settings: Settings, store: Store) -> list[bytes]:
    """The configured keys of the issuer; else, never in production, one that all processes share."""
    if configured := settings.issuer_key.get_secret_value():
        return seeds(configured)
    if node.settings.environment == "production":
        raise ValueError("production needs RINGLINE_DIRECTORY_ISSUER_KEY: the seed of an Ed25519 key")
    return [await store.shared_seed(os.urandom(32))]


async def _forget(tallies: Tallies, clock: Clock) -> None:
    while True:
        try:
            await tallies.forget(clock())
        except Refusal as refusal:  # the database is away; next time
            log(__name__).warning("tallies not tidied", reason=refusal.name)
        await asyncio.sleep(FORGET_SECONDS)
