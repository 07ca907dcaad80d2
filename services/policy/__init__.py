"""Policy: may this caller ring this callee, and may this one write to that one?

Owns  call_settings, message_settings, message_budget, block, entitlement_version, entitlement,
operator_rules, operator_change, operator_tally, operator_sample.
Answers  Policy.Decide, Policy.Explain, Policy.GetCallSettings, Policy.SetCallSettings, Policy.MayMessage,
Policy.GetMessageSettings, Policy.SetMessageSettings, Policy.MaySeePresence, Policy.Block, Policy.Unblock,
Policy.ListBlocks, Policy.GetEntitlements, Policy.SetEntitlements, Policy.PutRules, Policy.UseRules,
Policy.GetRules, Policy.ListRuleChanges, Policy.GetShadowReport, Policy.SetSwitch, Policy.GetSwitches.
Hears  nothing.   Says  nothing.   Asks  directory, signaling.

Directory says who the two are and how they are related; the rules (rules.py) turn that, the callee's
settings, blocks and the operator's entitlements into a verdict, which is never remembered. Messages have
rules of their own (messages.py) and budgets (budget.py). A block is acknowledged when signaling has closed
the gate between the two (gates.py). What the operator says beyond tiers is a rule set in CEL, and switches of
features (operator_*.py).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ringline.node import Node
from ringline.v1 import directory_pb2, directory_pb2_grpc, policy_pb2_grpc, signaling_pb2_grpc
from services.policy.api import PolicyApi
from services.policy.budget import Budgets
from services.policy.gates import Gates
from services.policy.operator_file import RuleFile
from services.policy.operator_orders import OrderBook
from services.policy.operator_shadow import ShadowReport
from services.policy.operator_store import OperatorStore
from services.policy.operator_word import Words
from services.policy.settings import Settings
from services.policy.store import Store


@asynccontextmanager
async def build(node: Node, settings: Settings | None = None) -> AsyncIterator[None]:
    """Builds the service in this process."""
    db = await node.database("policy")
    settings = settings or Settings.load()
    operator, words = OperatorStore(db), Words()
    store, budgets = Store(db, OrderBook(operator)), Budgets(db, settings)
    relations = await node.asker(
        "directory",
        lambda channel: directory_pb2_grpc.DirectoryStub(channel).Relate,
        lambda questions: directory_pb2.RelateRequest(questions=questions),
        lambda response: response.answers,
    )
    gates = Gates(store, signaling_pb2_grpc.SignalingStub(node.channel("signaling")))
    api = PolicyApi(store, relations, gates, budgets, operator, words, node.draining)
    node.serve("policy", policy_pb2_grpc.add_PolicyServicer_to_server, api)
    node.spawn(gates.run(), "policy gates")
    node.spawn(budgets.run(), "policy budgets")
    node.spawn(ShadowReport(words, operator).run(), "policy shadow")
    if settings.rules_file:
        node.spawn(RuleFile(Path(settings.rules_file), operator).run(), "policy rules file")
    yield
