"""Steps: the moments at which a sender can see what became of his message.

A message that is not delivered is less work: nothing is noted, one box is written instead of two. So whatever
of it can be seen happens at a whole step after the sender asked, and what is done for delivered ones alone
has room before the step: it does not decide which step it is.
"""

import asyncio
import math

STEP_SECONDS = 0.05
ROOM_SECONDS = 0.025
"""For what is done for delivered messages alone, once the verdict is there."""
_EARLY = 1e-6
"""A timer may come so much too early, in steps: then it is the next step all the same."""


def step_after(took: float, step: float = STEP_SECONDS) -> float:
    """The next whole step after something that took so long, both in seconds from the beginning."""
    return (math.floor(took / step + _EARLY) + 1) * step if step else took


class Steps:
    """The steps of one request, counted from now; with steps of 0 s nobody waits."""

    def __init__(self, step: float = STEP_SECONDS) -> None:
        self._step = step
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()

    def due(self, room: float = 0.0) -> float:
        """The next whole step that is at least `room` seconds away, on the loop's clock."""
        return self._began + step_after(self._clock() - self._began + room * bool(self._step), self._step)

    async def until(self, due: float) -> None:
        """Waits for that step; where it is over, for the next one."""
        if due < self._clock():
            due = self.due()
        await asyncio.sleep(max(0.0, due - self._clock()))
