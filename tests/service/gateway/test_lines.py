"""Lines: who may open one, what ends one, and what it is shown."""

import asyncio
import secrets

import pytest

from ringline import ids
from ringline.client.keys import DeviceKey
from ringline.client.line import Line
from ringline.client.rest import Session
from ringline.refusal import Refusal
from ringline.v1 import client_pb2, signaling_pb2
from ringline.v1.client_pb2 import ClientFrame, Hello, ServerFrame
from ringline.v1.reasons_pb2 import Reason
from ringline.v1.types_pb2 import Kinds
from tests.service.gateway.conftest import Alone
from tests.service.gateway.town import PASSWORD, Town, frame_for

pytestmark = pytest.mark.asyncio(loop_scope="session")
AUDIO = Kinds(audio=True)
PATIENCE = 5.0


class Ears:
    """Everything a line is shown."""

    def __init__(self) -> None:
        self.frames: list[ServerFrame] = []
        self._news = asyncio.Event()

    def __call__(self, frame: ServerFrame) -> None:
        self.frames.append(frame)
        self._news.set()

    def of(self, kind: str) -> list[ServerFrame]:
        """The frames of one kind."""
        return [frame for frame in self.frames if frame.WhichOneof("body") == kind]

    async def until(self, kind: str, count: int = 1) -> list[ServerFrame]:
        """Waits for so many frames of a kind."""
        async with asyncio.timeout(PATIENCE):
            while len(self.of(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)


def view(
    call_id: str, version: int, phase: client_pb2.Phase.ValueType = client_pb2.PHASE_CALLING
) -> ServerFrame:
    """A call's view."""
    return ServerFrame(call=client_pb2.Call(call_id=call_id, version=version, phase=phase))


async def why_not(shared: Town, hello: Hello, gateway_number: int = 0) -> Reason.ValueType:
    """Why a hello is refused."""
    with pytest.raises(Refusal) as refused:
        await Line.open(shared.urls[gateway_number], hello, Ears())
    return refused.value.reason


async def closed(line: Line) -> tuple[Reason.ValueType | None, int]:
    """Waits for a line's end: why, and with which code."""
    async with asyncio.timeout(PATIENCE):
        code = await line.closed
    return (line.refused.reason if line.refused is not None else None), code


async def placed(line: Line, username: str) -> ServerFrame:
    """Places a call."""
    place = client_pb2.Place(username=username, kinds=AUDIO)
    return await line.ask(ClientFrame(command_id=secrets.token_urlsafe(18), place=place))


# ------------------------------------------------------------ opening


async def test_a_line_opens_with_a_ticket_of_whichever_gateway(shared: Town) -> None:
    ada = await shared.person("ada", gateway_number=0)
    epochs = [0]
    for number in (0, 1):
        line = await shared.line(ada, number, instance="the-same-tab")
        welcome = line.welcome
        assert (welcome.line.user_id, welcome.line.device_id) == (ada.user_id, ada.device_id)
        assert welcome.line.epoch > epochs[-1]
        epochs.append(welcome.line.epoch)
        assert ids.is_id(welcome.line.gateway_id, "g_")
        assert welcome.incarnation and welcome.silence_ms and welcome.server_time_ms
        assert not welcome.calls
        line.close()
        await closed(line)


async def test_a_ticket_is_good_once_on_whatever_gateway(shared: Town) -> None:
    ada = await shared.person("ada")
    hello = await shared.hello(ada)
    line = await Line.open(shared.urls[0], hello, Ears())
    for number in (0, 1):
        assert await why_not(shared, hello, number) == Reason.REASON_TICKET_INVALID
    assert line.is_open
    line.close()


async def test_a_stolen_ticket_opens_nothing_without_the_devices_key(shared: Town) -> None:
    ada = await shared.person("ada")
    hello = await shared.hello(ada)
    hello.signature = DeviceKey().sign_ticket(hello.ticket)
    assert await why_not(shared, hello) == Reason.REASON_TICKET_INVALID


async def test_a_ticket_of_a_device_that_was_revoked_meanwhile_opens_nothing(shared: Town) -> None:
    ada = await shared.person("ada")
    tablet = await shared.api().sign_in(ada.username, PASSWORD, DeviceKey(), "Tablet")
    hello = await shared.hello(tablet)
    await ada.revoke(tablet.device_id)
    assert await why_not(shared, hello, 1) == Reason.REASON_DEVICE_REVOKED


@pytest.mark.parametrize(
    "given",
    [{"instance": "x"}, {"signature": b""}, {"ticket": "é"}, {"ticket": "x" * 3000}, {"ticket": "a.b.c"}],
)
async def test_a_hello_that_is_no_hello_is_refused(shared: Town, given: dict[str, object]) -> None:
    hello = await shared.hello(await shared.person("ada"))
    for name, value in given.items():
        setattr(hello, name, value)
    assert await why_not(shared, hello) in (Reason.REASON_INVALID, Reason.REASON_TICKET_INVALID)


async def test_the_first_frame_is_hello_and_it_comes_once(shared: Town) -> None:
    ada = await shared.person("ada")
    line = await shared.line(ada)
    with pytest.raises(Refusal) as refused:
        await line.ask(ClientFrame(hello=await shared.hello(ada)))
    assert refused.value.reason == Reason.REASON_INVALID
    assert line.is_open
    line.close()


# ------------------------------------------------------------ fencing


@pytest.mark.shows("S14")
@pytest.mark.parametrize("second", [0, 1])
async def test_the_same_instance_again_closes_its_predecessor_and_nobody_else(
    shared: Town, second: int
) -> None:
    ada = await shared.person("ada")
    other = await shared.line(ada, instance="another-tab")
    first = await shared.line(ada, instance="the-same-tab")
    again = await shared.line(ada, second, instance="the-same-tab")
    assert (await closed(first))[0] == Reason.REASON_LINE_FENCED
    assert again.welcome.line.epoch > first.welcome.line.epoch
    await asyncio.gather(again.ping(), other.ping())
    for line in (again, other):
        line.close()


@pytest.mark.shows("S14")
async def test_a_fence_of_a_lower_epoch_closes_nothing(shared: Town) -> None:
    ada = await shared.person("ada")
    line = await shared.line(ada)
    old = signaling_pb2.Wake(sender="s_x", fenced=[line.welcome.line])
    old.fenced[0].epoch -= 1
    await shared.wake(line, old)
    await shared.wake(line, signaling_pb2.Wake(sender="s_x", fenced=[line.welcome.line]))
    assert (await closed(line))[0] == Reason.REASON_LINE_FENCED


# ------------------------------------------------------------ frames


async def test_a_ping_is_answered_by_a_beat(shared: Town) -> None:
    line = await shared.line(await shared.person("ada"))
    assert (await line.ping()).WhichOneof("body") == "beat"
    line.close()


async def test_a_malformed_command_is_refused_and_the_line_lives(shared: Town) -> None:
    line = await shared.line(await shared.person("ada"))
    for frame in (
        ClientFrame(),
        ClientFrame(command_id="short", place=client_pb2.Place(username="@bob", kinds=AUDIO)),
        ClientFrame(command_id="k" * 16, answer=client_pb2.Answer(call_id="c_*.>")),
    ):
        with pytest.raises(Refusal) as refused:
            await line.ask(frame)
        assert refused.value.reason == Reason.REASON_INVALID
    with pytest.raises(Refusal) as refused:
        await line.ask(ClientFrame(command_id="k" * 16, hang_up=client_pb2.HangUp(call_id=ids.mint_call())))
    assert refused.value.reason == Reason.REASON_CALL_NOT_FOUND
    line.close()


async def test_what_is_no_frame_closes_the_line(shared: Town) -> None:
    line = await shared.line(await shared.person("ada"))
    line.send_raw(b"\xff\xff\xff\xff")
    assert await closed(line) == (Reason.REASON_INVALID, 1003)


async def test_a_frame_of_64_kib_is_read_and_a_longer_one_closes_the_line(shared: Town) -> None:
    line = await shared.line(await shared.person("ada"))
    ping = ClientFrame(id=1, ping=client_pb2.Ping()).SerializeToString()
    line.send_raw(ping + _unknown(65_536 - len(ping)))
    await line.ping()
    line.send_raw(bytes(65_537))
    assert (await closed(line))[1] == 1009


def _unknown(size: int) -> bytes:
    """A field that nobody knows, so many bytes long: key (2), length (3) and content."""
    content = size - 5
    length = bytes([content & 0x7F | 0x80, content >> 7 & 0x7F | 0x80, content >> 14])
    return b"\xfa\x7f" + length + bytes(content)


async def test_commands_of_a_line_are_served_in_the_order_in_which_they_come(shared: Town) -> None:
    """A person dials and hangs up at once: the second command knows what the first one did."""
    ada, bob = await shared.person("ada"), await shared.person("bob", 1)
    ears = Ears()
    line = await shared.line(ada, hear=ears)
    call_id = (await placed(line, bob.username)).done.call.call_id
    hang_up = client_pb2.HangUp(call_id=call_id)
    for number in (101, 102):
        line.tell(ClientFrame(id=number, command_id=f"hang-up-command-{number}", hang_up=hang_up))
    await ears.until("refused")
    replies = [frame.reply_to for frame in ears.frames if frame.reply_to > 100]
    assert replies == [101, 102]
    assert ears.of("refused")[0].refused.reason == Reason.REASON_CALL_ENDED
    line.close()


async def test_a_command_that_wants_no_reply_still_shows_what_it_changed(shared: Town) -> None:
    ada, bob = await shared.person("ada"), await shared.person("bob", 1)
    ears = Ears()
    line = await shared.line(ada, hear=ears)
    call_id = (await placed(line, bob.username)).done.call.call_id
    hang_up = client_pb2.HangUp(call_id=call_id)
    line.tell(ClientFrame(command_id="hang-up-command-1", hang_up=hang_up))
    shown = await ears.until("call")
    assert shown[-1].call.phase == client_pb2.PHASE_ENDED
    assert shown[-1].reply_to == 0
    line.close()


async def test_who_dials_names_that_nobody_has_uses_up_his_lookups(alone: Alone) -> None:
    async with alone(lookup_burst=3) as town:
        ada, bob = await town.person("ada"), await town.person("bob")
        line = await town.line(ada)
        for _ in range(3):
            with pytest.raises(Refusal) as refused:
                await placed(line, "@nobody_at_all")
            assert refused.value.reason == Reason.REASON_USER_NOT_FOUND
        with pytest.raises(Refusal) as refused:
            await placed(line, bob.username)
        assert refused.value.reason == Reason.REASON_LIMITED
        line.close()


async def test_a_user_asks_for_so_many_credentials_of_the_relay_on_all_his_lines_and_no_other_pays(
    alone: Alone,
) -> None:
    async with alone(relay_burst=3) as town:
        ada, bob = await town.person("ada"), await town.person("bob")
        line, other, stranger = await town.line(ada), await town.line(ada), await town.line(bob)
        call = (await placed(line, bob.username)).done.call
        renew = ClientFrame(renew_relay=client_pb2.RenewRelay(call_id=call.call_id))
        for _ in range(3):
            assert (await line.ask(renew)).HasField("relay")
        for limited in (line, other):
            with pytest.raises(Refusal) as refused:
                await limited.ask(renew)
            assert refused.value.reason == Reason.REASON_LIMITED
            assert refused.value.retry_after
        own = (await placed(stranger, ada.username)).done.call
        renew = ClientFrame(renew_relay=client_pb2.RenewRelay(call_id=own.call_id))
        assert (await stranger.ask(renew)).HasField("relay")
        for one in (line, other, stranger):
            one.close()


# ------------------------------------------------------------ what a line is shown


@pytest.mark.shows("S11")
async def test_a_line_never_sees_a_view_go_back(shared: Town) -> None:
    ears = Ears()
    line = await shared.line(await shared.person("ada"), hear=ears)
    call = ids.mint_call()
    frames = [frame_for(line, view(call, n), n, call_id=call, live=True) for n in (2, 1, 2, 3)]
    await shared.wake(line, signaling_pb2.Wake(sender="s_x", frames=frames))
    assert [one.call.version for one in await ears.until("call", 2)] == [2, 3]
    ended = frame_for(line, view(call, 4, client_pb2.PHASE_ENDED), 4, call_id=call)
    late = frame_for(line, view(call, 3), 3, call_id=call, live=True)
    await shared.wake(line, signaling_pb2.Wake(sender="s_x", frames=[ended, late]))
    await line.ping()
    assert [one.call.version for one in await ears.until("call", 3)] == [2, 3, 4]
    line.close()


async def test_a_frame_for_a_user_reaches_all_his_lines_here_and_nobody_else(shared: Town) -> None:
    ada, eve = await shared.person("ada"), await shared.person("eve")
    ears = [Ears(), Ears(), Ears()]
    lines = [await shared.line(one, hear=ear) for one, ear in zip((ada, ada, eve), ears, strict=True)]
    call = ids.mint_call()
    frame = frame_for(lines[0], view(call, 1), 1, call_id=call)
    frame.line = ""
    stray = frame_for(lines[2], view(call, 1), 1, call_id=call)
    stray.user_id = ada.user_id
    await shared.wake(lines[0], signaling_pb2.Wake(sender="s_x", frames=[frame, stray]))
    for ear in ears[:2]:
        await ear.until("call")
    await lines[2].ping()
    assert not ears[2].of("call")
    for line in lines:
        line.close()


@pytest.mark.shows("L3")
async def test_a_call_that_signaling_does_not_know_is_over_after_the_next_comparison(shared: Town) -> None:
    """A ghost: shown for live by a wake-up, though there is no such call."""
    ears = Ears()
    line = await shared.line(await shared.person("ada"), hear=ears)
    call = ids.mint_call()
    frame = frame_for(line, view(call, 1), 1, call_id=call, live=True)
    await shared.wake(line, signaling_pb2.Wake(sender="s_x", frames=[frame]))
    await ears.until("call")
    assert [one.call_id for one in (await line.ping()).beat.calls] == [call]
    async with asyncio.timeout(PATIENCE):
        while (await line.ping()).beat.calls:
            await asyncio.wait([line.closed], timeout=0.1)
    line.close()


async def test_wakes_that_nobody_can_read_do_no_harm(shared: Town) -> None:
    line = await shared.line(await shared.person("ada"))
    bus = await shared.nodes[0].bus()
    await bus.publish_wake(line.welcome.line.gateway_id, b"\xff\xff\xff")
    assert (await line.ping()).HasField("beat")
    line.close()


@pytest.mark.shows("L6")
async def test_the_calls_of_a_user_are_in_the_welcome_of_the_next_line(shared: Town) -> None:
    ada, bob = await shared.person("ada"), await shared.person("bob", 1)
    line = await shared.line(ada, instance="the-same-tab")
    call_id = (await placed(line, bob.username)).done.call.call_id
    line.abort()
    again = await shared.line(ada, 1, instance="the-same-tab")
    assert [(one.call_id, one.here) for one in again.welcome.calls] == [(call_id, True)]
    again.close()


async def test_sessions_of_many_people_open_lines_at_the_same_time(shared: Town) -> None:
    async def one(session: Session, number: int) -> int:
        line = await shared.line(session, number % 2)
        await line.ping()
        line.close()
        await closed(line)
        return line.welcome.line.epoch

    people = await asyncio.gather(*(shared.person("zed", n % 2) for n in range(10)))
    epochs = await asyncio.gather(*(one(session, n) for n, session in enumerate(people)))
    assert len(set(epochs)) == 10
