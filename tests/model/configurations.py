"""What is explored, each with the number of its states: what changes a number must be meant."""

from __future__ import annotations

from dataclasses import replace

from ringline.v1 import policy_pb2
from tests.model.server import admitted
from tests.model.world import Configuration

ADA = ("u_ada", "ada.laptop", "g1")
BOB = ("u_bob", "bob.phone", "g2")
TABLET = ("u_bob", "bob.tablet", "g1")
DIALS = (("ada.laptop", "bob"),)
ANSWER = frozenset({"answer"})


def unheard() -> policy_pb2.Verdict:
    """A verdict that admits nothing, to somebody who may not know it."""
    verdict = admitted(device_truth=False)
    verdict.outcome = policy_pb2.OUTCOME_UNHEARD
    return verdict


def untrusted() -> policy_pb2.Verdict:
    """A verdict that admits a caller who may not know what the devices do."""
    return admitted(device_truth=False)


TALK = Configuration("they talk", (ADA, BOB), DIALS, ANSWER)
DECLINE = Configuration("declined", (ADA, BOB), DIALS, frozenset({"decline"}), moments=(41_000,), waits=3)
STRANGER = replace(DECLINE, name="declined to a stranger", verdict=untrusted)
UNHEARD = replace(DECLINE, name="unheard", verbs=frozenset({"answer", "decline", "hang_up"}), verdict=unheard)
NO_ANSWER = Configuration("no answer", (ADA, BOB), DIALS, frozenset(), moments=(41_000,), waits=3)
GLARE = Configuration("both dial", (ADA, BOB), (*DIALS, ("bob.phone", "ada")), ANSWER)
BLOCK = Configuration("blocked", (ADA, BOB), DIALS, ANSWER, blocks=(("u_bob", "u_ada"),))
HANG_UP = Configuration("they hang up", (ADA, BOB), DIALS, frozenset({"answer", "decline", "hang_up"}))
COLD = Configuration("presence is cold", (ADA, BOB), DIALS, ANSWER, knows_lines=False)
LATE = Configuration("comes late", (ADA, BOB), DIALS, frozenset(), crashes=1, moments=(41_000,), waits=2)
TABLET_TOO = Configuration("two devices", (ADA, BOB, TABLET), DIALS, ANSWER, rings=True)
TABLET_DECLINES = replace(TABLET_TOO, name="two devices, declined", verbs=frozenset({"answer", "decline"}))
CRASH = Configuration("the caller crashes", (ADA, BOB), DIALS, ANSWER, 1, weak=("ada.laptop",), rings=True)
CALLEE_CRASH = replace(CRASH, name="the callee crashes", weak=("bob.phone",))
PLACING_CRASH = replace(CRASH, name="a crash while placing", verbs=frozenset(), weak=(), rings=False)
FAILS = Configuration("media fails", (ADA, BOB), DIALS, ANSWER, fails=1)

TWO_CRASHES = replace(CRASH, name="both crash", weak=(), crashes=2)

SMALL = {
    TALK: 62,
    DECLINE: 447,
    STRANGER: 305,
    UNHEARD: 51,
    NO_ANSWER: 352,
    GLARE: 256,
    BLOCK: 268,
    COLD: 62,
    HANG_UP: 338,
    TABLET_TOO: 316,
    TABLET_DECLINES: 403,
    FAILS: 171,
    PLACING_CRASH: 170,
    CRASH: 667,
    CALLEE_CRASH: 873,
}
"""Part of `make test`."""
LARGE = {
    LATE: 4_307,
    TWO_CRASHES: 68_201,
}
"""Of `make model` alone."""
