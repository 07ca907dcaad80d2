"""Signaling: who rings, who won, how did it end?

Owns  call, pair, revoked, meta, outbox.
Answers  Link, Sever, DropDevice, FindCall, ListEnded, EndCall.
Hears  nothing.   Says  CallPlaced, CallUnheard, CallRang, CallAnswered, CallMediaSet,
CallHoldSet, CallEnded.
Asks  policy, presence.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ringline.config import split_secret
from ringline.ids import mint
from ringline.node import Node
from ringline.outbox import Outbox
from ringline.telemetry import log as telemetry_log
from ringline.v1 import (
    policy_pb2,
    policy_pb2_grpc,
    presence_pb2,
    presence_pb2_grpc,
    signaling_pb2_grpc,
    types_pb2,
)
from services.signaling.anti_entropy import Repairs
from services.signaling.api import SignalingApi
from services.signaling.exchange import Exchange
from services.signaling.relay import RelayDesk
from services.signaling.settings import Settings
from services.signaling.store import Store
from services.signaling.sweeper import follow, purge, sweep
from services.signaling.wakes import Wakes


@asynccontextmanager
async def build(node: Node) -> AsyncIterator[None]:
    """Builds the service in this process."""
    settings = Settings()
    db, bus, log = await node.database("signaling"), await node.bus(), await node.log()
    store, outbox = Store(db), Outbox(db, log)
    verdicts = await node.asker(
        "policy",
        lambda channel: policy_pb2_grpc.PolicyStub(channel).Decide,
        lambda attempts: policy_pb2.DecideRequest(attempts=attempts),
        lambda response: response.verdicts,
    )
    places = await node.asker(
        "presence",
        lambda channel: presence_pb2_grpc.PresenceStub(channel).Locate,
        lambda questions: presence_pb2.LocateRequest(questions=questions),
        lambda response: response.answers,
    )

    async def decide(attempt: policy_pb2.Attempt) -> policy_pb2.Verdict:
        verdict: policy_pb2.Verdict = await verdicts.ask(attempt)
        return verdict

    async def locate(user_ids: list[str]) -> list[types_pb2.Line]:
        question = presence_pb2.LocateQuestion(user_ids=user_ids)
        answer: presence_pb2.LocateAnswer = await places.ask(question, timeout=1.0)
        return list(answer.lines)

    relay_secret = next(iter(split_secret(settings.turn_secret)), "").encode()
    urls = tuple(url.strip() for url in settings.turn_urls.split(",") if url.strip())
    desk = RelayDesk(urls, relay_secret, settings.turn_ttl_s)
    if node.settings.environment == "production":
        desk.insist()
    if not urls and node.settings.environment == "production":
        telemetry_log(__name__).warning("no relay: strangers' calls go the direct way", setting="turn_urls")
    wakes = Wakes(bus, mint("s_"))
    exchange = Exchange(store, outbox, wakes, desk, decide, locate, settings.times())
    api = SignalingApi(exchange, Repairs(exchange), node.draining, await store.incarnation())
    node.serve("signaling", signaling_pb2_grpc.add_SignalingServicer_to_server, api)
    node.spawn(outbox.run(), "outbox")
    node.spawn(sweep(exchange), "sweeper")
    node.spawn(purge(exchange), "purge")
    node.spawn(follow(store, api), "incarnation")
    yield
