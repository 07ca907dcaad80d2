/** How a connection does, in a word: from what was lost, how long a packet takes and how unevenly they come. */

export type Quality = "good" | "fair" | "poor";

/** Counters of a connection at one moment. */
export interface Reading {
  received: number;
  lost: number;
  roundTripMs: number;
  jitterMs: number;
}

/** A delay that people notice when they answer each other; ITU-T G.114 has 150 ms one way for most uses, 400 ms as the limit. */
const SLOW_MS = { fair: 300, poor: 600 };
const LOSS = { fair: 0.02, poor: 0.08 };
const JITTER_MS = { fair: 40, poor: 90 };
/** Above this a microphone hears a voice, not a room. */
const VOICE = 0.02;

/** @param before undefined at the first reading: what was lost until then says nothing about now */
export function qualityOf(before: Reading | undefined, now: Reading): Quality {
  const lost = Math.max(0, now.lost - (before?.lost ?? now.lost));
  const received = Math.max(0, now.received - (before?.received ?? now.received));
  const share = lost + received === 0 ? 0 : lost / (lost + received);
  const beyond = (limit: "fair" | "poor") =>
    share > LOSS[limit] || now.roundTripMs > SLOW_MS[limit] || now.jitterMs > JITTER_MS[limit];
  if (beyond("poor")) return "poor";
  return beyond("fair") ? "fair" : "good";
}

export function isVoice(level: number): boolean {
  return level > VOICE;
}

export function readingOf(reports: Iterable<Record<string, unknown>>): Reading {
  const reading: Reading = { received: 0, lost: 0, roundTripMs: 0, jitterMs: 0 };
  const number = (value: unknown) => (typeof value === "number" ? value : 0);
  for (const report of reports) {
    if (report["type"] === "inbound-rtp") {
      reading.received += number(report["packetsReceived"]);
      reading.lost += Math.max(0, number(report["packetsLost"]));
      reading.jitterMs = Math.max(reading.jitterMs, number(report["jitter"]) * 1000);
    }
    if (report["type"] === "candidate-pair" && report["nominated"] === true) {
      reading.roundTripMs = Math.max(reading.roundTripMs, number(report["currentRoundTripTime"]) * 1000);
    }
  }
  return reading;
}
