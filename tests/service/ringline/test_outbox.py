"""The outbox on a real database: what a relay looks at, however much waits."""

import json
from typing import Any

from ringline.outbox import BATCH, CLAIM, NEXT, PARTS
from tests.conftest import SettingsFor
from tests.service.pods import owner
from tests.suite import backlog

CALLS = 5_000


def nodes_of(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Every node of a plan."""
    return [plan, *(found for part in plan.get("Plans", []) for found in nodes_of(part))]


async def test_a_relay_looks_at_no_more_than_it_takes_however_much_waits(settings_for: SettingsFor) -> None:
    """A weekend without the bus is millions of rows: reading them all would be ended by the time limit."""
    settings = await settings_for("signaling")
    await backlog.fill(settings.database_owner_url.get_secret_value(), backlog.rows(CALLS))
    async with owner(settings) as con:
        await con.execute("SET search_path = signaling")
        await con.execute("SET plan_cache_mode = force_generic_plan")
        looked = []
        for name, sql, values in (
            ("claim", CLAIM, f"1, {PARTS}"),
            ("next", NEXT, f"'{{{','.join(map(str, range(PARTS)))}}}', {BATCH}"),
        ):
            await con.execute(f"PREPARE {name} AS {sql}")
            answer = await con.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE {name} ({values})")
            nodes = nodes_of(json.loads(answer)[0]["Plan"])
            of_outbox = [node for node in nodes if node.get("Relation Name") == "outbox"]
            assert of_outbox
            looked.append(
                sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in of_outbox)
            )
        assert looked == [1, BATCH]
