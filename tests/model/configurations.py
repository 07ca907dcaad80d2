"""What is explored, each with the number of its states: what changes a number must be meant."""

from __future__ import annotations

from dataclasses import replace

from ringline.v1 import policy_pb2
from tests.model.server import admitted
from tests.model.world import Configuration

ADA = ("u_ada", "laptop.ada", "g1")
BOB = ("u_bob", "phone.bob", "g2")
TABLET = ("u_bob", "tablet.bob", "g1")
DIALS = (("laptop.ada", "bob"),)
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
GLARE = Configuration("both dial", (ADA, BOB), (*DIALS, ("phone.bob", "ada")), ANSWER)
BLOCK = Configuration("blocked", (ADA, BOB), DIALS, ANSWER, blocks=(("u_bob", "u_ada"),))
HANG_UP = Configuration("they hang up", (ADA, BOB), DIALS, frozenset({"answer", "decline", "hang_up"}))
COLD = Configuration("presence is cold", (ADA, BOB), DIALS, ANSWER, knows_lines=False)
LATE = Configuration(
    "comes late", (ADA, BOB), DIALS, frozenset(), weak=("laptop.ada", "phone.bob"), moments=(41_000,), waits=2
)
TABLET_TOO = Configuration("two devices", (ADA, BOB, TABLET), DIALS, ANSWER, begins="ringing")
TABLET_DECLINES = replace(TABLET_TOO, name="two devices, declined", verbs=frozenset({"answer", "decline"}))
CRASH = Configuration("the caller crashes", (ADA, BOB), DIALS, ANSWER, weak=("laptop.ada",), begins="ringing")
CALLEE_CRASH = replace(CRASH, name="the callee crashes", weak=("phone.bob",))
PLACING_CRASH = replace(
    CRASH, name="a crash while placing", verbs=frozenset(), weak=("laptop.ada",), begins=""
)
FAILS = Configuration("media fails", (ADA, BOB), DIALS, ANSWER, fails=1)

TWO_CRASHES = replace(CRASH, name="both crash", weak=("laptop.ada", "phone.bob"))
TABLET_CRASH = replace(TABLET_TOO, name="two devices, one crash", weak=("phone.bob",))
TABLET_CALLER_CRASH = replace(TABLET_CRASH, name="two devices, the caller crashes", weak=("laptop.ada",))
EACH = ("laptop.ada", "phone.bob", "tablet.bob")
TWO_TWO = replace(TABLET_TOO, name="two devices, all crash", weak=EACH, mute=True)
TWO_SAME = replace(TWO_TWO, name="two devices, one crashes twice", weak=("phone.bob", "phone.bob"))
TWO_CALLER = replace(TWO_TWO, name="two devices, two caller crashes", weak=("laptop.ada", "laptop.ada"))
CAROL = ("u_carol", "mobile.carol", "g3")
DORA = ("u_dora", "mobile.dora", "g4")
TOO = (*DIALS, ("mobile.carol", "bob"))
ALL = frozenset({"answer", "decline", "hang_up"})
HOLDS = frozenset({"hold", "resume"})
HOLD = Configuration("they hold", (ADA, BOB), DIALS, HOLDS, toggles=4, begins="talking")
HOLD_CRASH = replace(HOLD, name="they hold, a page goes", toggles=2, weak=("laptop.ada",))
WAITING = Configuration(
    "a third calls", (ADA, BOB, CAROL), TOO, frozenset({"hold", "answer"}), toggles=1, begins="talking"
)
WAITING_ENDS = replace(WAITING, name="a third calls, one ends", verbs=ALL, toggles=0)
WAITING_TABLET = replace(
    WAITING, name="a third calls, two devices", lines=(ADA, BOB, TABLET, CAROL), verbs=frozenset({"hang_up"})
)
THIRD = Configuration(
    "a fourth calls", (ADA, BOB, CAROL, DORA), (*TOO, ("mobile.dora", "bob")), frozenset(), begins="talking"
)
REVOKED = Configuration("a device is revoked", (ADA, BOB, TABLET), DIALS, ANSWER, revokes=("phone.bob",))
CALLER_REVOKED = replace(
    REVOKED, name="the caller's device is revoked", lines=(ADA, BOB), revokes=("laptop.ada",)
)

SMALL = {
    TALK: 62,
    DECLINE: 447,
    STRANGER: 305,
    UNHEARD: 51,
    NO_ANSWER: 352,
    GLARE: 256,
    BLOCK: 268,
    COLD: 62,
    HANG_UP: 336,
    TABLET_TOO: 316,
    TABLET_DECLINES: 403,
    FAILS: 171,
    PLACING_CRASH: 98,
    CRASH: 667,
    CALLEE_CRASH: 873,
    WAITING: 650,
    WAITING_TABLET: 834,
    THIRD: 76,
    CALLER_REVOKED: 443,
    TWO_CALLER: 586,
}
"""Part of `make test`."""
LARGE = {
    TWO_CRASHES: 37_503,
    TWO_TWO: 28_889,
    TWO_SAME: 2_235,
    TABLET_CRASH: 5_811,
    TABLET_CALLER_CRASH: 6_612,
    LATE: 20_760,
    REVOKED: 6_386,
    HOLD: 4_759,
    HOLD_CRASH: 13_333,
    WAITING_ENDS: 3_525,
}
"""Of `make model` alone."""
