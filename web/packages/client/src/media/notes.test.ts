import { expect, it } from "vitest";
import { Notes } from "./notes";

const PAIR = {
  type: "candidate-pair", nominated: true, currentRoundTripTime: 0.08, localCandidateId: "L", remoteCandidateId: "R",
};
const SOUND = { type: "inbound-rtp", kind: "audio", packetsReceived: 90, packetsLost: 10, jitter: 0.012 };

it("says in sums how a call was, and no address", () => {
  const notes = new Notes();
  notes.begin(1_000);
  notes.flows(1_450);
  notes.flows(9_000);
  notes.restarts = 1;
  notes.take([
    PAIR,
    SOUND,
    { type: "inbound-rtp", kind: "video", packetsReceived: 5, packetsLost: 0, jitter: 0, codecId: "C" },
    { id: "C", type: "codec", mimeType: "video/VP8" },
    { id: "L", type: "local-candidate", candidateType: "relay", address: "192.0.2.7", port: 4000 },
    { id: "R", type: "remote-candidate", candidateType: "host", address: "198.51.100.9", port: 4001 },
  ]);
  const said = notes.quality();
  expect(said).toEqual({
    relayed: true, codec: "vp8", round_trip_ms: 80, jitter_ms: 12, loss: 10 / 105, first_audio_ms: 450, restarts: 1,
  });
  expect(JSON.stringify(said)).not.toMatch(/\d+\.\d+\.\d+\.\d+/);
});

it("keeps the worst round trip and the newest counters", () => {
  const notes = new Notes();
  notes.take([{ ...PAIR, currentRoundTripTime: 0.9 }, SOUND]);
  notes.take([PAIR, { ...SOUND, packetsReceived: 990 }]);
  expect(notes.quality()).toMatchObject({ round_trip_ms: 900, loss: 0.01, relayed: false, codec: "none" });
});

it("says nothing of a call in which nothing came", () => {
  const notes = new Notes();
  notes.begin(0);
  notes.take([PAIR, { ...SOUND, packetsReceived: 0 }]);
  notes.take([SOUND]);
  expect(notes.quality()).toBeUndefined();
});
