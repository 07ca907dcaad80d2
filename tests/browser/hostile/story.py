"""What happens in a story: turns of the user, the server and the peer, made up from a seed. Pure."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

CALLS = 3
"""Calls of one story, each of another person; the server may speak of any at any time."""
LENGTH = 14
"""Turns of a story, at most."""


@dataclass(frozen=True)
class Turn:
    """One thing that happens. `call` counts from 0; `how` is the variant."""

    who: str
    does: str
    call: int = 0
    how: str = ""

    def words(self) -> str:
        """As a person reads it."""
        what = f"{self.does} {self.how}".strip()
        return f"{self.who}: {what}" + (f", call {self.call}" if self.who != "user" else "")


BUTTONS = (
    "Answer", "Answer", "Answer", "Decline", "Hang up", "Hang up", "Turn camera on", "Turn camera on",
    "Turn camera off", "Mute", "Unmute", "Audio call", "Video call", "Close",
    "Hold", "Hold", "Resume", "Resume", "Swap", "Swap", "Hold and answer", "Hold and answer",
    "End and answer",
)  # fmt: skip
FORGERIES = (
    "an honest answer", "an honest answer", "an answer that wants everything",
    "an answer with another section", "an offer that wants everything", "an offer that wants everything",
    "an offer with more sections",
    "an offer from another connection", "an offer of the past", "an offer of the far future",
    "an offer that only listens", "half a description",
)  # fmt: skip
VIEWS = (
    "rings", "rings with video", "is answered here", "is answered here", "is connected here",
    "is placed here", "is answered elsewhere", "is over", "is older",
    "admits video", "admits video no more", "admits nothing",
    "is held by its user", "is held by the other", "is held by both", "is held by nobody",
    "is held by nobody", "is held by nobody, once more",
)  # fmt: skip
REPLIES = ("as it should",) * 3 + ("with another call", "with a refusal", "with nothing")
HAPPENS = {"press": 9, "view": 6, "describe": 6, "reply": 6, "candidates": 1, "beat": 1, "reload": 1}
"""What may happen, and how often."""


def turn(dice: random.Random) -> Turn:
    """Anything that may happen."""
    call = dice.choices(range(CALLS), (3, 3, 1))[0]
    match dice.choices(list(HAPPENS), list(HAPPENS.values()))[0]:
        case "press":
            return Turn("user", "presses", how=dice.choice(BUTTONS))
        case "view":
            return Turn("server", "says that it", call, dice.choice(VIEWS))
        case "describe":
            return Turn("peer", "describes", call, dice.choice(FORGERIES))
        case "reply":
            return Turn("server", "replies", call, dice.choice(REPLIES))
        case "reload":
            return Turn("user", "reloads the page")
        case other:
            return Turn("server", f"sends {other}", call, dice.choice(("of it", "of none")))


def begun(dice: random.Random) -> list[Turn]:
    """The way into a call, or nearly: most of what may go wrong needs one."""
    if dice.randrange(2):
        return talking(dice)
    place = Turn("user", "presses", how=dice.choice(("Audio call", "Video call")))
    ring = Turn("server", "says that it", how=dice.choice(("rings", "rings with video")))
    press = Turn("user", "presses", how="Answer")
    honest = Turn("server", "replies", how="as it should")
    described = Turn("peer", "describes", how=dice.choice(FORGERIES))
    answered = Turn("server", "says that it", how="is answered here")
    ways: tuple[list[Turn], ...] = (
        [described],
        [place, honest, described],
        [place, honest, answered, described],
        [ring, press, described],
        [ring, press, honest, described],
        [ring, press, honest, Turn("peer", "describes", how="an honest answer")],
    )
    return dice.choice(ways)


def talking(dice: random.Random) -> list[Turn]:
    """The way into a call that is talked in, and mostly on to a hold."""

    def heard(call: int, answer: str) -> list[Turn]:
        ring = Turn("server", "says that it", call, dice.choice(("rings", "rings with video")))
        bound = Turn("server", "says that it", call, "is answered here")
        honest = Turn("peer", "describes", call, "an honest answer")
        return [ring, Turn("user", "presses", how=answer), bound, honest]

    first, second = heard(0, "Answer"), heard(1, dice.choice(("Hold and answer",) * 3 + ("End and answer",)))
    hold, swap = Turn("user", "presses", how="Hold"), Turn("user", "presses", how="Swap")
    nobody = [Turn("server", "says that it", call, "is held by nobody") for call in (0, 1)]
    theirs = Turn("server", "says that it", how=dice.choice(("is held by the other", "is held by both")))
    resumed = [hold, Turn("user", "presses", how="Resume"), nobody[0]]
    ways: tuple[list[Turn], ...] = (
        [],
        [hold],
        [hold, nobody[0]],
        resumed,
        resumed,
        [theirs],
        [theirs, nobody[0]],
        second,
        [*second, nobody[0]],
        [*second, swap, nobody[0], nobody[1]],
        [*second, swap, nobody[0], nobody[1]],
    )
    return first + dice.choice(ways)


def story(seed: int) -> list[Turn]:
    """The same seed makes the same story."""
    dice = random.Random(seed)
    first = begun(dice)
    return first + [turn(dice) for _ in range(dice.randint(3, LENGTH - len(first)))]


async def shortest(
    turns: list[Turn], fails: Callable[[list[Turn]], Awaitable[bool]], tries: int
) -> list[Turn]:
    """Leaves out what the failure does not need; `fails` tells the rest anew. At most so many tries."""
    n = len(turns) - 1
    while n >= 0 and tries > 0:
        rest = turns[:n] + turns[n + 1 :]
        tries -= 1
        if await fails(rest):
            turns = rest
        n = min(n, len(turns)) - 1
    return turns
