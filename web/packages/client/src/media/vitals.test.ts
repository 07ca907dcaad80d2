import { describe, expect, it } from "vitest";
import { qualityOf, readingOf } from "./vitals";

const fine = { received: 1000, lost: 0, roundTripMs: 40, jitterMs: 5 };

describe("the quality of a connection", () => {
  it.each([
    ["good", { ...fine, received: 1100 }],
    ["good", { ...fine, received: 1199, lost: 1 }],
    ["fair", { ...fine, received: 1095, lost: 5 }],
    ["poor", { ...fine, received: 1080, lost: 20 }],
    ["fair", { ...fine, received: 1100, roundTripMs: 350 }],
    ["poor", { ...fine, received: 1100, roundTripMs: 700 }],
    ["fair", { ...fine, received: 1100, jitterMs: 60 }],
  ])("is %s", (quality, now) => {
    expect(qualityOf(fine, now)).toBe(quality);
  });

  it("does not count what was lost before it was looked at", () => {
    expect(qualityOf(undefined, { ...fine, lost: 500 })).toBe("good");
  });

  it("is read from both kinds of media and the path in use", () => {
    const reports = [
      { type: "inbound-rtp", packetsReceived: 10, packetsLost: 1, jitter: 0.01 },
      { type: "inbound-rtp", packetsReceived: 20, packetsLost: -2, jitter: 0.03 },
      { type: "candidate-pair", nominated: false, currentRoundTripTime: 9 },
      { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.05 },
    ];
    expect(readingOf(reports)).toEqual({ received: 30, lost: 1, roundTripMs: 50, jitterMs: 30 });
  });
});
