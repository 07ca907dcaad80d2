"""A town on the ring budget, in virtual time: honest people, people who ring whomever they can, and one
who has a thousand accounts. The budget is the one that policy uses (services/policy/ringing.py), no copy.

Everybody lets everybody ring: what is measured is what the budget alone keeps away. Whoever is refused comes
back as soon as he may. What is drawn by lot is drawn from one seed.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from services.policy import ringing
from services.policy.ringing import DAY, HOUR, MINUTE, Callee, Caller, Distance, Limits, Try

SECOND = 1000
BEGIN = 1_800_000_000_000 - 1_800_000_000_000 % DAY
RING = 45 * SECOND
MORNING, EVENING = 8 * HOUR, 23 * HOUR

NEAR, WROTE, STRANGER = Distance.NEAR, Distance.WROTE, Distance.STRANGER


@dataclass(frozen=True)
class Habits:
    """What honest people do; each figure is a guess, on the harsh side, and can be changed."""

    calls_a_day: float = 2.0
    """Calls that somebody makes to his contacts, on average; a few make many."""
    strangers_a_day: float = 0.1
    """Calls to shops and the like by people who have never called there."""
    answers: float = 0.6
    declines: float = 0.08
    shop_answers: float = 0.75
    redials: tuple[float, ...] = (0.3, 0.15, 0.05)
    """How often somebody calls again at once whom nobody answered: the first, second, third time."""
    calls_back: float = 0.4
    shops: float = 0.01
    couriers: float = 0.005
    """Those who ring people whom they do not know, as their work."""
    courier_calls: float = 8.0
    daters: float = 0.05
    dates_a_day: float = 0.3
    new: float = 0.01
    """Those whose account is at most a week old."""
    one_sided: float = 0.05
    """Calls to somebody whom one has as a contact, and who has not."""


@dataclass(frozen=True)
class Foes:
    """Who rings people that do not want it, and what those do."""

    spammers: int = 200
    accounts: int = 1_000
    """Those of one attacker, who know one another, talk with one another, and ring the same few people."""
    victims: int = 20
    answers: float = 0.2
    talks: float = 0.3
    """Of those who answer a spammer, how many listen for more than ten seconds."""
    declines: float = 0.3
    blocks: float = 0.05


@dataclass
class Found:
    """What happened."""

    attempts: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By group of honest callers and budget; also what was unheard because of a budget."""
    rings: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By who was rung: rings of strangers with whom he did not talk."""
    all_rings: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """By who was rung: rings of strangers."""
    reached: defaultdict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    """By foe and day: the honest strangers whose devices rang."""


Event = Callable[[], None]


class Town:
    """A town, and what happens in it."""

    def __init__(self, size: int, days: int, seed: int, limits: Limits, habits: Habits, foes: Foes) -> None:
        self.size, self.days, self.limits, self.habits, self.foes = size, days, limits, habits, foes
        self.lot = random.Random(seed)
        self.now = BEGIN
        self.found = Found()
        self.callers: dict[str, Caller] = {}
        self.callees: dict[str, Callee] = {}
        self.made_at: dict[str, int] = {}
        self._names = 0
        self._events: list[tuple[int, int, Event]] = []
        self._numbers = 0

    def run(self) -> Found:
        """Lets all of it happen."""
        while self._events:
            self.now, _, event = heapq.heappop(self._events)
            event()
        return self.found

    def at(self, when: int, event: Event) -> None:
        """Lets something happen then, unless all is over by that time."""
        if when < BEGIN + self.days * DAY:
            self._numbers += 1
            heapq.heappush(self._events, (when, self._numbers, event))

    def place(self, caller: str, callee: str, distance: Distance) -> ringing.Placed:
        """Places a call, as policy would count it."""
        self._names += 1
        wish = Try(caller, callee, distance, self.made_at.get(caller, 0), str(self._names))
        placed = ringing.place(
            self.callers.get(caller, ringing.NEW_CALLER),
            self.callers.get(callee, ringing.NEW_CALLER),
            self.callees.get(callee, ringing.NEW_CALLEE),
            wish,
            self.now,
            self.limits,
        )
        if placed.refused is None:
            self.callers[caller], self.callees[callee] = placed.own, placed.theirs
            if not placed.unheard_by and placed.distance is STRANGER:
                self.found.rings[callee].append(self.now)
                self.found.all_rings[callee].append(self.now)
        return placed

    def answer(self, caller: str, callee: str, rang_at: int, seconds: float) -> None:
        """The callee answers now; policy hears of it when the call has ended, so many seconds later."""
        answered_at, talked = self.now, seconds * SECOND >= self.limits.talk_ms
        if talked and rang_at in self.found.rings[callee]:
            self.found.rings[callee].remove(rang_at)

        def told() -> None:
            for one, other in ((caller, callee), (callee, caller)):
                own = self.callers.get(one, ringing.NEW_CALLER)
                self.callers[one] = ringing.answered(own, other, answered_at, talked)
            if talked and callee in self.callees:
                theirs = self.callees[callee]
                self.callees[callee] = ringing.welcomed(theirs, caller, answered_at, self.limits)

        self.at(self.now + round(seconds * SECOND) + SECOND, told)

    def unwelcome(self, caller: str, callee: str, weight: int) -> None:
        """The callee declines, or blocks."""
        theirs = self.callees.get(callee, ringing.NEW_CALLEE)
        self.callees[callee] = ringing.unwelcome(theirs, caller, self.now, weight)

    def times(self, mean: float) -> list[int]:
        """When something happens that is done so often a day, in all the days, from morning to evening."""
        found = []
        for day in range(self.days):
            begin = BEGIN + day * DAY + MORNING
            found += [begin + self.lot.randrange(EVENING - MORNING) for _ in range(self._count(mean))]
        return found

    def _count(self, mean: float) -> int:
        """How often something happens that happens so often on average (Poisson)."""
        least, product, count = math.exp(-mean), self.lot.random(), 0
        while product > least:
            product *= self.lot.random()
            count += 1
        return count


class People:
    """The honest ones."""

    def __init__(self, town: Town) -> None:
        self.town, self.lot, self.habits = town, town.lot, town.habits
        self.names = [f"p{n}" for n in range(town.size)]
        self.shops = self.names[: max(1, round(town.size * self.habits.shops))]
        self._busy: Counter[str] = Counter()
        # A few shops are rung much more often than most.
        self._weights = [1 / (1 + n) ** 0.7 for n in range(len(self.shops))]

    def begin(self) -> None:
        """Everybody makes his plans."""
        town, habits = self.town, self.habits
        self._total = sum(self._weights)
        for n, name in enumerate(self.names):
            if self.lot.random() < habits.new:
                town.made_at[name] = BEGIN - self.lot.randrange(7 * DAY)
            # Some talk much: a mean of the usual size, spread over two orders of magnitude.
            mean = min(30.0, habits.calls_a_day * self.lot.lognormvariate(-0.5, 1.0))
            for when in town.times(mean):
                self._plan(when, "contacts", name, self._contact_of(n), NEAR)
            for when in town.times(habits.strangers_a_day):
                self._plan(when, "shops", name, self._shop(), STRANGER)
            if self.lot.random() < habits.couriers:
                for when in town.times(habits.courier_calls):
                    self._plan(when, "couriers", name, self.anybody(), STRANGER)
            if self.lot.random() < habits.daters:
                for when in town.times(habits.dates_a_day):
                    self._plan(when, "dates", name, self.anybody(), WROTE)

    def anybody(self) -> str:
        """One of them."""
        return self.names[self.lot.randrange(len(self.names))]

    def _contact_of(self, n: int) -> str:
        """Contacts live nearby, mostly; the nearer the more often they are called."""
        if self.lot.random() < 0.2:
            return self.names[(n * 7919 + self.lot.randrange(1, 6)) % self.town.size]
        return self.names[(n + round(self.lot.expovariate(0.3)) + 1) % self.town.size]

    def _shop(self) -> str:
        return self.lot.choices(self.shops, self._weights)[0]

    def _plan(self, when: int, group: str, caller: str, callee: str, distance: Distance) -> None:
        if distance is NEAR and self.lot.random() < self.habits.one_sided:
            distance = STRANGER
        if caller != callee:
            self.town.at(when, lambda: self._call(group, caller, callee, distance, 0))

    def _call(self, group: str, caller: str, callee: str, distance: Distance, before: int) -> None:
        town, found = self.town, self.town.found
        if town.now < self._busy[caller]:  # he talks: he calls when he is done
            later = self._busy[caller] + MINUTE
            town.at(later, lambda: self._call(group, caller, callee, distance, before))
            return
        found.attempts[group] += 1
        placed = town.place(caller, callee, distance)
        if placed.refused is not None:
            found.refused[group, placed.refused.name] += 1
            return
        if placed.unheard_by:
            found.refused[group, placed.unheard_by] += 1
            return
        rang_at, luck = town.now, self.lot.random()
        # Who did not answer just now is less likely to do so at once.
        answers = (self.habits.shop_answers if group == "shops" else self.habits.answers) * 0.6**before
        self._busy[caller] = town.now + RING
        if luck < answers and (group == "shops" or town.now >= self._busy[callee]):
            seconds = self.lot.lognormvariate(4.2, 1.2)
            self._busy[caller] = self._busy[callee] = town.now + round(seconds + 10) * SECOND
            town.at(town.now + 8 * SECOND, lambda: town.answer(caller, callee, rang_at, seconds))
            return
        if luck < answers + self.habits.declines:
            town.at(town.now + 6 * SECOND, lambda: town.unwelcome(caller, callee, ringing.DECLINED))
        if before < len(self.habits.redials) and self.lot.random() < self.habits.redials[before]:
            later = town.now + RING + self.lot.randrange(10, 120) * SECOND
            town.at(later, lambda: self._call(group, caller, callee, distance, before + 1))
        elif self.lot.random() < self.habits.calls_back:
            later = town.now + self.lot.randrange(1, 120) * MINUTE
            back = NEAR if distance is NEAR else STRANGER
            town.at(later, lambda: self._call("calls back", callee, caller, back, 0))


class Enemies:
    """The others: they ring whenever they may."""

    def __init__(self, town: Town, people: People) -> None:
        self.town, self.people, self.lot = town, people, town.lot
        self.spammers = [f"s{n}" for n in range(town.foes.spammers)]
        self.accounts = [f"a{n}" for n in range(town.foes.accounts)]
        names = people.names
        # A shop among them.
        self.victims = [people.shops[len(people.shops) // 2], *names[len(names) // 2 :]][: town.foes.victims]

    def begin(self) -> None:
        """They begin in the first second and never sleep."""
        for spammer in self.spammers:
            self.town.at(BEGIN + self.lot.randrange(HOUR), partial(self._spam, spammer))
        for account in self.accounts:
            self.town.at(BEGIN + self.lot.randrange(HOUR), partial(self._attack, account, 0))
            for when in self.town.times(12.0):
                self.town.at(when, partial(self._talk_among_us, account))

    def _spam(self, spammer: str) -> None:
        """Rings anybody; the next one as soon as he may, and not before the ring is over."""
        self._next(spammer, self._ring(spammer, self.people.anybody()), lambda: self._spam(spammer))

    def _attack(self, account: str, tries: int) -> None:
        """Rings the victims in turn, each as often as he may."""
        victim = self.victims[(tries + int(account[1:])) % len(self.victims)]
        wait = self._ring(account, victim)
        self._next(account, min(wait, 10 * MINUTE), lambda: self._attack(account, tries + 1))

    def _next(self, who: str, wait: int, event: Event) -> None:
        self.town.at(self.town.now + max(RING, wait), event)

    def _ring(self, caller: str, callee: str) -> int:
        """Rings a stranger; in how many milliseconds it may come back, where it was refused."""
        town, foes = self.town, self.town.foes
        placed = town.place(caller, callee, STRANGER)
        if placed.refused is not None:
            return placed.refused.free_at - town.now
        if placed.unheard_by or placed.distance is not STRANGER:
            return 0
        town.found.reached[caller, (town.now - BEGIN) // DAY].add(callee)
        rang_at, luck = town.now, self.lot.random()
        if luck < foes.answers:
            seconds = 30.0 if self.lot.random() < foes.talks else 4.0
            town.at(town.now + 8 * SECOND, lambda: town.answer(caller, callee, rang_at, seconds))
        elif luck < foes.answers + foes.declines:
            town.at(town.now + 6 * SECOND, lambda: town.unwelcome(caller, callee, ringing.DECLINED))
        elif luck < foes.answers + foes.declines + foes.blocks:
            town.at(town.now + 20 * SECOND, lambda: town.unwelcome(caller, callee, ringing.BLOCKED))
        return 0

    def _talk_among_us(self, account: str) -> None:
        """A call to another account of the same hand, which answers at once: perhaps that makes room."""
        other = self.accounts[self.lot.randrange(len(self.accounts))]
        if other == account:
            return
        distance = NEAR if self.lot.random() < 0.8 else STRANGER
        rang_at = self.town.now
        if self.town.place(account, other, distance).refused is None:
            self.town.at(self.town.now + SECOND, lambda: self.town.answer(account, other, rang_at, 11.0))
