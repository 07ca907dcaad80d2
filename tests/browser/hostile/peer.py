"""The other end of the media: a page with real connections that describes itself as no honest one would."""

import json
import re
from dataclasses import dataclass
from typing import Any, cast

from playwright.async_api import Page

from ringline.v1 import client_pb2

PAGE = "/hostile"
FINGERPRINT = re.compile(r"a=fingerprint:(\S+ \S+)")
SCRIPT = """
(() => {
  const connections = [];
  let stream;
  const tracks = async () => {
    stream ??= await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    return stream.getTracks();
  };
  const open = () => {
    const made = { pc: new RTCPeerConnection(), name: 'hostile-' + connections.length };
    connections.push(made);
    return made;
  };
  const gathered = (pc) => new Promise((resolve) => {
    if (pc.iceGatheringState === 'complete') return resolve();
    pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && resolve();
  });
  const wide = (sdp) => sdp.replace(/a=(sendonly|recvonly|inactive)/g, 'a=sendrecv');
  const answer = async (offer, how) => {
    const { pc, name } = open();
    await pc.setRemoteDescription({ type: 'offer', sdp: offer });
    for (const track of await tracks()) {
      const one = pc.getTransceivers().find((each) => each.receiver.track.kind === track.kind);
      if (one === undefined) continue;
      one.direction = 'sendrecv';
      await one.sender.replaceTrack(track);
    }
    await pc.setLocalDescription(await pc.createAnswer());
    await gathered(pc);
    let sdp = pc.localDescription.sdp;
    if (how === 'everything') sdp = wide(sdp);
    if (how === 'section') sdp += sdp.slice(sdp.lastIndexOf('m=video')).replace(/a=mid:\\S+/, 'a=mid:9');
    return { type: 'answer', name, sdp };
  };
  const offer = async (how) => {
    const known = connections.findLast(({ pc }) => pc.signalingState === 'stable' && how !== 'another');
    const { pc, name } = known ?? open();
    const has = (kind) => pc.getTransceivers().some((one) => one.receiver.track.kind === kind);
    for (const track of await tracks()) {
      if (how === 'listens') {
        if (!has(track.kind)) pc.addTransceiver(track.kind, { direction: 'recvonly' });
        continue;
      }
      if (!has(track.kind)) pc.addTransceiver(track, { direction: 'sendrecv' });
      for (const one of pc.getTransceivers()) one.direction = 'sendrecv';
    }
    if (how === 'sections') {
      pc.addTransceiver('video', { direction: 'sendrecv' });
      pc.createDataChannel('more');
    }
    await pc.setLocalDescription(await pc.createOffer());
    await gathered(pc);
    return { type: 'offer', name, sdp: wide(pc.localDescription.sdp) };
  };
  window.hostile = {
    warm: tracks,
    reset() { for (const { pc } of connections.splice(0)) pc.close(); },
    answer: (offer, how) => answer(offer, how).catch(() => null),
    offer: (how) => offer(how).catch(() => null),
    async accept(answer) {
      const pc = connections.findLast((one) => one.pc.signalingState === 'have-local-offer')?.pc;
      await pc?.setRemoteDescription({ type: 'answer', sdp: answer });
    },
    async received() {
      const sum = { audio: 0, video: 0, checks: 0 };
      for (const { pc } of connections) {
        for (const report of (await pc.getStats()).values()) {
          if (report.type === 'inbound-rtp') sum[report.kind] += report.packetsReceived ?? 0;
          if (report.type === 'candidate-pair') sum.checks += report.requestsReceived ?? 0;
        }
      }
      return sum;
    },
  };
})();
"""
_ANSWERS = {
    "an honest answer": "honest",
    "an answer that wants everything": "everything",
    "an answer with another section": "section",
}
_OFFERS = {
    "an offer with more sections": "sections",
    "an offer from another connection": "another",
    "an offer that only listens": "listens",
}

_GENERATIONS = {"an offer of the past": 0, "an offer of the far future": 2**31}


@dataclass
class Heard:
    """What the client described last in a call."""

    generation: int = 0
    type: str = ""
    sdp: str = ""


class HostilePeer:
    """Describes itself by a real connection, and counts what it really receives."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._heard: dict[str, Heard] = {}
        self._generation = 0
        self._prints: dict[str, str] = {}

    async def begin(self) -> None:
        """A new story: nothing of the one before goes on."""
        self._heard = {}
        self._generation = 0
        self._prints = {}
        await self._page.evaluate("() => hostile.reset()")

    def hear(self, call_id: str, description: client_pb2.Description) -> None:
        """Takes note of a description of the client."""
        body = json.loads(description.body)
        self._heard[call_id] = Heard(description.generation, body["t"], body["s"])
        if (found := FINGERPRINT.search(body["s"])) is not None:
            self._prints[found[1]] = call_id

    def call_of(self, fingerprint: str) -> str:
        """The call in which the client described a connection with this certificate; "" where in none."""
        return self._prints.get(fingerprint, "")

    async def describe(self, call_id: str, how: str) -> client_pb2.Description | None:
        """A description for this call; None where it would answer what was never offered."""
        heard = self._heard.get(call_id, Heard())
        self._generation += 1
        if how == "half a description":
            return client_pb2.Description(generation=self._generation, body=b'{"v":1,"p":"x","t":"offer"')
        if how in _ANSWERS:
            if heard.type != "offer":
                return None
            made = await self._page.evaluate("(all) => hostile.answer(...all)", [heard.sdp, _ANSWERS[how]])
        else:
            if heard.type == "answer":
                # What it answers may be another offer than the last: a browser that refuses it is no news.
                await self._page.evaluate("(sdp) => hostile.accept(sdp).catch(() => undefined)", heard.sdp)
            made = await self._page.evaluate("(how) => hostile.offer(how)", _OFFERS.get(how, "everything"))
        if made is None:
            return None
        generation = _GENERATIONS.get(how, self._generation)
        answers = heard.generation if made["type"] == "answer" else 0
        body = json.dumps({"v": 1, "p": made["name"], "t": made["type"], "s": made["sdp"]}).encode()
        return client_pb2.Description(generation=generation, answers=answers, body=body)

    async def received(self) -> dict[str, int]:
        """Packets of each kind, and "checks": requests for a path, which tell an address."""
        return cast("dict[str, int]", await self._page.evaluate("() => hostile.received()"))

    async def close(self) -> None:
        """Ends the page."""
        await self._page.close()


async def sit_down(page: Page, origin: str) -> HostilePeer:
    """A page of the same origin, so that its browser gives it devices, with nothing of the product in it."""

    async def blank(route: Any) -> None:
        await route.fulfill(body="<title>hostile</title>", content_type="text/html")

    await page.route("**" + PAGE, blank)
    await page.goto(origin + PAGE)
    await page.evaluate(SCRIPT)
    await page.evaluate("async () => { await hostile.warm(); }")
    return HostilePeer(page)
