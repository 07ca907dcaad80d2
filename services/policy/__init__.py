"""Policy: may this caller ring this callee, and may this one write to that one?

Owns  call_settings, message_settings, message_budget, ring_caller, ring_callee, block, entitlement_version,
entitlement.
Answers  Policy.Decide, Policy.Explain, Policy.GetCallSettings, Policy.SetCallSettings, Policy.MayMessage,
Policy.GetMessageSettings, Policy.SetMessageSettings, Policy.MaySeePresence, Policy.Block, Policy.Unblock,
Policy.ListBlocks, Policy.GetEntitlements, Policy.SetEntitlements.
Hears  CallEnded.   Says  nothing.   Asks  directory, signaling.

Directory says who the two are and how they are related; the rules (rules.py) turn that, the callee's
settings, blocks and the operator's entitlements into a verdict, which is never remembered. A call that may
ring is counted against the ring budget (ringing.py), which hears from the event log how calls ended
(endings.py). Messages have rules of their own (messages.py) and budgets (budget.py). A block is acknowledged
when signaling has closed the gate between the two (gates.py).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ringline.node import Node
from ringline.v1 import directory_pb2, directory_pb2_grpc, policy_pb2_grpc, signaling_pb2_grpc
from services.policy.api import PolicyApi
from services.policy.budget import Budgets
from services.policy.endings import DURABLE, FACTS, Endings
from services.policy.gates import Gates
from services.policy.ringing_store import Rings
from services.policy.settings import Settings
from services.policy.store import Store


@asynccontextmanager
async def build(node: Node, settings: Settings | None = None) -> AsyncIterator[None]:
    """Builds the service in this process."""
    db = await node.database("policy")
    settings = settings or Settings.load()
    store, budgets, rings = Store(db), Budgets(db, settings), Rings(db, settings.limits())
    log = await node.log()
    relations = await node.asker(
        "directory",
        lambda channel: directory_pb2_grpc.DirectoryStub(channel).Relate,
        lambda questions: directory_pb2.RelateRequest(questions=questions),
        lambda response: response.answers,
    )
    gates = Gates(store, signaling_pb2_grpc.SignalingStub(node.channel("signaling")))
    api = PolicyApi(store, relations, gates, budgets, rings, node.draining)
    node.serve("policy", policy_pb2_grpc.add_PolicyServicer_to_server, api)
    node.spawn(gates.run(), "policy gates")
    node.spawn(budgets.run(), "policy budgets")
    node.spawn(rings.run(), "policy ring budgets")
    node.spawn(log.consume(DURABLE, FACTS, Endings(rings).hear), "policy endings")
    yield
