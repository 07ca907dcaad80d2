"""The ring budget: how much may somebody ring, and how much is somebody rung by strangers? Pure; time is an
argument, in Unix milliseconds.

There are two halves, and what may enter each is the whole point (docs/decisions/0023-ring-budget.md):

**The caller's own half** (`Caller`) follows from what he did and what he saw: when he rang whom, who answered
and talked with him, and whether he can see that the other knows him. What is used up is said to him, with the
time at which there is room again. Whether he was heard, declined, blocked or reported does not enter: the
same acts cost the same, whatever became of them behind the other's door.

**The callee's half** (`Callee`) follows from what the callee got and thought of it: rings of strangers,
declines, blocks, reports. What is used up is unheard, never said, and works on the way to this callee alone.

Budgets are spent at the full price when a call is placed, and a talk gives back some of what ringing that
very person cost: no round of calls among friends makes room for strangers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import NamedTuple

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

PRICE, TALKED_PRICE = 2, 1
"""What a stranger costs of the day's budget, and what one costs who talked."""
NAMES = 16
"""Attempts that are known again when they are asked about twice."""
DECLINED, BLOCKED, REPORTED = 2, 3, 6
"""What a ring weighs in the callee's budget that was declined, or whose caller was then blocked, or reported;
others weigh one."""


class Distance(IntEnum):
    """How far the caller is from the callee, as the caller can see it."""

    NEAR = 0
    """The callee has him as a contact or follows him, and neither blocks the other; or tried to ring him
    within the day. Only the budgets of places and of the pair count."""
    WROTE = 1
    """The callee wrote to him. He is no stranger, but where he was declined he is not heard for a while."""
    STRANGER = 2


class Limits(NamedTuple):
    """What the operator allows; 0 means without limit."""

    places: int = 10
    """Calls that a user places in a minute."""
    pair: int = 3
    """Unanswered rings of one person within `pair_ms`; then none for `rest_ms`, or `near_rest_ms`."""
    pair_ms: int = 10 * MINUTE
    rest_ms: int = HOUR
    near_rest_ms: int = 10 * MINUTE
    strangers: int = 30
    """Strangers whom a user rings in a day, if each of them talks; half of that if none does."""
    rings: int = 6
    """Rings of strangers that a user hears within `rings_ms`."""
    rings_ms: int = 10 * MINUTE
    rings_a_day: int = 60
    declined_ms: int = HOUR
    """For how long somebody who is not near is not heard by whom he was declined twice."""
    talk_ms: int = 10_000
    """A call that lasted so long was a talk."""
    new_ms: int = 7 * DAY
    """How long an account is new: until it was answered, it rings no strangers."""

    @property
    def pair_kept_ms(self) -> int:
        """For how long the rings of a pair are remembered."""
        return self.pair_ms + max(self.rest_ms, self.near_rest_ms)


class Try(NamedTuple):
    """One call that somebody wants to place."""

    caller: str
    callee: str
    distance: Distance
    made_at: int = 0
    """When the caller's account was made; 0 where that is not known: it is not new then."""
    name: str = ""
    """What it is known by when it is asked about again; empty counts each time."""
    heard: bool = True
    """Whether the callee's word lets it ring."""


class Kept(NamedTuple):
    """What was read about a caller and a callee: rows as they came, parsed where they are needed, and the
    time on the database's clock.
    """

    caller: str | None = None
    back: str | None = None
    """What the callee spent as a caller."""
    callee: str | None = None
    now: int = 0


class Share(NamedTuple):
    """How much of one budget is spent."""

    name: str
    spent: int
    limit: int
    free_at: int = 0
    """When there is room again; 0 where there is room."""


class Stranger(NamedTuple):
    """A stranger whom one rang."""

    at: int
    cost: int
    rings: int


