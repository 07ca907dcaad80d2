"""Connections on which the steps of a session come in the wrong order, are forged, or are said again: what
hypothesis puts together out of MOVES, played on one connection.

Nothing of it may end in anything but a refusal, and no move may touch what is somebody else's: a call of the
honest people goes on, and a command's key is one's own.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from hypothesis import strategies as st

from ringline import ids
from ringline.client import Session
from ringline.v1 import client_pb2
from ringline.v1.client_pb2 import ClientFrame, Hello
from ringline.v1.types_pb2 import Kinds
from tests.hostile.attacks import Outcome
from tests.hostile.frames import made
from tests.hostile.raw import NotLetIn, Raw
from tests.hostile.siege import Siege, network
from tests.hostile.wire import CLOSE, framed

MOST_MOVES = 12
MANY = 10_000


@dataclass
class Play:
    """One connection, and what whoever has it got hold of before."""

    siege: Siege
    dice: Random
    raw: Raw
    spent: list[Hello] = field(default_factory=list)
    """Hellos that opened a line."""
    is_said: bool = False
    """Something was said first: hello would come too late."""

    @property
    def me(self) -> Session:
        """Whose device this is."""
        return self.siege.attackers[0]

    async def fresh(self, session: Session | None = None) -> Hello:
        """A hello that is good."""
        return await self.siege.hello(session or self.me)

    async def say(self, hello: Hello, good: bool = False) -> str:
        """Says hello; what is wrong with what came of it."""
        first, self.is_said = not self.is_said, True
        self.raw.tell(ClientFrame(id=1, hello=hello))
        if not first:
            return ""
        await self.raw.until(lambda: self.raw.welcome is not None or self.raw.is_closed, "an answer to hello")
        if good and self.raw.welcome is not None:
            self.spent.append(hello)
        if good and self.raw.welcome is None and not self.raw.is_excused:
            return "a good hello opened no line"
        if self.raw.welcome is not None and not good:
            return "a hello that is worth nothing opened a line"
        return ""


Move = Callable[[Play], Awaitable[str]]
"""Does something, and answers what was wrong with the server then; "" for nothing."""


async def good_hello(play: Play) -> str:
    """A hello as it should be."""
    return await play.say(await play.fresh(), good=True)


async def hello_again(play: Play) -> str:
    """The hello of before, replayed: on this connection, or by a twin on another one."""
    if not play.spent:
        return ""
    twin = await Raw.upgraded(play.siege.unlimited, network(play.dice))
    twin.tell(ClientFrame(id=1, hello=play.spent[-1]))
    await twin.until(lambda: twin.welcome is not None or twin.is_closed, "an answer to hello")
    opened = twin.welcome is not None
    twin.abort()
    return "a ticket opened two lines" if opened else ""


async def forged_signature(play: Play) -> str:
    """A ticket with somebody else's signature, or one changed in one bit."""
    hello = await play.fresh()
    signature = bytearray(hello.signature)
    signature[play.dice.randrange(64)] ^= 1 << play.dice.randrange(8)
    hello.signature = bytes(signature)
    return await play.say(hello)


async def foreign_ticket(play: Play) -> str:
    """The ticket of another device, which its own key did not sign."""
    other = play.siege.attackers[1]
    hello = await play.fresh(other)
    hello.signature = play.me.key.sign_ticket(hello.ticket)
    return await play.say(hello)


async def changed_ticket(play: Play) -> str:
    """A ticket that was changed, well signed by the device."""
    hello = await play.fresh()
    at = play.dice.randrange(len(hello.ticket))
    other = "A" if hello.ticket[at] != "A" else "B"
    hello.ticket = hello.ticket[:at] + other + hello.ticket[at + 1 :]
    hello.signature = play.me.key.sign_ticket(hello.ticket)
    head, _, tail = hello.ticket.rpartition(".")
    if at == len(head) + len(tail):  # the last character holds bits that say nothing
        return ""
    return await play.say(hello)


async def command(play: Play) -> str:
    """A command, perhaps before hello."""
    play.is_said = True
    place = client_pb2.Place(
        username=play.dice.choice((*play.siege.known.names, "@nobody", "")), kinds=Kinds(audio=True)
    )
    play.raw.tell(ClientFrame(id=7, command_id=_key(play), place=place))
    return ""


async def end_foreign_call(play: Play) -> str:
    """Commands about a call of others: to answer, to end, to describe, to hold it."""
    play.is_said = True
    call_id = (play.siege.known.calls or [ids.mint_call()])[-1]
    description = client_pb2.Description(generation=9, body=b"evil")
    for frame in (
        ClientFrame(id=8, command_id=_key(play), hang_up=client_pb2.HangUp(call_id=call_id)),
        ClientFrame(
            id=9, command_id=_key(play), decline=client_pb2.Decline(call_id=call_id, everywhere=True)
        ),
        ClientFrame(id=10, command_id=_key(play), answer=client_pb2.Answer(call_id=call_id)),
        ClientFrame(id=11, command_id=_key(play), hold=client_pb2.Hold(call_id=call_id, on=True)),
        ClientFrame(id=12, describe=client_pb2.Describe(call_id=call_id, description=description)),
        ClientFrame(id=13, report=client_pb2.Report(call_id=call_id, state=client_pb2.MEDIA_STATE_FAILED)),
    ):
        play.raw.tell(frame)
    return ""


