"""The description slots: what one side has said of its media path, counted and bounded. Pure."""

from collections.abc import Sequence

from ringline.refusal import Refusal
from ringline.v1 import client_pb2, reasons_pb2, signaling_pb2
from services.signaling.verbs import Step

MAX_CANDIDATES = 64
MAX_DESCRIPTION = 32 * 1024


def fill(done: Step, side: int, description: client_pb2.Description) -> None:
    """Puts a description into the slot of a side. Raises Refusal (STALE, INVALID)."""
    member = done.record.members[side]
    if description.generation <= member.described:
        raise Refusal(reasons_pb2.REASON_STALE)
    member.described, member.candidates = description.generation, 0
    member.described_bytes = len(description.body)
    _count(member, description.candidates)
    # A new description means a new path: both sides say anew that media flows.
    for each in done.record.members:
        each.flowing = False
    done.described = (side, description)


def append(done: Step, side: int, verb: client_pb2.AddCandidates) -> None:
    """Adds candidates to the newest description of a side. Raises Refusal (STALE, INVALID)."""
    member = done.record.members[side]
    if verb.generation != member.described:
        raise Refusal(reasons_pb2.REASON_STALE)
    _count(member, verb.candidates)
    done.added = (side, list(verb.candidates))


def _count(member: signaling_pb2.Member, candidates: Sequence[bytes]) -> None:
    """Keeps a description within what one frame can carry."""
    member.candidates += len(candidates)
    member.described_bytes += sum(len(one) for one in candidates)
    if member.candidates > MAX_CANDIDATES or member.described_bytes > MAX_DESCRIPTION:
        raise Refusal(reasons_pb2.REASON_INVALID, "A description has 32 KiB and 64 candidates at most.")
