"""What deletes old rows reads a page of a table, and the queue of reports is found, however large it is."""

import pytest

from ringline.config import NodeSettings
from services.policy import audit, budget, reports, ringing_store, verdicts
from tests.service.pods import owner

ROWS = 20_000
USER = "'u_' || lpad(n::text, 26, '0')"
FILLED = {
    "kept_verdict": "(call_id, act, at, caller_id, callee_id, audio, video, rule, shown, verdict)"
    f" SELECT 'c_' || n, 1, now(), {USER}, {USER}, true, false, 'audience.none', true, ''",
    "audit": "(operator, why, what, about) SELECT 'eve', 'ticket 7', 'trace', 'c_' || n",
    "report": "(report_id, reporter_id, reported_id, category, words)"
    f" SELECT 'r_' || lpad(n::text, 26, '0'), {USER}, {USER}, 1, ''",
    "ring_caller": f"SELECT {USER}, 1, '{{}}', now() + interval '1 day'",
    "ring_callee": f"SELECT {USER}, 1, '{{}}', now() + interval '1 day'",
    "message_budget": f"(user_id, due) SELECT {USER}, now()",
}
SWEEPS = {
    "kept_verdict": (verdicts.SWEEP, "30"),
    "audit": (audit.SWEEP, "365"),
    "report": (reports.SWEEP, "180"),
    "ring_caller": (ringing_store.SWEEP.format(table="ring_caller"), "''"),
    "ring_callee": (ringing_store.SWEEP.format(table="ring_callee"), "''"),
    "message_budget": (budget.SWEEP, "''"),
}


@pytest.mark.parametrize("table", SWEEPS)
async def test_a_sweep_does_not_read_the_whole_table(table: str, settings: NodeSettings) -> None:
    sql, argument = SWEEPS[table]
    async with owner(settings) as con:
        await con.execute("SET search_path TO policy; SET plan_cache_mode TO force_generic_plan")
        await con.execute(f"INSERT INTO {table} {FILLED[table]} FROM generate_series(1, {ROWS}) AS n")
        await con.execute(f"ANALYZE {table}")
        await con.execute(f"PREPARE sweep AS {sql}")
        plan = await con.fetch(f"EXPLAIN EXECUTE sweep({argument})")
    told = "\n".join(row[0] for row in plan)
    assert f"Seq Scan on {table}" not in told, told


async def test_the_queue_is_found_however_many_reports_are_closed(settings: NodeSettings) -> None:
    async with owner(settings) as con:
        await con.execute("SET search_path TO policy; SET plan_cache_mode TO force_generic_plan")
        await con.execute(f"INSERT INTO report {FILLED['report']} FROM generate_series(1, {ROWS}) AS n")
        await con.execute("UPDATE report SET state = 3 WHERE report_id NOT LIKE '%00'; ANALYZE report")
        await con.execute(f"PREPARE queue AS {reports.QUEUE}")
        plan = await con.fetch("EXPLAIN EXECUTE queue(0, '', '', 50)")
    told = "\n".join(row[0] for row in plan)
    assert "report_queue" in told, told
