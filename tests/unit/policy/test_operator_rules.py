"""The operator's rules: what a text must be, and what it then says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline import ids
from services.policy import operator_rules
from services.policy.operator_rules import (
    AUDIO,
    RECEIVE,
    VIDEO,
    Failed,
    Malformed,
    Refuses,
    check,
    in_share,
    read,
)

ADA = ids.mint_user()
FACTS = {
    "caller.tier": "free",
    "caller.verified": False,
    "caller.age_days": 3,
    "caller.entitled_audio": True,
    "caller.entitled_video": False,
    "caller.contact": False,
    "caller.follows": False,
    "caller.messaged": False,
    "callee.verified": False,
}
HIDDEN = {"call.video": True, "callee.tier": "free", "callee.age_days": 3}


def rule(when: str, refuses: str = '"audio"', name: str = "a", more: str = "") -> str:
    """One rule, as a text."""
    return f'[[rule]]\nname = \'{name}\'\nrefuses = [{refuses}]\nwhen = """\n{when}"""\n{more}\n'


def said(text: str, kind: str = AUDIO, **facts: object) -> Refuses | None:
    """What a text says about Ada."""
    known = {**FACTS, **(HIDDEN if kind == RECEIVE else {})}
    changed = {name.replace("__", "."): value for name, value in facts.items()}
    return check(text).first(kind, ADA, {**known, **changed})


def test_an_empty_text_refuses_nothing() -> None:
    assert [said("", kind) for kind in (AUDIO, VIDEO, RECEIVE)] == [None, None, None]


def test_the_first_rule_that_holds_says_what_is_missing() -> None:
    text = (
        rule("caller.age_days < 1", name="fresh")
        + rule("caller.age_days < 7", name="young", more="missing = 'a-week'")
        + rule("true", name="all")
    )
    assert said(text) == Refuses("young", "a-week")
    assert said(text, caller__age_days=0) == Refuses("fresh", "fresh")
    assert said(text, caller__age_days=7) == Refuses("all", "all")


def test_a_rule_refuses_the_kinds_that_it_names_and_no_other() -> None:
    text = rule("!caller.verified", '"video", "receive"')
    assert said(text) is None
    assert said(text, VIDEO) == said(text, RECEIVE) == Refuses("a", "a")
    assert said(text, VIDEO, caller__verified=True) is None


def test_a_rule_that_is_said_cannot_see_what_the_caller_may_not_know() -> None:
    for name in HIDDEN:
        when = f"{name} == {name}"
        assert said(rule(when, '"receive"'), RECEIVE) is not None
        for kind in ("audio", "video"):
            with pytest.raises(Malformed, match="undeclared"):
                check(rule(when, f'"{kind}"'))
    for name in ("callee.contact", "callee.follows", "callee.messaged", "callee.entitled_video"):
        with pytest.raises(Malformed, match="undeclared"):
            check(rule(f"{name} == {name}", '"receive"'))


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("rule", 1, "No TOML"),
        ("a = 1", 1, "nothing else"),
        ("rule = 1", 1, "begins with"),
        ("\n\n" + rule("true") + "[[rule]\n", 9, "No TOML"),
        (rule("true", name="A"), 1, "`name`"),
        (rule("true", '"audio", "all"'), 1, "`refuses`"),
        (rule("true", ""), 1, "`refuses`"),
        (rule("true", more="missing = 'what is missing'"), 1, "`missing`"),
        (rule("true", more="misssing = 'plus'"), 1, "nothing else"),
        (rule(""), 1, "`when`"),
        (rule("true") + rule("true"), 11, "another rule"),
        (rule("true ||\ncaller.teir == 'plus'"), 6, "undeclared reference to 'caller.teir'"),
        (rule("caller.tier + 1 == 2"), 5, "no matching overload"),
        (rule("caller.tier =="), 5, "Syntax error"),
        (rule("caller.tier"), 5, "not a condition"),
        (rule("[1].all(x, x > 0)"), 5, r"all\(\) cannot be called"),
        (rule("[1].all (x, x > 0)"), 5, r"all\(\) cannot be called"),
        (rule("[1].all//\n(x, x > 0)"), 5, "no comments"),
        (rule("caller.tier.matches('a')"), 5, r"matches\(\) cannot be called"),
        (rule("r'\\\\' == caller.tier"), 5, "no backslashes"),
        (rule("'''a''' == caller.tier"), 5, "quotes of three"),
        (rule("true || " * 130 + "true"), 5, "at most 1000 characters"),
        ("".join(rule("true", name=f"r{n}") for n in range(33)), 32 * 6 + 5, "at most 32 rules"),
        ("#" * 8_193, 0, "at most 8192 bytes"),
        ("rule = " + "[" * 8_000, 0, "nested too deeply"),
        ("rule = " + "{a=" * 2_000, 0, "nested too deeply"),
        ("\n\nrule = " + "1" * 5_000, 0, "No TOML: Exceeds the limit"),
    ],
)
def test_a_text_that_does_not_hold_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(Malformed, match=reason) as refused:
        check(text)
    assert refused.value.line == line


def test_the_line_is_that_of_a_short_expression_too() -> None:
    text = "[[rule]]\nname = 'a'\nwhen = 'nobody'\nrefuses = ['audio']\n"
    with pytest.raises(Malformed) as refused:
        check(text)
    assert refused.value.line == 3


def test_a_rule_without_a_value_fails_by_name() -> None:
    text = rule("1 / caller.age_days == 1", name="by_zero")
    assert said(text, caller__age_days=1) == Refuses("by_zero", "by_zero")
    with pytest.raises(Failed) as failed:
        said(text, caller__age_days=0)
    assert failed.value.rule == "by_zero"


def test_what_an_older_release_accepted_is_still_read() -> None:
    text = rule("[1, 2].exists(x, x == caller.age_days)")
    with pytest.raises(Malformed):
        check(text)
    assert read(text).first(AUDIO, ADA, {**FACTS, "caller.age_days": 2}) == Refuses("a", "a")


def test_shares_are_asked_for_by_name_and_by_the_user_who_is_judged() -> None:
    users = [ids.mint_user() for _ in range(50)]
    rules = check(rule("!share('video-rollout', 40)", '"video"') + rule("share('x', 0.5)", name="b"))
    refused = {user for user in users if rules.first(VIDEO, user, FACTS)}
    assert refused == {user for user in users if not in_share("video-rollout", user, 40)}
    assert 0 < len(refused) < 50


@given(st.text(max_size=20), st.floats(0, 100), st.floats(0, 100))
def test_who_is_in_a_share_stays_in_as_it_grows(name: str, one: float, other: float) -> None:
    smaller, greater = sorted((one, other))
    user = f"u_{name}"
    assert in_share("rollout", user, greater) or not in_share("rollout", user, smaller)
    assert in_share("rollout", user, 100)
    assert not in_share("rollout", user, 0)


def test_a_share_is_that_share_of_the_users_and_another_for_every_name() -> None:
    users = [f"u_{number}" for number in range(20_000)]
    first = {user for user in users if in_share("first", user, 10)}
    second = {user for user in users if in_share("second", user, 10)}
    assert 1_850 < len(first) < 2_150
    assert 130 < len(first & second) < 270


def test_a_share_never_changes_with_a_release() -> None:
    """Who is in today is in tomorrow: these were drawn once, and are written down."""
    known = [user for user in (f"u_{number}" for number in range(40)) if in_share("video-rollout", user, 20)]
    assert known == KNOWN


KNOWN = ["u_0", "u_8", "u_18", "u_20", "u_21", "u_23", "u_32", "u_38"]


def test_a_text_of_the_greatest_length_is_accepted() -> None:
    when = " || ".join(["caller.tier == 'a'"] * 44)
    text = "".join(rule(when, '"audio", "video", "receive"', f"r{number}") for number in range(7))
    assert 7_000 < len(text + "#" * (8_192 - len(text))) <= 8_192
    assert said(text + "#" * (8_192 - len(text)), RECEIVE) is None


def test_a_text_is_told_from_another_by_its_content() -> None:
    assert operator_rules.digest("a") == operator_rules.digest("a") != operator_rules.digest("a ")
