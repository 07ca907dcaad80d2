"""Policy: may this caller ring this callee, and may this one write to that one?

Owns  call_settings, person_settings, quiet_attempt, message_settings, message_budget, block,
entitlement_version, entitlement.
Answers  Policy.Decide, Policy.Explain, Policy.GetCallSettings, Policy.SetCallSettings, Policy.MayMessage,
Policy.GetMessageSettings, Policy.SetMessageSettings, Policy.MaySeePresence, Policy.Block, Policy.Unblock,
Policy.ListBlocks, Policy.GetEntitlements, Policy.SetEntitlements, Callee.GetPersonSettings,
Callee.SetPersonSettings, Callee.ResetPersonSettings, Callee.ListPersonSettings, Callee.PreviewCalls.
Hears  nothing.   Says  nothing.   Asks  directory, signaling.

Directory says who the two are and how they are related; the rules (rules.py, and the callee's: callee.py,
quiet.py) turn that, the callee's settings, blocks and the operator's entitlements into a verdict, which is
never remembered; only that somebody tried while it was quiet is (quiet_attempts.py). Messages have rules of
their own (messages.py) and budgets (budget.py). A block is acknowledged when signaling has closed
the gate between the two (gates.py).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ringline.node import Node
from ringline.v1 import (
    callee_pb2_grpc,
    directory_pb2,
    directory_pb2_grpc,
    policy_pb2_grpc,
    signaling_pb2_grpc,
)
from services.policy.api import PolicyApi
from services.policy.budget import Budgets
from services.policy.callee_api import CalleeApi
from services.policy.callee_store import CalleeStore
from services.policy.gates import Gates
from services.policy.quiet_attempts import QuietAttempts
from services.policy.settings import Settings
from services.policy.store import Store


@asynccontextmanager
async def build(node: Node, settings: Settings | None = None) -> AsyncIterator[None]:
    """Builds the service in this process."""
    db = await node.database("policy")
    store, budgets = Store(db), Budgets(db, settings or Settings.load())
    callees, quiet = CalleeStore(db), QuietAttempts(db)
    relations = await node.asker(
        "directory",
        lambda channel: directory_pb2_grpc.DirectoryStub(channel).Relate,
        lambda questions: directory_pb2.RelateRequest(questions=questions),
        lambda response: response.answers,
    )
    gates = Gates(store, signaling_pb2_grpc.SignalingStub(node.channel("signaling")))
    api = PolicyApi(store, callees, relations, gates, budgets, quiet, node.draining)
    node.serve("policy", policy_pb2_grpc.add_PolicyServicer_to_server, api)
    node.serve("policy", callee_pb2_grpc.add_CalleeServicer_to_server, CalleeApi(callees, relations))
    node.spawn(gates.run(), "policy gates")
    node.spawn(budgets.run(), "policy budgets")
    node.spawn(quiet.run(), "policy attempts in quiet hours")
    node.spawn(quiet.forget(), "policy old attempts")
    yield
