"""Policy: may this caller ring this callee, and may this one write to that one?

Owns  call_settings, block, entitlement_version, entitlement.
Answers  Policy.Decide, Policy.Explain, Policy.GetCallSettings, Policy.SetCallSettings, Policy.Block,
Policy.Unblock, Policy.ListBlocks, Policy.MaySeePresence, Policy.GetEntitlements, Policy.SetEntitlements.
Hears  nothing.   Says  nothing.   Asks  directory, signaling.

Directory says who the two are and how they are related; the rules (rules.py) turn that, the callee's
settings, blocks and the operator's entitlements into a verdict, which is never remembered. A block is
acknowledged when signaling has closed the gate between the two (gates.py).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ringline.node import Node
from ringline.v1 import directory_pb2, directory_pb2_grpc, policy_pb2_grpc, signaling_pb2_grpc
from services.policy.api import PolicyApi
from services.policy.gates import Gates
from services.policy.store import Store


@asynccontextmanager
async def build(node: Node) -> AsyncIterator[None]:
    """Builds the service in this process."""
    store = Store(await node.database("policy"))
    relations = await node.asker(
        "directory",
        lambda channel: directory_pb2_grpc.DirectoryStub(channel).Relate,
        lambda questions: directory_pb2.RelateRequest(questions=questions),
        lambda response: response.answers,
    )
    gates = Gates(store, signaling_pb2_grpc.SignalingStub(node.channel("signaling")))
    api = PolicyApi(store, relations, gates, node.draining)
    node.serve("policy", policy_pb2_grpc.add_PolicyServicer_to_server, api)
    node.spawn(gates.run(), "policy gates")
    yield
