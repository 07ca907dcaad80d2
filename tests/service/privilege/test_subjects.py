"""Who may say and hear what on the bus: every user, on everything that anybody may use, and on what nobody
should.
"""

import asyncio
import re
from collections.abc import Iterable
from contextlib import suppress

import pytest
from nats.aio.client import Client

from ringline.bus import WAKE, Bus, inbox
from ringline.log import EVENTS, STREAM
from ringline.permissions import Grant, grants
from services.embedded import Nats
from tests.servers import until

API = "$JS.API"
NOBODYS = [
    *(f"{API}.STREAM.{verb}.{STREAM}" for verb in ("DELETE", "PURGE", "SNAPSHOT", "RESTORE", "MSG.GET")),
    *(f"{API}.STREAM.{verb}.{STREAM}" for verb in ("MSG.DELETE", "PEER.REMOVE", "LEADER.STEPDOWN")),
    *(f"{API}.STREAM.{verb}.OTHER" for verb in ("CREATE", "UPDATE", "INFO", "DELETE")),
    *(f"{API}.{verb}" for verb in ("INFO", "STREAM.LIST", "STREAM.NAMES", "ACCOUNT.PURGE.G")),
    *(f"{API}.CONSUMER.{verb}.{STREAM}" for verb in ("LIST", "NAMES", "CREATE")),
    *(f"{API}.CONSUMER.{verb}.{STREAM}.policy" for verb in ("DELETE", "PAUSE", "LEADER.STEPDOWN")),
    f"{API}.CONSUMER.DURABLE.CREATE.{STREAM}.policy",
    f"{API}.DIRECT.GET.{STREAM}",
    f"{API}.DIRECT.GET.{STREAM}.{EVENTS}.call_ended",
    f"{API}.META.LEADER.STEPDOWN",
    f"{EVENTS}.invented",
    "$SYS.REQ.SERVER.PING",
    "ringline",
    "anything",
    "_INBOX.abc",
]
LAST = "the.last.one"
"""Refused to everybody."""
HEARD_BY_NOBODY = [
    ">",
    "*.>",
    "$JS.>",
    "$SYS.>",
    "ringline.>",
    f"{EVENTS}.>",
    "_INBOX.>",
    f"{API}.>",
    "*.*.*",
]


def example(subject: str) -> str:
    """A subject without wildcards that this one covers."""
    return subject.replace("*", "g_x").replace(">", "x.y")


def covers(pattern: str, subject: str) -> bool:
    """Whether a grant covers a subject, by the bus's own rules."""
    escaped = re.escape(pattern).replace(r"\*", r"[^.]+")
    return re.fullmatch(escaped[:-1] + ".+" if escaped.endswith(">") else escaped, subject) is not None


def may_say(grant: Grant, subject: str) -> bool:
    """Whether the table grants it."""
    return any(covers(one, subject) for one in grant.publish) and not any(
        covers(one, subject) for one in grant.denied
    )


class User:
    """A connection as one of the users."""

    def __init__(self) -> None:
        self.client = Client()
        self.refused: list[str] = []

    async def connect(self, nats: Nats, user: str, password: str) -> "User":
        """Raises where it is not let in."""
        await self.client.connect(
            nats.url(owner=False),
            user=user,
            password=password,
            error_cb=self._on_error,
            allow_reconnect=False,
        )
        return self

    async def refused_to_say(self, subjects: Iterable[str]) -> set[str]:
        """Which of these it may not publish to."""
        for subject in (*subjects, LAST):
            await self.client.publish(subject, b"")
        said = await self._said(f'publish to "{LAST}"')
        return {subject for subject in subjects if f'publish to "{subject.lower()}"' in said}

    async def refused_to_hear(self, subjects: Iterable[str]) -> set[str]:
        """Which of these it may not subscribe to."""
        for subject in (*subjects, LAST):
            await self.client.subscribe(subject)
        said = await self._said(f'subscription to "{LAST}"')
        return {subject for subject in subjects if f'subscription to "{subject.lower()}"' in said}

    async def _said(self, last: str) -> str:
        """What was refused up to now: the bus answers in order, and `last` was asked last."""
        await until(lambda: any(last in one for one in self.refused), 10, lambda: "no answer")
        return " ".join(self.refused)

    async def _on_error(self, error: Exception) -> None:
        self.refused.append(str(error).lower())


@pytest.mark.parametrize("user", grants())
async def test_a_user_says_and_hears_what_is_its_own_and_nothing_else(nats: Nats, user: str) -> None:
    table = grants()
    said = {example(one) for grant in table.values() for one in (*grant.publish, *grant.denied)} - {"x.y"}
    said |= {*NOBODYS, *(f"{inbox(one)}.x" for one in table)}
    heard = {example(one) for grant in table.values() for one in grant.subscribe}
    heard |= {*said, *HEARD_BY_NOBODY, *(f"{inbox(one)}.>" for one in table)}
    one = await User().connect(nats, user, nats.users[user])
    assert await one.refused_to_say(said) == {it for it in said if not may_say(table[user], it)}
    own = table[user].subscribe
    assert await one.refused_to_hear(heard) == {
        it for it in heard if not any(covers(mine, it) for mine in own)
    }
    await one.client.close()


def test_nobody_is_granted_what_changes_or_reads_the_log_from_outside() -> None:
    for user, grant in grants().items():
        assert not [subject for subject in NOBODYS if may_say(grant, subject)], user
        assert not [one for one in grant.subscribe if not one.startswith((inbox(user) + ".", f"{WAKE}."))], (
            user
        )
        assert not [
            subject for subject in HEARD_BY_NOBODY if any(covers(it, subject) for it in grant.subscribe)
        ]


async def test_nobody_comes_in_with_another_password_or_with_none(nats: Nats) -> None:
    for user, password in (("policy", nats.users["signaling"]), ("nobody", "x"), ("policy", ""), ("", "")):
        stranger = User()
        with pytest.raises(Exception, match="(?i)authorization violation"):
            await stranger.connect(nats, user, password)
        await stranger.client.close()


async def test_a_password_that_is_refused_gives_way_to_the_next(nats: Nats) -> None:
    """And the other way round, when the server gets the new one while everybody is connected."""
    password = nats.users["presence"]
    bus = await Bus(nats.url(owner=False), "presence", "presence", ["the new one", password]).connect(10)
    other = await Bus(nats.url(owner=False), "gateway", "gateway", [nats.users["gateway"]]).connect(10)
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    await other.subscribe_wakes("g_1", heard.put_nowait)

    async def hears(wake: bytes) -> None:
        """What is said arrives; while the bus is away it does not, and is said again."""
        async with asyncio.timeout(20):
            while True:
                await bus.publish_wake("g_1", wake)
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        while await heard.get() != wake:
                            pass
                        return

    await hears(b"before")
    nats.stop()
    nats.users["presence"] = "the new one"
    nats.start(nats.port)
    await hears(b"after")
    await asyncio.gather(bus.close(), other.close())
