"""What the operator's rules say about one attempt; for who calls, and for who is called.

Without a rule set the list of tiers holds. With one the rules do, and the list is a fact for them. The
switches hold in either case, and last.

**What fails, fails closed.** A rule that has no value, or a judgement of more than two milliseconds,
leaves: audio by the list of tiers, no video for either, and who may ring is what the callee's settings say.
Refusing everything would end calling for all because of one rule; allowing everything would give video to
those whom a rule keeps out.

Two milliseconds are of this thread's CPU: evaluation waits for nothing, and a busy machine is not the rules'
fault. Nor is the collector: what took longer is judged once more, and only what takes long twice is slow. A
rule set that is slow again and again is not asked any more by this process.

The same holds in the shadow: what fails there is counted and nothing else. It is asked so many times a
second at most.
"""

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable
from typing import NamedTuple

from prometheus_client import Counter, Histogram

from ringline.telemetry import log
from ringline.v1 import accounts_pb2, directory_pb2, policy_pb2
from ringline.v1.operator_pb2 import Feature
from services.policy.operator_rules import AUDIO, RECEIVE, VIDEO, Facts, Failed, RuleSet

MOST_SECONDS = 0.002
"""CPU that one judgement may take."""
STRIKES = 10
"""After so many that took longer a rule set is not asked any more."""
FORGIVEN_AFTER = 1_000
"""Judgements after which the strikes are forgotten."""
SHADOW_PER_SECOND = 100
MOST_SAMPLES_AT_ONCE = 100
QUIET_SECONDS = 60.0
"""Between two lines of log about the same rule set."""
DAY_MS = 86_400_000

FAILED = "rules_failed"
SWITCHED_OFF = "switched_off"

JUDGED = Counter(
    "ringline_operator_rules_total",
    "Judgements by the operator's rules, by what came of them.",
    ["place", "fate"],
)
SECONDS = Histogram(
    "ringline_operator_rules_seconds",
    "CPU of one judgement by the operator's rules.",
    ["place"],
    buckets=(0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.02),
)
DIFFERENCES = Counter(
    "ringline_operator_shadow_differences_total",
    "What the rule set in the shadow said otherwise than the live one.",
    ["kind", "allows"],
)

Allowed = tuple[bool, bool]
"""What a tier's row says: audio, video."""


class Standing(NamedTuple):
    """One rule set as it stands: its version, and the compiled text, or None where it is none here."""

    version: int
    rules: RuleSet | None


class Orders(NamedTuple):
    """What is in force."""

    revision: int
    live: Standing | None
    shadow: Standing | None
    off: frozenset[Feature.ValueType]


NONE = Orders(0, None, None, frozenset())


class Judged(NamedTuple):
    """What the rules say: None where they allow, else what is missing ("" where it is the tier)."""

    audio: str | None = None
    """What the caller lacks for placing audio."""
    video: str | None = None
    callee_video: str | None = None
    receive: str | None = None
    steps: tuple[tuple[str, str], ...] = ()
    """Which rules held, with what follows: for the trace."""
    is_failed: bool = False

    def allows(self) -> dict[str, bool]:
        """What is allowed, by what is asked."""
        return {
            "audio": self.audio is None,
            "video": self.video is None,
            "callee_video": self.callee_video is None,
            "receive": self.receive is None,
        }


class Word(NamedTuple):
    """The operator's word about one attempt."""

    caller: Allowed
    callee: Allowed
    receives: bool
    """The callee may be called by this caller."""
    is_strangers_off: bool
    missing_audio: str = ""
    """What the caller lacks, in the operator's words; "" where it is his tier."""
    missing_video: str = ""
    steps: tuple[tuple[str, str], ...] = ()


class Case(NamedTuple):
    """What is judged."""

    pair: directory_pb2.PairAnswer
    wants_video: bool
    caller: Allowed
    """What the list of tiers says about the caller."""
    callee: Allowed
    now_ms: int


class Difference(NamedTuple):
    """One thing that the shadow says otherwise."""

    caller_id: str
    callee_id: str
    kind: str
    allows: bool


