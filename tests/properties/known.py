"""A history, looked up in the ways that the checker needs."""

from collections import defaultdict
from typing import NamedTuple

from tests.properties.history import History, Row, Said, Saw


class Violation(NamedTuple):
    """A property's number, and what was found."""

    property: str
    what: str


class Known:
    """A history, looked up in several ways."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.rows: dict[str, Row] = {row.call_id: row for kept in history.kept for row in kept.rows}
        """As last kept."""
        self.over: dict[str, float] = {}
        """From when on a call was surely over for both."""
        for kept in history.kept:
            for row in kept.rows:
                if not row.live:
                    self.over.setdefault(row.call_id, kept.at)
        self.seen: defaultdict[tuple[str, str], list[Saw]] = defaultdict(list)
        """By line and call, in their order. What a connection is still told when a newer one of the same line
        is open is seen by nobody: the device has left it, and its gateway may not have heard of that yet.
        """
        self.lines: dict[str, str] = {}
        opened = defaultdict(list)
        for one in history.opened:
            opened[one.line].append(one)
        for saw in history.saw:
            self.lines[saw.line] = saw.user_id
            if not any(one.epoch > saw.epoch and one.at <= saw.at for one in opened[saw.line]):
                self.seen[saw.line, saw.view.call_id].append(saw)
        self.attempts: defaultdict[tuple[str, str], list[Said]] = defaultdict(list)
        """By user and command id."""
        self.by_user: defaultdict[str, list[Said]] = defaultdict(list)
        for said in history.said:
            self.attempts[said.user_id, said.command_id].append(said)
            self.by_user[said.user_id].append(said)

    def side(self, row: Row, user_id: str) -> int:
        """0 for the caller, 1 for the callee."""
        return int(user_id != row.caller_id)

    def had_effect(self, said: Said) -> bool:
        """Whether the call remembers this command, or it placed one."""
        row = self.rows.get(said.call_id)
        return row is not None and said.command_id in row.commands[self.side(row, said.user_id)]
