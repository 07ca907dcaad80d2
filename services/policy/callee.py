"""The callee's word: does this person accept this caller, now, and with what?

Looked at once the operator's rules have found nothing against the caller (rules.py), in this order: **who**
may ring, by blocks, by what is said about this one person, by audiences; **when**, by quiet hours; **how** an
admitted call rings: with sound only, through the relay. What is refused here is unheard: the caller is not
told.

- Who is *allowed* is admitted whatever the audiences say, but not through a block, nor through quiet hours.
- Somebody who is neither contact nor followed may have to have *written* before.
- A *favourite* breaks through quiet hours, and so does who tries again within three minutes of an attempt
  that was unheard because of them. Neither opens a door that is shut to him.
- *Audio only* are those who come in by no audience that may send more, and those of whom it is said.
"""

from typing import NamedTuple

from ringline.v1 import directory_pb2, policy_pb2
from ringline.v1.policy_pb2 import Audience
from services.policy.quiet import Quiet, is_quiet
from services.policy.rule import ADMITS, LIMITS, NOTHING, REFUSES, Rule, look

AGAIN_SECONDS = 180.0
"""How soon somebody has to try again to break through quiet hours."""

Audiences = frozenset[Audience.ValueType]

DEFAULT_AUDIENCES: Audiences = frozenset({Audience.AUDIENCE_CONTACTS, Audience.AUDIENCE_FOLLOWING})
"""Of a user who never chose."""
NOBODY: Audiences = frozenset()


class CallSettings(NamedTuple):
    """What somebody chose about all callers."""

    audiences: Audiences = DEFAULT_AUDIENCES
    audio_only: Audiences = NOBODY
    """Those of the audiences that may send sound only."""
    must_have_messaged: bool = False
    always_relay: bool = False
    quiet: Quiet | None = None
    """None where there is no span."""


class Choices(NamedTuple):
    """What somebody says about one other."""

    allowed: bool = False
    audio_only: bool = False
    favourite: bool = False


NO_CHOICES = Choices()


class Approach(NamedTuple):
    """Somebody calls: everything that the callee's rules look at."""

    settings: CallSettings
    choices: Choices
    edges: directory_pb2.Edges
    """From the callee to the caller."""
    has_written: bool
    """The caller has written to the callee before."""
    welcome_as: Audiences
    """Those of the callee's audiences to which the caller belongs."""
    blocked: bool
    """The callee blocks the caller."""
    blocking: bool
    """The caller blocks the callee."""
    quiet: bool
    """It is quiet for the callee now."""
    again: bool
    """The last attempt is not long ago, and it was unheard because it was quiet."""


class Word(NamedTuple):
    """What the callee says."""

    admitted: bool
    rule: Rule
    """What settled it."""
    audio_only: bool
    """Rings, and the caller is to send sound only."""
    always_relay: bool


NO_WORD = Word(admitted=False, rule=NOTHING, audio_only=False, always_relay=False)
"""Where nobody asks the callee."""

BLOCKED = Rule("blocked", REFUSES, lambda it: it.blocked)
BLOCKING = Rule("blocking", REFUSES, lambda it: it.blocking)
QUIET_HOURS = Rule("quiet_hours", REFUSES, lambda it: True)

WHO = (
    BLOCKED,
    BLOCKING,
    Rule("person.allowed", ADMITS, lambda it: it.choices.allowed),
    Rule(
        "must_have_messaged",
        REFUSES,
        lambda it: (
            it.settings.must_have_messaged and not (it.has_written or it.edges.contact or it.edges.follows)
        ),
    ),
    Rule("audience.contacts", ADMITS, lambda it: Audience.AUDIENCE_CONTACTS in it.welcome_as),
    Rule("audience.following", ADMITS, lambda it: Audience.AUDIENCE_FOLLOWING in it.welcome_as),
    Rule("audience.verified", ADMITS, lambda it: Audience.AUDIENCE_VERIFIED in it.welcome_as),
    Rule("audience.everyone", ADMITS, lambda it: Audience.AUDIENCE_EVERYONE in it.welcome_as),
    Rule("audience.none", REFUSES, lambda it: True),
)
"""The last one always holds."""

WHEN = (
    Rule(
        "quiet_hours.favourite",
        ADMITS,
        lambda it: it.settings.quiet.favourites and it.choices.favourite,
    ),
    Rule("quiet_hours.repeated", ADMITS, lambda it: it.settings.quiet.repeated and it.again),
    QUIET_HOURS,
)
"""For those who may ring, where it is quiet. The last one always holds."""

AUDIO_ONLY = (
    Rule("person.audio_only", LIMITS, lambda it: it.choices.audio_only),
    Rule(
        "audience.audio_only",
        LIMITS,
        lambda it: not it.choices.allowed and frozenset() < it.welcome_as <= it.settings.audio_only,
    ),
)
HOW = (
    *AUDIO_ONLY,
    Rule("always_relay", LIMITS, lambda it: it.settings.always_relay),
    Rule("quiet_now", LIMITS, lambda it: it.quiet),
)
"""Looked at first, so that the last step of a trace is the one that settled it; and only where the callee
said more than audiences, as few do.
"""


def approach(
    pair: directory_pb2.PairAnswer,
    settings: CallSettings,
    choices: Choices,
    blocks: tuple[bool, bool],
    now: float,
    tried_at: float | None,
) -> Approach:
    """What there is to look at where the user of a pair calls the other.

    `blocks` are whether the callee blocks the caller, and the other way round; `now`, in Unix seconds, and
    `tried_at`, when the caller last tried in vain because it was quiet, are by the same clock.
    """
    verified = pair.user.profile.verified
    quiet = settings.quiet is not None and is_quiet(settings.quiet, now)
    return Approach(
        settings=settings,
        choices=choices,
        edges=pair.other_to_user,
        has_written=pair.user_to_other.messaged,
        welcome_as=welcome_as(settings.audiences, pair.other_to_user, verified),
        blocked=blocks[0],
        blocking=blocks[1],
        quiet=quiet,
        again=tried_at is not None and 0 <= now - tried_at <= AGAIN_SECONDS,
    )


def answer(it: Approach, trace: list[policy_pb2.TraceStep]) -> Word:
    """The callee's word; every rule that was looked at is added to the trace."""
    limits = it.choices != NO_CHOICES or it.settings != CallSettings(it.settings.audiences)
    if limits:
        look(HOW, it, trace)
    rule = look(WHO, it, trace)
    if rule.effect == ADMITS and it.quiet:
        rule = look(WHEN, it, trace)
    admitted = rule.effect == ADMITS
    return Word(
        admitted,
        rule,
        audio_only=admitted and limits and any(one.holds(it) for one in AUDIO_ONLY),
        always_relay=admitted and it.settings.always_relay,
    )


def welcome_as(audiences: Audiences, edges: directory_pb2.Edges, is_verified: bool) -> Audiences:
    """Those of somebody's audiences to which another belongs: `edges` lead from him to the other."""
    belongs = {
        Audience.AUDIENCE_CONTACTS: edges.contact,
        Audience.AUDIENCE_FOLLOWING: edges.follows,
        Audience.AUDIENCE_VERIFIED: is_verified,
        Audience.AUDIENCE_EVERYONE: True,
    }
    return frozenset(audience for audience in audiences if belongs.get(audience))
