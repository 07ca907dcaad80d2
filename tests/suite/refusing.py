"""Everything on the callee's side that keeps a call from being heard or answered, one row a class.

Whatever hangs on the callee is a row here: the frames of all classes are compared (test_refusals.py), and the
times at which they come (test_timing.py, and at full size in the campaign). The callee is somebody who shows
no presence to the callers; what is prepared holds for all of them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from ringline.client import Phone
from tests.suite.people import Stage, at

Prepare = Callable[[Stage, str, Sequence[Phone]], Awaitable[Phone]]
"""Makes the callee of this name, whom these callers are going to call."""


async def _ignoring(stage: Stage, name: str, callers: Sequence[Phone]) -> Phone:
    return await stage.person(name, gateway=1, audiences=["everyone"])


async def _blocked(stage: Stage, name: str, callers: Sequence[Phone]) -> Phone:
    callee = await _ignoring(stage, name, callers)
    await asyncio.gather(*(callee.session.block(caller.session.username) for caller in callers))
    return callee


async def _blocking(stage: Stage, name: str, callers: Sequence[Phone]) -> Phone:
    callee = await _ignoring(stage, name, callers)
    await asyncio.gather(*(caller.session.block(callee.session.username) for caller in callers))
    return callee


async def _contact_who_blocks(stage: Stage, name: str, callers: Sequence[Phone]) -> Phone:
    callee = await _blocked(stage, name, callers)
    await asyncio.gather(*(callee.session.add_contact(caller.session.username) for caller in callers))
    return callee


async def _nobody(stage: Stage, name: str, callers: Sequence[Phone]) -> Phone:
    return await stage.person(name, gateway=1, audiences=[])


async def _closed(stage: Stage, name: str, callers: Sequence[Phone]) -> Phone:
    return await stage.person(name, gateway=1, audiences=["contacts", "following"])


async def _verified_alone(stage: Stage, name: str, callers: Sequence[Phone]) -> Phone:
    return await stage.person(name, gateway=1, audiences=["verified"])


async def _must_have_messaged(stage: Stage, name: str, callers: Sequence[Phone]) -> Phone:
    callee = await stage.person(name, gateway=1)
    await callee.session.set_call_settings(["everyone"], must_have_messaged=True)
    return callee


async def _in_quiet_hours(stage: Stage, name: str, callers: Sequence[Phone]) -> Phone:
    callee = await stage.person(name, gateway=1)
    always = {"weekdays": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "00:00"}
    hours = {"spans": [always], "time_zone": "Europe/Berlin", "favourites": True}
    await callee.session.set_call_settings(["everyone"], quiet_hours=hours)
    return callee


async def _who_reported(stage: Stage, name: str, callers: Sequence[Phone]) -> Phone:
    """A report is as good as two declines: the ring budget keeps the caller away."""
    callee = await _ignoring(stage, name, callers)
    await asyncio.gather(*(callee.session.report(caller.session.username, "spam") for caller in callers))
    return callee


async def _kept_away(stage: Stage, name: str, callers: Sequence[Phone]) -> Phone:
    callee = await _ignoring(stage, name, callers)
    await stage.operator.set_tier(callee.session, "silent")
    return callee


async def _no_device(stage: Stage, name: str, callers: Sequence[Phone]) -> Phone:
    return await stage.person(name, gateway=1, audiences=["everyone"], phone=False)


HONEST = "ignoring"
"""The class with which all others are compared: it rings for real, and nobody picks up."""

CLASSES: dict[str, Prepare] = {
    "blocked": _blocked,
    "blocking": _blocking,
    "a contact who blocks": _contact_who_blocks,
    "nobody may call": _nobody,
    "not in the audiences": _closed,
    "verified people only": _verified_alone,
    "must have messaged": _must_have_messaged,
    "quiet hours": _in_quiet_hours,
    "one who reported": _who_reported,
    "kept away by the operator": _kept_away,
    "no device": _no_device,
}
"""What must look like HONEST. The callee of a row hears nothing, but for the last one, who is not there."""


KEEPS_AWAY = """
[[rule]]
name = "silent"
refuses = ["receive"]
when = 'callee.tier == "silent"'
"""


@asynccontextmanager
async def the_operators_rules(stage: Stage) -> AsyncIterator[None]:
    """In force for as long as the classes are compared."""
    await stage.operator.put_rules(KEEPS_AWAY)
    try:
        yield
    finally:
        await stage.operator.drop_rules()


async def callee_of(stage: Stage, kind: str, callers: Sequence[Phone]) -> Phone:
    """The callee of a class; HONEST is one, too."""
    name = "b" + "".join(letter for letter in kind if letter.isalpha())[:6]
    return await CLASSES.get(kind, _ignoring)(stage, name, callers)


async def place_and_hang_up(caller: Phone, callee: Phone) -> None:
    """A call that its caller gives up at once; it looked like one that rings."""
    call = await caller.place(at(callee))
    assert call.phase == "calling"
    await call.hang_up()
