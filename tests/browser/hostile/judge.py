"""What really leaves the device, read from its browser below the application, and whether it may."""

from dataclasses import dataclass, field
from typing import cast

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
async () => {
  await new Promise((resolve) => setTimeout(resolve, 30));
  const sum = { audio: 0, video: 0, with_audio: 0, with_video: 0 };
  for (const kind of ['audio', 'video']) sum['asked_' + kind] = asked[kind];
  for (const one of connections) {
    one.most ??= { audio: 0, video: 0 };
    const now = { audio: 0, video: 0 };
    for (const report of (await one.getStats()).values()) {
      if (report.type === 'outbound-rtp') now[report.kind] += report.packetsSent ?? 0;
    }
    for (const kind of ['audio', 'video']) {
      one.most[kind] = Math.max(one.most[kind], now[kind]);
      sum[kind] += one.most[kind];
    }
    if (one.signalingState === 'closed') continue;
    const live = one.getSenders().filter(({ track }) => track?.readyState === 'live');
    for (const { track } of live) sum['with_' + track.kind] += 1;
  }
  return sum;
}
"""
"""Packets of each kind that left, how often each device was asked for, and senders that have a live track."""


@dataclass
class Judge:
    """Looks after each turn at what left the device."""

    page: Page
    server: HostileServer
    peer: HostilePeer
    pressed: bool = False
    """The user pressed Answer, and no answer was heard of it yet."""
    _may: dict[str, int] = field(default_factory=dict)
    _ever: dict[str, bool] = field(default_factory=dict)
    _asked: dict[str, bool] = field(default_factory=dict)
    _before: dict[str, int] = field(default_factory=dict)
    arrived: dict[str, int] = field(default_factory=dict)

    def begin(self) -> None:
        """A new story."""
        self.pressed = False
        self._may = dict.fromkeys(KINDS, 0)
        self._ever = self._asked = dict.fromkeys(KINDS, False)
        self.loaded()

    def loaded(self) -> None:
        """The page was loaded anew: its browser counts from nothing."""
        self._before = {"asked_audio": 0, "asked_video": 0}

    async def look(self) -> list[str]:
        """What is wrong after this turn, in words."""
        now = await self._left()
        wrongs = self._said()
        may = {kind: self.server.may_send(kind) for kind in KINDS}
        asked = {kind: self.server.asked(kind) for kind in KINDS}
        self._ever = {kind: self._ever[kind] or may[kind] > 0 for kind in KINDS}
        self.arrived = await self.peer.received()
        for kind in KINDS:
            more = now[f"asked_{kind}"] > self._before[f"asked_{kind}"]
            if more and not asked[kind] and not self._asked[kind]:
                wrongs.append(f"the device for {kind} was opened and nobody asked for it")
            if now[f"with_{kind}"] > max(may[kind], self._may[kind]):
                wrongs.append(f"a track of {kind} is with a sender and may not be sent")
            elif now[f"with_{kind}"] > may[kind] and await self._goes_on(kind, may[kind]):
                wrongs.append(f"a track of {kind} is still with a sender")
            if not self._ever[kind] and now[kind]:
                wrongs.append(f"{now[kind]} packets of {kind} left the device")
            if not self._ever[kind] and self.arrived[kind]:
                wrongs.append(f"{self.arrived[kind]} packets of {kind} arrived at the peer")
        if self.arrived["checks"] and not any(told.ever for told in self.server.calls.values()):
            wrongs.append("the peer learnt an address before the answer")
        self._may, self._asked, self._before = may, asked, now
        return wrongs

    async def _goes_on(self, kind: str, most: int) -> bool:
        try:
            await until(self._left, lambda now: now[f"with_{kind}"] <= most, within=WITHIN_SECONDS)
        except AssertionError:
            return True
        return False

    async def _left(self) -> dict[str, int]:
        return cast("dict[str, int]", await self.page.evaluate(LEFT))

    def _said(self) -> list[str]:
        """What is wrong with what the page said, of which the memory takes note."""
        wrongs = []
        heard, self.server.heard = self.server.heard, []
        for frame in heard:
            told = self.server.calls.get(self.server.call_of(frame))
            match frame.WhichOneof("body"):
                case "place" if self.server.dialled is None:
                    wrongs.append("a call was placed and nobody pressed a button")
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
        if not self.pressed:
            return ["a call was answered and nobody pressed a button"]
        self.pressed = False
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
