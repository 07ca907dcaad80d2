"""What really leaves the device, read from its browser below the application, and whether it may."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypedDict, cast

from playwright.async_api import Page

from ringline.v1 import client_pb2
from tests.browser.hostile.peer import HostilePeer
from tests.browser.hostile.server import HostileServer
from tests.browser.person import until

KINDS = ("audio", "video")
WITHIN_SECONDS = 3.0
"""For what has to stop: a page on a busy machine has to take a frame, and to let go of a track."""

ASKED = """
(() => {
  window.asked = { audio: 0, video: 0 };
  const devices = navigator.mediaDevices;
  if (!devices) return;
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = (wanted) => {
    for (const kind of ['audio', 'video']) if (wanted[kind]) asked[kind] += 1;
    return ask(wanted);
  };
})();
"""
"""Runs before the page: counts how often each device is asked for."""
LEFT = """
async (pause) => {
  await new Promise((resolve) => setTimeout(resolve, pause));
  const left = [];
  for (const one of connections) {
    one.most ??= { audio: 0, video: 0 };
    const now = { audio: 0, video: 0 };
    for (const report of (await one.getStats()).values()) {
      if (report.type === 'outbound-rtp') now[report.kind] += report.packetsSent ?? 0;
    }
    for (const kind of ['audio', 'video']) one.most[kind] = Math.max(one.most[kind], now[kind]);
    one.print ??= one.localDescription?.sdp.match(/a=fingerprint:(\\S+ \\S+)/)?.[1];
    const open = one.signalingState !== 'closed';
    const senders = { audio: 0, video: 0 };
    if (open) {
      for (const { track } of one.getSenders()) if (track?.readyState === 'live') senders[track.kind] += 1;
    }
    left.push({ open, print: one.print ?? '', packets: { ...one.most }, senders });
  }
  return { asked: { ...asked }, left };
}
"""
"""How often each device was asked for; of each connection the certificate, the packets of each kind that
left, and the senders that have a live track.
"""
LOOK_MS, STILL_MS = 30, 80
"""Before a reading; a browser makes a new one every 50 ms."""


class Connection(TypedDict):
    """One that the page made, also where it is closed."""

    print: str
    open: bool
    packets: dict[str, int]
    senders: dict[str, int]


class Reading(TypedDict):
    """What LEFT reads."""

    asked: dict[str, int]
    left: list[Connection]


@dataclass
class Still:
    """A kind in a connection in which it may not be sent."""

    packets: int
    """What had left when it became still."""
    held: bool
    """Its call was on hold then."""
    ended: bool = False
    """It may be sent again."""


@dataclass
class Press:
    """The user pressed a button that answers, and no answer was heard of it yet."""

    meanwhile: str = ""
    """What becomes of the call that was talked in: "hold" or "end"."""
    talked: str = ""
    """With whom it is."""


@dataclass
class Judge:
    """Looks after each turn at what left the device."""

    page: Page
    server: HostileServer
    peer: HostilePeer
    pressed: Press | None = None
    held: bool = False
    """Packets had left in a call that was then put on hold, and was still."""
    resumed: bool = False
    """And left again after the hold."""
    arrived: dict[str, int] = field(default_factory=dict)
    _may: dict[tuple[str, str], bool] = field(default_factory=dict)
    _ever: dict[str, bool] = field(default_factory=dict)
    _asked: dict[str, bool] = field(default_factory=dict)
    _before: dict[str, int] = field(default_factory=dict)
    _still: dict[tuple[int, str], Still] = field(default_factory=dict)

    def begin(self) -> None:
        """A new story."""
        self.pressed = None
        self.held = self.resumed = False
        self._may = {}
        self._ever = self._asked = dict.fromkeys(KINDS, False)
        self.loaded()

    def loaded(self) -> None:
        """The page was loaded anew: its browser counts from nothing."""
        self._before = dict.fromkeys(KINDS, 0)
        self._still = {}

    async def look(self) -> list[str]:
        """What is wrong after this turn, in words."""
        now = await self._read()
        wrongs = self._said()
        asked = {kind: self.server.asked(kind) for kind in KINDS}
        self._ever = {kind: self._ever[kind] or self.server.may_send(kind) for kind in KINDS}
        self.arrived = await self.peer.received()
        for kind in KINDS:
            more = now["asked"][kind] > self._before[kind]
            if more and not asked[kind] and not self._asked[kind]:
                wrongs.append(f"the device for {kind} was opened and nobody asked for it")
            packets = sum(one["packets"][kind] for one in now["left"])
            if not self._ever[kind] and packets:
                wrongs.append(f"{packets} packets of {kind} left the device")
            if not self._ever[kind] and self.arrived[kind]:
                wrongs.append(f"{self.arrived[kind]} packets of {kind} arrived at the peer")
            for number, one in enumerate(now["left"]):
                wrongs += await self._of(number, one, kind)
        if len(_sending(now)) > 1 and await self._goes_on(lambda later: len(_sending(later)) <= 1):
            wrongs.append("the page sends in two calls at once")
        if self.arrived["checks"] and not any(told.ever for told in self.server.calls.values()):
            wrongs.append("the peer learnt an address before the answer")
        self._asked, self._before = asked, now["asked"]
        calls = ("", *self.server.calls)
        self._may = {(one, kind): self.server.may_send(kind, one) for one in calls for kind in KINDS}
        return wrongs

    async def _of(self, number: int, one: Connection, kind: str) -> list[str]:
        """What is wrong with a kind in a connection."""
        call_id = self.peer.call_of(one["print"])
        may, before = self.server.may_send(kind, call_id), self._may.get((call_id, kind), False)
        if one["senders"][kind] > max(may, before):
            return [f"a track of {kind} is with a sender and may not be sent"]
        if one["senders"][kind] > may and await self._goes_on(
            lambda now: now["left"][number]["senders"][kind] <= may
        ):
            return [f"a track of {kind} is still with a sender"]
        packets, still = one["packets"][kind], self._still.get((number, kind))
        told = self.server.calls.get(call_id)
        held = told is not None and told.live and told.silent
        if may:
            self.resumed |= still is not None and still.held and packets > still.packets
        elif still is None or still.ended:
            quiet = await self._quiet(number, kind) if one["open"] and before else packets
            if quiet is None:
                return [f"packets of {kind} leave on and on, and may not be sent"]
            self._still[number, kind] = Still(quiet, held)
            self.held |= held and quiet > 0
        elif packets > still.packets:
            return [f"{packets - still.packets} packets of {kind} left after all was still"]
        if may and still is not None:
            still.ended = True
        return []

    async def _quiet(self, number: int, kind: str) -> int | None:
        """The packets that had left when no more did; None where they go on."""
        last: int | None = None

        async def changes() -> bool:
            nonlocal last
            before, last = last, (await self._read(STILL_MS))["left"][number]["packets"][kind]
            return before != last

        try:
            await until(changes, lambda changed: not changed, within=WITHIN_SECONDS)
        except AssertionError:
            return None
        return last

    async def _goes_on(self, stops: Callable[[Reading], bool]) -> bool:
        try:
            await until(self._read, stops, within=WITHIN_SECONDS)
        except AssertionError:
            return True
        return False

    async def _read(self, pause_ms: int = LOOK_MS) -> Reading:
        return cast("Reading", await self.page.evaluate(LEFT, pause_ms))

    def _said(self) -> list[str]:
        """What is wrong with what the page said, of which the memory takes note."""
        wrongs = []
        heard, self.server.heard = self.server.heard, []
        for frame in heard:
            told = self.server.calls.get(self.server.call_of(frame))
            match frame.WhichOneof("body"):
                case "place" if self.server.dialled is None:
                    wrongs.append("a call was placed and nobody pressed a button")
                case "hold" if not frame.hold.on and (told is None or told.wish is not False):
                    wrongs.append("a call was taken back from hold and nobody pressed a button")
                case "answer":
                    wrongs += self._answered(frame.answer)
                case "hang_up" | "decline" if told is not None:
                    told.over = True
                case "describe" | "add_candidates" if told is None or not told.ever:
                    wrongs.append(f"{frame.WhichOneof('body')} before the answer")
                case _:
                    pass
            self._note(frame)
        return wrongs

    def _answered(self, answer: client_pb2.Answer) -> list[str]:
        told = self.server.call(answer.call_id)
        if self.pressed is None:
            return ["a call was answered and nobody pressed a button"]
        for other in self.server.with_(self.pressed.talked):
            other.wish = True if self.pressed.meanwhile == "hold" else other.wish
            other.over = other.over or self.pressed.meanwhile == "end"
        self.pressed = None
        told.ask(told.view.asked)
        wrongs = []
        if answer.kinds.video and not told.view.asked.video:
            wrongs.append("video was answered to a call of audio")
        if answer.description.candidates or b"a=candidate" in answer.description.body:
            wrongs.append("an answer with an address")
        return wrongs

    def _note(self, frame: client_pb2.ClientFrame) -> None:
        """What the page describes is for the peer, as a server would carry it."""
        if frame.WhichOneof("body") == "answer" and frame.answer.HasField("description"):
            self.peer.hear(frame.answer.call_id, frame.answer.description)
        if frame.WhichOneof("body") == "describe":
            self.peer.hear(frame.describe.call_id, frame.describe.description)


def _sending(now: Reading) -> list[Connection]:
    """The connections in which anything may leave."""
    return [one for one in now["left"] if any(one["senders"].values())]
