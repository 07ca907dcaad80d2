"""docs/operator-rules.md, carried out: its rule set is accepted, and says what the page says."""

import re

import pytest

from services.policy import operator_rules
from services.policy.operator_rules import AUDIO, RECEIVE, SAID, UNHEARD, VIDEO, Refuses, check, in_share
from tests.house.sources import ROOT

PAGE = (ROOT / "docs" / "operator-rules.md").read_text()
RULES = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)[0]
PLAIN = {
    "caller.tier": "free",
    "caller.verified": False,
    "caller.age_days": 30,
    "caller.entitled_audio": True,
    "caller.entitled_video": True,
    "caller.contact": False,
    "caller.follows": False,
    "caller.messaged": False,
    "callee.verified": False,
    "callee.tier": "free",
    "callee.age_days": 30,
    "call.video": False,
}
USERS = [f"u_{number}" for number in range(2_000)]
IN_SHARE = next(user for user in USERS if in_share("video-rollout", user, 10))
OUTSIDE = next(user for user in USERS if not in_share("video-rollout", user, 10))


@pytest.mark.parametrize(
    ("kind", "facts", "refused"),
    [
        (AUDIO, {}, None),
        (AUDIO, {"caller.tier": "banned"}, Refuses("banned", "banned")),
        (VIDEO, {"caller.tier": "banned"}, Refuses("banned", "banned")),
        (AUDIO, {"caller.age_days": 0}, Refuses("first-day", "one-day")),
        (AUDIO, {"caller.age_days": 0, "caller.contact": True}, None),
        (VIDEO, {"caller.age_days": 0, "caller.tier": "plus"}, None),
        (VIDEO, {}, Refuses("video-rollout", "plus")),
        (VIDEO, {"caller.tier": "pro"}, None),
        (RECEIVE, {"callee.tier": "support"}, None),
        (RECEIVE, {"callee.tier": "support", "call.video": True}, Refuses("support", "support")),
        (RECEIVE, {"callee.tier": "support", "caller.age_days": 6}, Refuses("support", "support")),
        (RECEIVE, {"call.video": True, "caller.age_days": 6}, None),
    ],
)
def test_the_rules_of_the_page_say_what_it_says(
    kind: str, facts: dict[str, object], refused: Refuses | None
) -> None:
    names = UNHEARD if kind == RECEIVE else SAID
    known = {name: value for name, value in ({**PLAIN, **facts}).items() if name in names}
    assert check(RULES).first(kind, OUTSIDE, known) == refused


def test_the_share_of_the_page_is_let_in() -> None:
    known = {name: PLAIN[name] for name in SAID}
    rules = check(RULES)
    assert rules.first(VIDEO, IN_SHARE, known) is None
    refused = sum(rules.first(VIDEO, user, known) is not None for user in USERS)
    assert 0.87 < refused / len(USERS) < 0.93


def test_the_page_has_every_fact_and_function_and_the_bounds() -> None:
    named = set(re.findall(r"`((?:caller|callee|call)\.\w+)`", PAGE))
    assert named == set(UNHEARD)
    hidden = set(UNHEARD) - set(SAID)
    (row,) = [line for line in PAGE.splitlines() if "`receive` alone" in line]
    assert set(re.findall(r"`(\w+\.\w+)`", row)) == hidden
    for function in operator_rules.FUNCTIONS - {"share"}:
        assert f"`{function}`" in PAGE
    assert f"{operator_rules.MOST_BYTES // 1024} KiB and {operator_rules.MOST_RULES} rules" in PAGE
