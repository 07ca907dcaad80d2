"""The form of what a client may send: lengths, ids, kinds. Pure. What it means is for signaling to say."""

import re
from collections.abc import Callable, Sequence

from ringline import ids
from ringline.refusal import Refusal
from ringline.v1 import client_pb2
from ringline.v1.reasons_pb2 import Reason

LONGEST_FRAME = 65_536
LONGEST_COMMAND = 40_960
"""The longest frame that goes to signaling: a description, and room for fields of newer clients. A batch of
them stays below what gRPC takes in one message (BATCH in ringline/asker.py): a bigger one breaks the stream.
"""
USERNAME_LONGEST = 200
BINDING_LONGEST = 512
DESCRIPTION_LONGEST = 32_768
CANDIDATE_LONGEST = 512
CANDIDATES_AT_ONCE = 32
CANDIDATES_OF_A_GENERATION = 64
SIGNATURE_BYTES = 64
TICKET_LONGEST = 2_048
WORD_LONGEST = 64
CAPABILITIES = 32

_COMMAND_ID = re.compile(r"[A-Za-z0-9_-]{16,40}")
_KEYED = frozenset({"place", "answer", "decline", "hang_up", "set_media", "hold"})
"""What a person did: sent again after a break, so it needs a key by which it has no second effect."""


def kind_of(frame: client_pb2.ClientFrame) -> str:
    """What the frame is about, checked for form. Raises Refusal(INVALID)."""
    kind = frame.WhichOneof("body")
    if kind is None:
        raise _invalid("The frame has no body that is known here.")
    _hold(frame.ByteSize() <= LONGEST_COMMAND, "A frame has at most 40 KiB.")
    if frame.command_id or kind in _KEYED:
        well_formed = _COMMAND_ID.fullmatch(frame.command_id) is not None
        _hold(well_formed, "command_id has 16 to 40 characters of [A-Za-z0-9_-].")
    body = getattr(frame, kind)
    if hasattr(body, "call_id"):
        _hold(ids.is_id(body.call_id, "c_"), "call_id is no id of a call.")
    check = _CHECKS.get(kind)
    if check is not None:
        check(body)
    return kind


def _hello(hello: client_pb2.Hello) -> None:
    _hold(0 < len(hello.ticket) <= TICKET_LONGEST, "ticket is missing or too long.")
    _hold(len(hello.signature) == SIGNATURE_BYTES, "signature has 64 bytes.")
    _hold(ids.is_instance(hello.instance), "instance has 8 to 32 characters of [A-Za-z0-9_-].")
    _hold(len(hello.client_version) <= WORD_LONGEST, "client_version is too long.")
    _hold(len(hello.capabilities) <= CAPABILITIES, "capabilities are too many.")
    _hold(all(len(one) <= WORD_LONGEST for one in hello.capabilities), "A capability is too long.")


def _place(place: client_pb2.Place) -> None:
    _hold(0 < len(place.username) <= USERNAME_LONGEST, "username is missing or too long.")
    _hold(place.kinds.audio or place.kinds.video, "kinds are missing.")
    _hold(len(place.binding) <= BINDING_LONGEST, "binding has at most 512 bytes.")


def _answer(answer: client_pb2.Answer) -> None:
    _hold(len(answer.binding) <= BINDING_LONGEST, "binding has at most 512 bytes.")
    if answer.HasField("description"):
        _description(answer.description)


def _describe(describe: client_pb2.Describe) -> None:
    _hold(describe.HasField("description"), "description is missing.")
    _description(describe.description)


def _description(description: client_pb2.Description) -> None:
    size = len(description.body) + sum(len(one) for one in description.candidates)
    _hold(description.generation > 0, "generation begins at 1.")
    _hold(bool(description.body) and size <= DESCRIPTION_LONGEST, "A description has at most 32 KiB.")
    _candidates(description.candidates, CANDIDATES_OF_A_GENERATION)


def _add_candidates(add: client_pb2.AddCandidates) -> None:
    _hold(add.generation > 0, "generation begins at 1.")
    _hold(len(add.candidates) > 0, "candidates are missing.")
    _candidates(add.candidates, CANDIDATES_AT_ONCE)


def _candidates(candidates: Sequence[bytes], most: int) -> None:
    _hold(len(candidates) <= most, f"At most {most} candidates.")
    _hold(all(len(one) <= CANDIDATE_LONGEST for one in candidates), "A candidate has at most 512 bytes.")


def _report(report: client_pb2.Report) -> None:
    states = (client_pb2.MEDIA_STATE_FLOWING, client_pb2.MEDIA_STATE_FAILED)
    _hold(report.state in states, "state is not known here.")


_CHECKS: dict[str, Callable[..., None]] = {
    "hello": _hello,
    "place": _place,
    "answer": _answer,
    "describe": _describe,
    "add_candidates": _add_candidates,
    "report": _report,
}


def _hold(holds: bool, otherwise: str) -> None:
    if not holds:
        raise _invalid(otherwise)


def _invalid(sentence: str) -> Refusal:
    return Refusal(Reason.REASON_INVALID, sentence)