class Ring(NamedTuple):
    """A ring by a stranger."""

    at: int
    caller: str
    weight: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """What one user spent."""

    places: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    pairs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Whom he rang, and when, since they last answered."""
    strangers: Mapping[str, Stranger] = field(default_factory=dict)
    talked_at: int = 0
    """When he first talked with somebody, as far as it is remembered; 0 for never."""

    def knows(self, user_id: str, now: int) -> bool:
        """Whether he tried to ring this user within the day: a call back is no stranger's."""
        stranger = self.strangers.get(user_id)
        times = self.pairs.get(user_id, ())
        return (stranger is not None and now - stranger.at < DAY) or bool(times and now - times[-1] < DAY)


@dataclass(frozen=True, slots=True)
class Callee:
    """What strangers spent of one user's patience."""

    rings: tuple[Ring, ...] = ()
    declines: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Whom he declined within the day, and the last two times when."""

    def rests_until(self, caller: str, limits: Limits) -> int:
        """Until when he does not hear somebody whom he declined twice; 0 where he hears him. Once is not
        enough: a stranger does not see it, and honest people try again.
        """
        times = self.declines.get(caller, ())
        return times[-1] + limits.declined_ms if len(times) > 1 and limits.declined_ms else 0


NEW_CALLER, NEW_CALLEE = Caller(), Callee()


def shares(caller: Caller, wish: Try, now: int, limits: Limits) -> list[Share]:
    """The caller's own budgets, as they are for this attempt, which is not counted yet. One that is known
    again passes: see `refused_by`.
    """
    found = []
    if limits.places:
        times = [at for at in caller.places if now - at < MINUTE]
        free_at = times[-limits.places] + MINUTE if len(times) >= limits.places else 0
        found.append(Share("budget.places", len(times), limits.places, free_at))
    if limits.pair:
        rest_ms = limits.near_rest_ms if wish.distance is Distance.NEAR else limits.rest_ms
        found.append(_pair_share(caller.pairs.get(wish.callee, ()), rest_ms, now, limits))
    if wish.distance is Distance.STRANGER and limits.strangers:
        found.append(_strangers_share(caller.strangers, wish.callee, now, limits))
    if wish.distance is Distance.STRANGER and not caller.talked_at and now - wish.made_at < limits.new_ms:
        found.append(Share("budget.new_account", 0, 0, wish.made_at + limits.new_ms))
    return found


def _pair_share(times: tuple[int, ...], rest_ms: int, now: int, limits: Limits) -> Share:
    last = times[-limits.pair :]
    is_full = len(last) == limits.pair and last[-1] - last[0] < limits.pair_ms
    free_at = last[-1] + rest_ms if is_full else 0
    if free_at > now:
        return Share("budget.pair", limits.pair, limits.pair, free_at)
    return Share("budget.pair", sum(now - at < limits.pair_ms for at in last), limits.pair)


def _strangers_share(strangers: Mapping[str, Stranger], callee: str, now: int, limits: Limits) -> Share:
    today = sorted(one for one in strangers.values() if now - one.at < DAY)
    spent = sum(one.cost for one in today)
    free_at = 0
    if _is_charged(strangers.get(callee), now, limits):
        over = spent + PRICE - limits.strangers
        for one in today:  # the oldest are forgotten first
            if over <= 0:
                break
            free_at, over = one.at + DAY, over - one.cost
    return Share("budget.strangers", spent, limits.strangers, free_at)


def _is_charged(stranger: Stranger | None, now: int, limits: Limits) -> bool:
    """Whether ringing costs anew: a price buys as many rings of one stranger as a pair has at once."""
    if stranger is None or now - stranger.at >= DAY:
        return True
    return bool(limits.pair) and stranger.rings >= limits.pair


def refused_by(caller: Caller, wish: Try, now: int, limits: Limits) -> Share | None:
    """The budget that refuses this attempt for the longest time; None where he may ring now, or this very
    attempt was counted before.
    """
    if wish.name and wish.name in caller.names:
        return None
    full = [share for share in shares(caller, wish, now, limits) if share.free_at]
    return max(full, key=lambda share: share.free_at, default=None)


def spend(caller: Caller, wish: Try, now: int, limits: Limits) -> Caller:
    """Counts an attempt that is not refused; the same object where there is nothing to count."""
    if wish.name and wish.name in caller.names:
        return caller
    is_stranger = wish.distance is Distance.STRANGER and limits.strangers
    if not (limits.places or limits.pair or is_stranger):
        return caller
    names = (*caller.names, wish.name)[-NAMES:] if wish.name else caller.names
    places = tuple(at for at in caller.places if now - at < MINUTE)
    pairs = {user: times for user, times in caller.pairs.items() if now - times[-1] < limits.pair_kept_ms}
    if limits.pair:
        pairs[wish.callee] = (*pairs.get(wish.callee, ()), now)[-limits.pair :]
    strangers = {user: one for user, one in caller.strangers.items() if now - one.at < DAY}
    if is_stranger:
        old = strangers.get(wish.callee)
        if old is None or _is_charged(old, now, limits):
            strangers[wish.callee] = Stranger(now, (old.cost if old else 0) + PRICE, 1)
        else:
            strangers[wish.callee] = old._replace(rings=old.rings + 1)
    counted = (*places, now)[-limits.places :] if limits.places else ()
    return Caller(counted, names, pairs, strangers, caller.talked_at)


def answered(caller: Caller, other: str, at: int, talked: bool) -> Caller:
    """The other answered at that time, or was answered: what was rung before is no longer unanswered, and
    where they talked, the price of a stranger falls. The same again changes nothing.
    """
    pairs, strangers = caller.pairs, caller.strangers
    if other in pairs and pairs[other][0] <= at:
        later = tuple(one for one in pairs[other] if one > at)
        pairs = {user: times for user, times in pairs.items() if user != other}
        if later:
            pairs[other] = later
    old = strangers.get(other)
    if talked and old is not None and old.at <= at and old.cost > TALKED_PRICE:
        strangers = {**strangers, other: Stranger(old.at, TALKED_PRICE, 0)}
    talked_at = caller.talked_at or (at if talked else 0)
    if pairs is caller.pairs and strangers is caller.strangers and talked_at == caller.talked_at:
        return caller
    return replace(caller, pairs=pairs, strangers=strangers, talked_at=talked_at)


def callee_shares(callee: Callee, wish: Try, now: int, limits: Limits) -> list[Share]:
    """What hangs on the callee, as it is for this attempt; nothing for those who are near."""
    if wish.distance is Distance.NEAR:
        return []
    rest = callee.rests_until(wish.caller, limits)
    found = [Share("budget.declined", int(rest > now), 1, rest if rest > now else 0)]
    if wish.distance is Distance.STRANGER:
        for name, limit, span in (
            ("budget.rings", limits.rings, limits.rings_ms),
            ("budget.rings_a_day", limits.rings_a_day, DAY),
        ):
            if limit:
                found.append(_rings_share(name, callee.rings, limit, span, now))
    return found


def _rings_share(name: str, rings: tuple[Ring, ...], limit: int, span: int, now: int) -> Share:
    young = [ring for ring in rings if now - ring.at < span]
    spent = sum(ring.weight for ring in young)
    free_at, over = 0, spent + 1 - limit
    for ring in young:
        if over <= 0:
            break
        free_at, over = ring.at + span, over - ring.weight
    return Share(name, spent, limit, free_at)


def unheard_by(callee: Callee, wish: Try, now: int, limits: Limits) -> str:
    """The name of the budget that keeps this attempt from the callee; empty where it rings."""
    if wish.name and any(ring.name == wish.name for ring in callee.rings):
        return ""
    return next((share.name for share in callee_shares(callee, wish, now, limits) if share.free_at), "")


def ring(callee: Callee, wish: Try, now: int, limits: Limits) -> Callee:
    """Counts a ring of a stranger."""
    if wish.name and any(one.name == wish.name for one in callee.rings):
        return callee
    rings = tuple(one for one in callee.rings if now - one.at < (DAY if one.weight else limits.rings_ms))
    declines = {user: times for user, times in callee.declines.items() if now - times[-1] < DAY}
    return Callee((*rings, Ring(now, wish.caller, 1, wish.name)), declines)


class Placed(NamedTuple):
    """What the budget makes of an attempt, and the rows as they are then."""

    own: Caller
    theirs: Callee
    distance: Distance
    refused: Share | None = None
    """The budget of the caller that is used up; nothing was counted then."""
    unheard_by: str = ""
    """The budget of the callee that is used up; empty where none is."""


def place(own: Caller, back: Caller, theirs: Callee, wish: Try, now: int, limits: Limits) -> Placed:
    """Counts an attempt: in what the caller spent himself, and in what strangers spent of the callee's
    patience. `back` is what the callee spent himself. Rows without a change are the very same objects.
    """
    wish = closer(wish, back, now)
    refused = refused_by(own, wish, now, limits)
    if refused is not None:
        return Placed(own, theirs, wish.distance, refused)
    unheard = unheard_by(theirs, wish, now, limits) if wish.heard else ""
    if (
        wish.heard
        and not unheard
        and wish.distance is Distance.STRANGER
        and (limits.rings or limits.rings_a_day)
    ):
        theirs = ring(theirs, wish, now, limits)
    return Placed(spend(own, wish, now, limits), theirs, wish.distance, None, unheard)


def closer(wish: Try, back: Caller, now: int) -> Try:
    """Whoever calls back is near; `back` is what the callee spent himself."""
    return wish._replace(distance=Distance.NEAR) if back.knows(wish.caller, now) else wish


def welcomed(callee: Callee, caller: str, at: int, limits: Limits) -> Callee:
    """They talked, from that time on: this stranger's last ring was welcome and weighs nothing, and patience
    for the day comes back by one ring more, if one is old enough not to make room for a storm. The same again
    changes nothing.
    """
    declines = callee.declines
    if caller in declines and declines[caller][-1] <= at:
        declines = {user: times for user, times in declines.items() if user != caller}
    rings = callee.rings
    last = _last_of(rings, caller, at)
    if last >= 0 and rings[last].weight == 1:
        old = next((n for n, one in enumerate(rings) if one.weight and at - one.at >= limits.rings_ms), last)
        free = {last, old}
        rings = tuple(one._replace(weight=0) if n in free else one for n, one in enumerate(rings))
    if rings is callee.rings and declines is callee.declines:
        return callee
    return Callee(rings, declines)


def _last_of(rings: tuple[Ring, ...], caller: str, at: int) -> int:
    return max((n for n, one in enumerate(rings) if one.caller == caller and one.at <= at), default=-1)


def unwelcome(callee: Callee, caller: str, at: int, weight: int) -> Callee:
    """What this one rang until then was not wanted: his last ring weighs more; a report is as good as two
    declines, a block has means of its own. The same again changes nothing.
    """
    rings, declines = callee.rings, callee.declines
    last = _last_of(rings, caller, at)
    if last >= 0 and rings[last].weight < weight:
        rings = (*rings[:last], rings[last]._replace(weight=weight), *rings[last + 1 :])
    if weight != BLOCKED:
        known = declines.get(caller, ())
        times = {*known, at, at - 1} if weight == REPORTED else {*known, at}
        if (newest := tuple(sorted(times)[-2:])) != known:
            declines = {**declines, caller: newest}
    if rings is callee.rings and declines is callee.declines:
        return callee
    return Callee(rings, declines)


def caller_kept_until(caller: Caller, now: int, limits: Limits) -> int:
    """Until when this says something."""
    return max(now + max(DAY, limits.pair_kept_ms), caller.talked_at + limits.new_ms)


def callee_kept_until(now: int, limits: Limits) -> int:
    """Until when what strangers spent says something."""
    return now + max(DAY, limits.declined_ms, limits.rings_ms)