async def same_key(play: Play) -> str:
    """One command key for different commands, and one that another user used."""
    play.is_said = True
    for frame in (
        ClientFrame(id=14, command_id="k" * 20, hang_up=client_pb2.HangUp(call_id=ids.mint_call())),
        ClientFrame(id=15, command_id="k" * 20, hold=client_pb2.Hold(call_id=ids.mint_call(), on=True)),
        ClientFrame(id=15, command_id="k" * 20, answer=client_pb2.Answer(call_id=ids.mint_call())),
    ):
        play.raw.tell(frame)
    return await _by_two_users(play)


async def _by_two_users(play: Play) -> str:
    """Two users place a call by the same key: each has one of their own, or none."""
    key, placed = _key(play), list[list[str]]()
    place = client_pb2.Place(username="@" + play.me.username, kinds=Kinds(audio=True))
    for session in play.dice.sample(play.siege.attackers[1:], 2):
        line = await play.siege.line(play.dice, session=session)
        try:
            line.tell(ClientFrame(id=2, command_id=key, place=place))
            await line.until(lambda line=line: 2 in line.answered or line.is_closed, "an answer to a place")  # type: ignore[misc]
            placed.append(list(line.calls))
            for call_id in {one for calls in placed for one in calls}:  # the other one's is not theirs to end
                line.tell(ClientFrame(id=3, command_id=key, hang_up=client_pb2.HangUp(call_id=call_id)))
            await line.barrier()
        finally:
            line.abort()
    first, second = placed
    return "a key of one user was taken for another's" if set(first) & set(second) else ""


async def strange_frames(play: Play) -> str:
    """Some frames of any kind."""
    play.is_said = True
    for _, data in made(play.dice, play.siege.known, 20):
        play.raw.send(framed(data))
    return ""


async def ten_thousand(play: Play) -> str:
    """Ten thousand commands at once."""
    play.is_said = True
    frame = ClientFrame(id=3, renew_relay=client_pb2.RenewRelay(call_id=ids.mint_call()))
    play.raw.send(framed(frame.SerializeToString()) * MANY)
    return ""


async def goodbye(play: Play) -> str:
    """A close, after which more is said."""
    play.is_said = True
    play.raw.send(framed(b"\x03\xe8", CLOSE))
    return ""


async def half_open(play: Play) -> str:
    """No more is said from here on, as the other side may read."""
    play.is_said = True
    play.raw.finish()
    return ""


MOVES: tuple[Move, ...] = (
    good_hello, good_hello, good_hello, hello_again, forged_signature, foreign_ticket, changed_ticket,
    command, end_foreign_call, same_key, strange_frames, ten_thousand, goodbye, half_open,
)  # fmt: skip
SCRIPTS = st.tuples(
    st.integers(0, 2**64 - 1),
    st.lists(st.sampled_from(MOVES), min_size=1, max_size=MOST_MOVES),
)
"""A seed and the moves."""


async def play(siege: Siege, seed: int, moves: list[Move]) -> Outcome:
    """Plays the moves on one connection, until it is closed or they are over."""
    dice = Random(seed)
    done = Outcome()
    try:
        stage = Play(siege, dice, await Raw.upgraded(siege.unlimited, network(dice)))
    except NotLetIn:
        return Outcome(repeated=Counter({"not let in": 1}))
    try:
        await _moves(stage, moves, done, seed)
    finally:
        stage.raw.abort()
    done.found += stage.raw.found
    return done


async def _moves(stage: Play, moves: list[Move], done: Outcome, seed: int) -> None:
    for move in moves:
        if stage.raw.is_closed:
            break
        try:
            wrong = await move(stage)
        except NotLetIn:
            break
        done.cases[f"session_{move.__name__}"] += 1
        done.repeated["commands of ten thousand"] += MANY * (move is ten_thousand)
        if wrong:
            done.found.append(f"{wrong}: {seed} {[one.__name__ for one in moves]}")
    if stage.raw.welcome is not None and not stage.raw.is_closed:
        stage.raw.answered.clear()
        await stage.raw.barrier()


def counted(outcomes: list[Outcome]) -> Outcome:
    """Several as one."""
    done = Outcome(Counter())
    for one in outcomes:
        done.add(one)
    return done


def _key(play: Play) -> str:
    return f"{play.dice.getrandbits(96):024x}"
