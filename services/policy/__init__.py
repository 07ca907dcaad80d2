"""Policy: may this caller ring this callee, and may this one write to that one?

Owns  call_settings, person_settings, quiet_attempt, message_settings, message_budget, ring_caller,
ring_callee, block, entitlement_version, entitlement, operator_rules, operator_change, operator_tally,
operator_sample, kept_verdict, report, evidence, sanction, audit.
Answers  Policy.Decide, Policy.Explain, Policy.GetCallSettings, Policy.SetCallSettings, Policy.MayMessage,
Policy.GetMessageSettings, Policy.SetMessageSettings, Policy.MaySeePresence, Policy.Block, Policy.Unblock,
Policy.ListBlocks, Policy.GetEntitlements, Policy.SetEntitlements, Policy.PutRules, Policy.UseRules,
Policy.GetRules, Policy.ListRuleChanges, Policy.GetShadowReport, Policy.SetSwitch, Policy.GetSwitches,
Callee.GetPersonSettings, Callee.SetPersonSettings, Callee.ResetPersonSettings, Callee.ListPersonSettings,
Callee.PreviewCalls, Records.ListAttempts, Records.Report, Records.Trace, Records.ListAudit,
Records.ListReports, Records.ShowReport, Records.TakeReport, Records.CloseReport, Records.ListSanctions,
Records.LiftSanctions.
Hears  CallEnded.   Says  nothing.   Asks  directory, signaling, conversations.

Directory says who the two are and how they are related; the rules (rules.py, and the callee's: callee.py,
quiet.py) turn that, the callee's settings, blocks and the operator's word into a verdict, which is never
remembered; only that somebody tried while it was quiet is (quiet_attempts.py). The operator says what each
tier may do, and beyond tiers a rule set in CEL and switches of features (operator_*.py). Messages have rules
of their own (messages.py) and budgets (budget.py). A block is acknowledged when signaling has closed the gate
between the two (gates.py). A call that may ring is counted against the ring budget (ringing.py), which hears
from the event log how calls ended (endings.py).

Verdicts are kept beside the answer (verdicts.py): for the callee, whom nobody told of a call, and for the
operator. Reports of people wait for him with their evidence (reports.py); what follows from them is the
caller's own fault in a verdict (sanctions.py). What he looks at is in the audit (audit.py).
"""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from ringline.node import Node
from ringline.v1 import (
    callee_pb2_grpc,
    conversations_pb2_grpc,
    directory_pb2,
    directory_pb2_grpc,
    policy_pb2_grpc,
    records_pb2_grpc,
    signaling_pb2_grpc,
)
from services.policy.api import PolicyApi
from services.policy.budget import Budgets
from services.policy.callee_api import CalleeApi
from services.policy.callee_store import CalleeStore
from services.policy.endings import DURABLE, FACTS, Endings
from services.policy.gates import Gates
from services.policy.operator_file import RuleFile
from services.policy.operator_orders import OrderBook
from services.policy.operator_shadow import ShadowReport
from services.policy.operator_store import OperatorStore
from services.policy.operator_word import Words
from services.policy.quiet_attempts import QuietAttempts
from services.policy.records_api import RecordsApi
from services.policy.ringing_store import Rings
from services.policy.settings import Settings
from services.policy.store import Store


@asynccontextmanager
async def build(node: Node, settings: Settings | None = None) -> AsyncIterator[None]:
    """Builds the service in this process."""
    db = await node.database("policy")
    settings = settings or Settings.load()
    operator, words = OperatorStore(db), Words()
    store, budgets, rings = (
        Store(db, OrderBook(operator)),
        Budgets(db, settings),
        Rings(db, settings.limits()),
    )
    callees, quiet = CalleeStore(db), QuietAttempts(db)
    relations = await node.asker(
        "directory",
        lambda channel: directory_pb2_grpc.DirectoryStub(channel).Relate,
        lambda questions: directory_pb2.RelateRequest(questions=questions),
        lambda response: response.answers,
    )
    gates = Gates(store, signaling_pb2_grpc.SignalingStub(node.channel("signaling")))
    # Of earlier releases policy did not ask conversations: without its address, evidence is not verified.
    is_known = node.hosts("conversations") or "conversations" in node.settings.address
    boxes = conversations_pb2_grpc.ConversationsStub(node.channel("conversations")) if is_known else None
    records = RecordsApi(db, settings, store, gates, rings, boxes)
    # Closed after the server: what was decided until then is kept, too.
    verdicts = await node.enter(aclosing(records.verdicts))
    api = PolicyApi(
        store,
        callees,
        relations,
        gates,
        budgets,
        rings,
        quiet,
        verdicts,
        records.sanctions,
        operator,
        words,
        node.draining,
    )
    node.serve("policy", policy_pb2_grpc.add_PolicyServicer_to_server, api)
    node.serve("policy", callee_pb2_grpc.add_CalleeServicer_to_server, CalleeApi(callees, relations))
    node.serve("policy", records_pb2_grpc.add_RecordsServicer_to_server, records)
    node.spawn(verdicts.run(), "policy verdicts")
    node.spawn(verdicts.run_sweeps(), "policy verdicts sweeper")
    node.spawn(records.run_sweeps(), "policy records sweeper")
    node.spawn(gates.run(), "policy gates")
    node.spawn(budgets.run(), "policy budgets")
    node.spawn(quiet.run(), "policy attempts in quiet hours")
    node.spawn(quiet.forget(), "policy old attempts")
    node.spawn(rings.run(), "policy ring budgets")
    node.spawn(_hear(node, rings), "policy endings")
    node.spawn(ShadowReport(words, operator).run(), "policy shadow")
    if settings.rules_file:
        node.spawn(RuleFile(Path(settings.rules_file), operator).run(), "policy rules file")
    yield


async def _hear(node: Node, rings: Rings) -> None:
    """Hears endings for ever. Nobody waits for the bus: a verdict needs none."""
    log = await node.log()
    await log.consume(DURABLE, FACTS, Endings(rings).hear)
