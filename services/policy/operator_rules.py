"""The operator's rules: one text that says who may not place audio, send video, or be called.

The text is TOML, one `[[rule]]` after the other; what holds is written in CEL (docs/operator-rules.md).
**Every rule refuses**, and what no rule refuses is allowed: of several that hold the first one counts.

A rule that refuses `audio` or `video` is *said* to the caller, so it sees what the caller may know anyhow:
his own facts, his own address book, and the callee's verified mark. A rule that refuses `receive` ends as
*unheard* and sees the callee's facts as well. That is no rule of style: the names of the others do not
exist there.

What a text may cost is bounded before it is accepted: its size, the number of rules, the length of each,
and the functions, among which none repeats anything. So the time that it takes grows with its length alone,
and a text of the greatest length stays below the two milliseconds that a verdict gives it
(docs/decisions/0022-operator-rules.md). What was accepted is run as it is, also where these bounds were
others.
"""

import functools
import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cel_expr_python import cel

MOST_BYTES = 8_192
MOST_RULES = 32
LONGEST_EXPRESSION = 1_000

AUDIO, VIDEO, RECEIVE = "audio", "video", "receive"
KINDS = (AUDIO, VIDEO, RECEIVE)

FUNCTIONS = frozenset({"share", "startsWith", "endsWith", "contains", "size"})
"""What an expression may call. Not `matches` and no macro: their cost does not follow from the length."""

SAID: Mapping[str, Any] = {
    "caller.tier": cel.Type.STRING,
    "caller.verified": cel.Type.BOOL,
    "caller.age_days": cel.Type.INT,
    "caller.entitled_audio": cel.Type.BOOL,
    "caller.entitled_video": cel.Type.BOOL,
    "caller.contact": cel.Type.BOOL,
    "caller.follows": cel.Type.BOOL,
    "caller.messaged": cel.Type.BOOL,
    "callee.verified": cel.Type.BOOL,
}
"""The facts of a rule that is said to the caller."""
UNHEARD: Mapping[str, Any] = {
    **SAID,
    "call.video": cel.Type.BOOL,
    "callee.tier": cel.Type.STRING,
    "callee.age_days": cel.Type.INT,
}
"""The facts of a rule of which the caller never learns."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_KEYS = frozenset({"name", "refuses", "when", "missing"})
_HEADER = re.compile(r"\s*\[\[\s*rule\s*\]\]")
_WHEN = re.compile(r"\s*when\s*=\s*")
_TEXT = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'')
_CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(")
_UNCLEAR = ("\\", '"' * 3, "'" * 3)
"""With these it would take the engine's own reader to tell what is a text and what is a call."""
_AT = re.compile(r"<input>:(-?\d+):(-?\d+): ([^\n]*)")

Facts = Mapping[str, Any]
"""What is so: a value for every name of SAID or UNHEARD."""


class Malformed(Exception):
    """A text that is no rule set: `line` of it (from 1; 0 where none can be named), and the `reason`."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(f"Line {line}: {reason}" if line else reason)


class Failed(Exception):
    """A rule could not be told: it has no value for these facts. `rule` is its name."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(rule)


class Rule(NamedTuple):
    """One rule, as written."""

    name: str
    refuses: frozenset[str]
    """Of KINDS."""
    when: str
    missing: str
    """What the refused caller is told to be missing."""


class Refuses(NamedTuple):
    """A rule that held."""

    rule: str
    missing: str


class RuleSet:
    """A compiled text. It never changes, and asks nothing of anybody."""

    def __init__(self, rules: Sequence[Rule], lines: Sequence[int] = ()) -> None:
        """Raises Malformed where an expression is not one, or names what does not exist."""
        self._by_kind: dict[str, list[tuple[Refuses, Any]]] = {kind: [] for kind in KINDS}
        for number, rule in enumerate(rules):
            line = lines[number] if lines else 0
            for kind in sorted(rule.refuses):
                program = _compiled(rule, kind, line)
                self._by_kind[kind].append((Refuses(rule.name, rule.missing), program))

    def first(self, kind: str, user_id: str, facts: Facts) -> Refuses | None:
        """The first rule that refuses the kind; shares go by `user_id`. Raises Failed."""
        rules = self._by_kind[kind]
        if not rules:
            return None
        _whose.user_id = user_id
        activation = _environment(kind == RECEIVE).Activation(facts)
        for refuses, program in rules:
            value = program.eval(activation)
            if value.type() != cel.Type.BOOL:
                raise Failed(refuses.rule)
            if value.value():
                return refuses
        return None


def read(text: str) -> RuleSet:
    """A text that was accepted. Raises Malformed where it is none here: it came from a newer release."""
    rules, lines = _parsed(text)
    return RuleSet(rules, lines)