class Words:
    """The operator's word, and what the shadow found since it was last asked for."""

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        """`clock`: the CPU seconds of this thread."""
        self._clock = clock
        self._strikes: dict[int, int] = {}
        self._asked: dict[int, int] = {}
        self._logged: dict[tuple[str, int], float] = {}
        self._second, self._in_second = 0, 0
        self.tally: Tally[tuple[int, str, bool]] = Tally()
        self.samples: dict[int, list[Difference]] = {}

    def word(self, orders: Orders, case: Case) -> tuple[Word, Judged]:
        """The word about a case, and what the rules alone say."""
        judged = by_tier(case) if orders.live is None else self._judge("live", orders.live, case)
        no_video = Feature.FEATURE_VIDEO in orders.off
        video = SWITCHED_OFF if no_video else judged.video
        word = Word(
            caller=(judged.audio is None, video is None),
            callee=(True, judged.callee_video is None and not no_video),
            receives=judged.receive is None,
            is_strangers_off=Feature.FEATURE_STRANGERS in orders.off,
            missing_audio=judged.audio or "",
            missing_video=video or "",
            steps=(*judged.steps, *([("switch.video", "limits")] if no_video else [])),
        )
        return word, judged

    def compare(self, orders: Orders, case: Case, judged: Judged) -> None:
        """Asks the shadow about a real attempt, and notes what it says otherwise. Never raises."""
        if orders.shadow is None or not self._has_room(case.now_ms):
            return
        version = orders.shadow.version
        candidate = self._judge("shadow", orders.shadow, case)
        if candidate.is_failed:
            self.tally[version, "failed", False] += 1
            return
        self.tally[version, "compared", True] += 1
        before, after = judged.allows(), candidate.allows()
        caller, callee = case.pair.user.profile.user_id, case.pair.other.profile.user_id
        for kind in before:
            if before[kind] != after[kind]:
                DIFFERENCES.labels(kind, after[kind]).inc()
                self.tally[version, kind, after[kind]] += 1
                kept = self.samples.setdefault(version, [])
                if len(kept) < MOST_SAMPLES_AT_ONCE:
                    kept.append(Difference(caller, callee, kind, after[kind]))

    def is_given_up(self, version: int) -> bool:
        """Whether a rule set took too long too often to be asked again."""
        return self._strikes.get(version, 0) >= STRIKES

    def take(self) -> tuple[dict[tuple[int, str, bool], int], dict[int, list[Difference]]]:
        """What the shadow found since the last time."""
        taken = dict(self.tally), self.samples
        self.tally, self.samples = Tally(), {}
        return taken

    def _has_room(self, now_ms: int) -> bool:
        second = now_ms // 1000
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        if self._in_second > SHADOW_PER_SECOND:
            JUDGED.labels("shadow", "left_out").inc()
            return False
        return True

    def _judge(self, place: str, standing: Standing, case: Case) -> Judged:
        version, rules = standing
        if rules is None or self.is_given_up(version):
            fate = "unreadable" if rules is None else "given_up"
            self._report(place, version, fate)
            return failed(case, version)
        judged, seconds = self._timed(version, rules, case)
        if seconds > MOST_SECONDS:
            judged, seconds = self._timed(version, rules, case)
        SECONDS.labels(place).observe(seconds)
        is_slow = seconds > MOST_SECONDS
        self._count(version, is_slow)
        if is_slow or judged.is_failed:
            self._report(place, version, "slow" if is_slow else "failed")
            return failed(case, version) if is_slow else judged
        JUDGED.labels(place, "judged").inc()
        return judged

    def _timed(self, version: int, rules: RuleSet, case: Case) -> tuple[Judged, float]:
        began = self._clock()
        try:
            judged = judge(version, rules, case)
        except Failed as failure:
            judged = failed(case, version, failure.rule)
        return judged, self._clock() - began

    def _count(self, version: int, is_slow: bool) -> None:
        self._asked[version] = self._asked.get(version, 0) + 1
        if self._asked[version] % FORGIVEN_AFTER == 0:
            self._strikes.pop(version, None)
        if is_slow:
            self._strikes[version] = self._strikes.get(version, 0) + 1

    def _report(self, place: str, version: int, fate: str) -> None:
        JUDGED.labels(place, fate).inc()
        now = time.monotonic()
        if now - self._logged.get((fate, version), -QUIET_SECONDS) >= QUIET_SECONDS:
            self._logged[fate, version] = now
            log(__name__).warning("operator's rules failed", state=place, version=version, problem=fate)


def by_tier(case: Case) -> Judged:
    """What the list of tiers says."""
    return Judged(
        audio=None if case.caller[0] else "",
        video=None if case.caller[1] else "",
        callee_video=None if case.callee[1] else "",
    )


def failed(case: Case, version: int, rule: str = "") -> Judged:
    """What holds where the rules cannot be told: audio by tier, no video."""
    name = f"rules.{version}.failed" + (f".{rule}" if rule else "")
    return Judged(by_tier(case).audio, FAILED, FAILED, None, ((name, "limits"),), is_failed=True)


def judge(version: int, rules: RuleSet, case: Case) -> Judged:
    """What a rule set says. Raises Failed."""
    user, other = case.pair.user, case.pair.other
    facts = facts_of(user, other, case.pair.user_to_other, case.caller, case.now_ms)
    # Who is called and answers has said yes to the caller: for what he may send they know each other. Were
    # his own graph asked, the caller would see it in what the callee may send.
    known = directory_pb2.Edges(contact=True, follows=True, messaged=True)
    turned = facts_of(other, user, known, case.callee, case.now_ms)
    unheard = {
        **facts,
        "call.video": case.wants_video,
        "callee.tier": other.tier,
        "callee.age_days": turned["caller.age_days"],
    }
    caller_id, callee_id = user.profile.user_id, other.profile.user_id
    audio = rules.first(AUDIO, caller_id, facts)
    video = rules.first(VIDEO, caller_id, facts)
    callee_video = rules.first(VIDEO, callee_id, turned)
    receive = rules.first(RECEIVE, callee_id, unheard)
    held = [
        (f"rules.{version}.{found.rule}", "limits")
        for found in (audio, video, callee_video, receive)
        if found is not None
    ]
    return Judged(
        audio=audio.missing if audio else None,
        video=video.missing if video else None,
        callee_video=callee_video.missing if callee_video else None,
        receive=receive.missing if receive else None,
        steps=tuple(dict.fromkeys(held)) or ((f"rules.{version}", ""),),
    )


def facts_of(
    user: accounts_pb2.Account,
    other: accounts_pb2.Account,
    edges: directory_pb2.Edges,
    allowed: Allowed,
    now_ms: int,
) -> Facts:
    """The facts about who wants to send something to whom: `edges` lead from him to the other."""
    return {
        "caller.tier": user.tier,
        "caller.verified": user.profile.verified,
        "caller.age_days": max(0, now_ms - user.created_at_ms) // DAY_MS,
        "caller.entitled_audio": allowed[0],
        "caller.entitled_video": allowed[1],
        "caller.contact": edges.contact,
        "caller.follows": edges.follows,
        "caller.messaged": edges.messaged,
        "callee.verified": other.profile.verified,
    }


def trace(word: Word) -> Iterable[policy_pb2.TraceStep]:
    """What the operator's word adds to a trace."""
    for rule, effect in word.steps:
        yield policy_pb2.TraceStep(rule=rule, held=bool(effect), effect=effect)
