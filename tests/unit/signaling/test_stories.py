"""The stories of tests/vectors/calls, through the call's own step()."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict

from ringline.refusal import Refusal
from ringline.v1 import client_pb2, policy_pb2, signaling_pb2, types_pb2
from services.signaling import dial
from services.signaling.call import step
from services.signaling.record import Times
from services.signaling.store import Stored
from services.signaling.teller import raise_versions
from services.signaling.verbs import Drop, EndByOperator, Sever, Tick, Verb, Who
from services.signaling.view import concerned, view

STORIES = sorted((Path(__file__).parents[2] / "vectors" / "calls").glob("*.json"))
PLACED_AT = 1_000_000
TIMES = Times()


class Stage:
    """One call, told step by step."""

    def __init__(self, given: dict[str, Any]) -> None:
        verdict = ParseDict(given["verdict"], policy_pb2.Verdict())
        verdict.caller.CopyFrom(types_pb2.Profile(user_id="ada", username="ada"))
        verdict.callee.CopyFrom(types_pb2.Profile(user_id="bob", username="bob"))
        lines = [
            types_pb2.Line(user_id="bob", device_id="bob", instance=line.partition(".")[2], epoch=1)
            for line in given["lines"]
        ]
        verb = client_pb2.Place(username="bob", kinds=ParseDict(given["asks"], types_pb2.Kinds()))
        who = Who(0, "ada.laptop", "g_1", 1, "place-command-0001")
        room = dial.Room(is_busy=given.get("busy", False), line=_waiting(given))
        placed = dial.place("c_1", verdict, who, verb, lines, room, PLACED_AT, TIMES)
        self.stored = Stored(placed.record, (None, None))
        self.events = list(placed.events)
        self.lines = {"ada.laptop", *given["lines"]}

    def views(self, now: int) -> dict[str, client_pb2.Call]:
        """What every line sees."""
        sides = {"ada": 0, "bob": 1}
        return {
            line: view(
                self.stored.record,
                sides[line.partition(".")[0]],
                line,
                self.stored.slots[1 - sides[line.partition(".")[0]]],
                now=now,
            )
            for line in self.lines
        }

    def take(self, told: dict[str, Any]) -> dict[str, client_pb2.Call]:
        """Applies a step and answers the views that changed: their version rose."""
        now = PLACED_AT + told["at"]
        who, verb = _speech(told)
        if who is not None:
            self.lines.add(who.line)
        before, heard = self.views(now), self._concerned()
        done = step(self.stored.record, who, verb, now, TIMES)
        if not done.changed:
            return {}
        raise_versions(self.stored, done)
        slots: list[client_pb2.Description | None] = list(self.stored.slots)
        if done.described is not None:
            slots[done.described[0]] = done.described[1]
        if done.added is not None and (slot := slots[done.added[0]]) is not None:
            slot.candidates.extend(done.added[1])
        self.stored = Stored(done.record, (slots[0], slots[1]))
        self.events += done.events
        after = self.views(now)
        assert all(after[x].version >= before[x].version for x in self.lines)
        now_heard = self._concerned()
        news = {x for x in heard & self.lines if _news(before[x], after[x])} | (now_heard - heard)
        return {x: after[x] for x in news}

    def _concerned(self) -> set[str]:
        """The lines to which frames about the call go."""
        return {line for member in self.stored.record.members for line in concerned(member)}


def _waiting(given: dict[str, Any]) -> signaling_pb2.Leg | None:
    """The line of the callee that is in another call."""
    return signaling_pb2.Leg(line=given["waits"], epoch=1) if "waits" in given else None


def _news(before: client_pb2.Call, after: client_pb2.Call) -> bool:
    old, new = client_pb2.Call(), client_pb2.Call()
    old.CopyFrom(before)
    new.CopyFrom(after)
    for one in (old, new):
        one.version = 0
    if old != new:
        assert after.version > before.version, "a view changed and its version did not"
        return True
    return False


def _speech(told: dict[str, Any]) -> tuple[Who | None, Verb]:
    name, value = next(iter(told["does"].items()))
    if told["by"] == "server":
        server: dict[str, Any] = {
            "tick": lambda: Tick(None if value is None else frozenset(value)),
            "sever": lambda: Sever(value),
            "drop": lambda: Drop(*value),
            "end": EndByOperator,
        }
        return None, server[name]()
    who = Who(0 if told["by"].startswith("ada") else 1, told["by"], "g_1", 1)
    if name in ("arrived", "gone"):
        return who, signaling_pb2.Arrived() if name == "arrived" else signaling_pb2.Gone()
    frame = ParseDict({name: value}, client_pb2.ClientFrame())
    return who, getattr(frame, str(frame.WhichOneof("body")))


def _shows(seen: client_pb2.Call, told: dict[str, Any]) -> None:
    expected = ParseDict(told, client_pb2.Call())
    for name in told:
        field = next(x for x in client_pb2.Call.DESCRIPTOR.fields if x.json_name == name)
        assert getattr(seen, field.name) == getattr(expected, field.name), name


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_the_call_goes_as_the_story_tells(path: Path) -> None:
    story = json.loads(path.read_text())
    stage = Stage(story["given"])
    for told in story["steps"]:
        if "refused" in told:
            kept = stage.stored.record.SerializeToString(deterministic=True)
            with pytest.raises(Refusal) as refused:
                stage.take(told)
            assert refused.value.name.upper() == told["refused"], told
            assert stage.stored.record.SerializeToString(deterministic=True) == kept
            continue
        changed = stage.take(told)
        shown = told.get("shows", {})
        assert set(changed) == set(shown), told
        for line, parts in shown.items():
            _shows(changed[line], parts)
    assert [event.WhichOneof("fact") for event in stage.events] == story["events"]
    versions = [event.version for event in stage.events]
    assert versions == sorted(versions)
    assert len({event.event_id for event in stage.events}) == len(stage.events)