def check(text: str) -> RuleSet:
    """A text that is to be accepted. Raises Malformed, with its line."""
    if len(text.encode()) > MOST_BYTES:
        raise Malformed(0, f"A rule set has at most {MOST_BYTES} bytes.")
    rules, lines = _parsed(text)
    if len(rules) > MOST_RULES:
        raise Malformed(lines[MOST_RULES], f"A rule set has at most {MOST_RULES} rules.")
    seen: set[str] = set()
    for rule, line in zip(rules, lines, strict=True):
        if rule.name in seen:
            raise Malformed(line, f"There is another rule {rule.name}.")
        seen.add(rule.name)
        if len(rule.when) > LONGEST_EXPRESSION:
            raise Malformed(line, f"`when` has at most {LONGEST_EXPRESSION} characters.")
        bare = _TEXT.sub('""', rule.when)
        if any(mark in rule.when for mark in _UNCLEAR) or "//" in bare:
            raise Malformed(line, "`when` has no comments, no backslashes and no quotes of three.")
        called = set(_CALLED.findall(bare)) - {"in"}
        if not called <= FUNCTIONS:
            raise Malformed(line, f"{sorted(called - FUNCTIONS)[0]}() cannot be called in a rule.")
    return RuleSet(rules, lines)


def digest(text: str) -> str:
    """What tells one text from another."""
    return hashlib.sha256(text.encode()).hexdigest()


def in_share(name: str, user_id: str, percent: float) -> bool:
    """Whether a user is in a share of `percent` of all users. Who is in stays in as the share grows; shares
    of different names are independent of one another.
    """
    hashed = hashlib.sha256(f"{name}\0{user_id}".encode()).digest()
    return int.from_bytes(hashed[:8]) * 100 < percent * 2**64


def _parsed(text: str) -> tuple[list[Rule], list[int]]:
    """The rules and the line of each; 0 where it cannot be told."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        raise Malformed(int(found[1]) if found else text.count("\n") + 1, f"No TOML: {error}") from None
    except RecursionError:
        raise Malformed(0, "No TOML: nested too deeply.") from None
    except ValueError as error:  # the reader's own do not say where: a number of thousands of digits
        raise Malformed(0, f"No TOML: {error}") from None
    if not set(document) <= {"rule"}:
        raise Malformed(1, "A rule set is a list of [[rule]] and nothing else.")
    made = document.get("rule", [])
    if not isinstance(made, list):
        raise Malformed(1, "A rule begins with [[rule]].")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if _HEADER.match(line)]
    if len(lines) != len(made):
        lines = [0] * len(made)
    whens = [_line_of_when(text, line) for line in lines]
    return [_rule(one, line) for one, line in zip(made, lines, strict=True)], whens


def _rule(made: Any, line: int) -> Rule:
    if not isinstance(made, dict) or not set(made) <= _KEYS:
        raise Malformed(line, f"A rule has {', '.join(sorted(_KEYS))} and nothing else.")
    name, refuses, when = made.get("name"), made.get("refuses"), made.get("when")
    missing = made.get("missing", name)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Malformed(line, "`name` is 1 to 40 characters of [a-z0-9_-].")
    if not isinstance(missing, str) or not _NAME.fullmatch(missing):
        raise Malformed(line, "`missing` is 1 to 40 characters of [a-z0-9_-].")
    if not isinstance(refuses, list) or not refuses or not all(one in KINDS for one in refuses):
        raise Malformed(line, f"`refuses` is a list of {', '.join(KINDS)}.")
    if not isinstance(when, str) or not when.strip():
        raise Malformed(line, "`when` is an expression.")
    return Rule(name, frozenset(refuses), when, missing)


def _line_of_when(text: str, header: int) -> int:
    """The line of the `when` that follows a rule's header; that of the header where there is none."""
    if not header:
        return 0
    for number, line in enumerate(text.splitlines()[header:], header + 1):
        if _HEADER.match(line):
            break
        if _WHEN.match(line):
            # A text in three quotes may begin on the next line.
            return number + (_WHEN.sub("", line).strip() in ("'''", '"""'))
    return header


def _compiled(rule: Rule, kind: str, line: int) -> Any:
    try:
        program = _environment(kind == RECEIVE).compile(rule.when)
    except RuntimeError as error:
        found = _AT.search(str(error))
        below = max(0, int(found[1]) - 1) if found else 0
        reason = found[3] if found else str(error).splitlines()[0]
        raise Malformed(line + below if line else 0, f"{rule.name}, for {kind}: {reason}") from None
    if program.return_type() != cel.Type.BOOL:
        raise Malformed(line, f"{rule.name}: `when` is not a condition.")
    return program


class _Whose:
    """Whose share is asked for in the evaluation that is under way: there is one at a time."""

    user_id = ""


_whose = _Whose()


@functools.cache
def _environment(is_unheard: bool) -> Any:
    """The names and functions that exist in an expression."""

    def share(name: str, percent: float) -> bool:
        return in_share(name, _whose.user_id, percent)

    kinds = {"int": cel.Type.INT, "double": cel.Type.DOUBLE}
    overloads = [
        cel.Overload(f"share_{name}", cel.Type.BOOL, [cel.Type.STRING, kind], False, impl=share)
        for name, kind in kinds.items()
    ]
    names = dict(UNHEARD if is_unheard else SAID)
    return cel.NewEnv(variables=names, functions=[cel.FunctionDecl("share", overloads)])
