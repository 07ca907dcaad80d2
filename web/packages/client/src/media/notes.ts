/** What a device says of a call when it is over: how it was, in sums, and no address, no name, no time of day. */
import type { Reading } from "./vitals";
import { readingOf } from "./vitals";

const CODECS = ["vp8", "vp9", "h264", "h265", "av1"] as const;
const LONGEST_MS = 60_000;
const MOST_RESTARTS = 100;

/** The body of POST /v1/me/call-quality. */
export interface CallQuality {
  relayed: boolean;
  codec: "none" | "other" | (typeof CODECS)[number];
  round_trip_ms: number;
  jitter_ms: number;
  loss: number;
  first_audio_ms?: number;
  restarts: number;
}

export class Notes {
  /** New paths that were sought. */
  restarts = 0;
  private began: number | undefined;
  private flowedAfter: number | undefined;
  /** The worst round trip and jitter that were seen, the newest counters. */
  private worst: Reading | undefined;
  private relayed = false;
  private codec: CallQuality["codec"] = "none";

  /** Media may pass, by this clock in milliseconds. */
  begin(now: number): void {
    this.began ??= now;
  }

  /** The other side is heard. */
  flows(now: number): void {
    if (this.began !== undefined) this.flowedAfter ??= now - this.began;
  }

  /** Takes note of statistics, and answers what they say of the connection at this moment. */
  take(statistics: Iterable<Record<string, unknown>>): Reading {
    const reports = [...statistics];
    const now = readingOf(reports);
    const pair = reports.find((one) => one["type"] === "candidate-pair" && one["nominated"] === true);
    if (pair === undefined || now.received === 0) return now;
    const { worst } = this;
    this.worst = {
      received: now.received,
      lost: now.lost,
      roundTripMs: Math.max(now.roundTripMs, worst?.roundTripMs ?? 0),
      jitterMs: Math.max(now.jitterMs, worst?.jitterMs ?? 0),
    };
    const end = (id: unknown) => reports.find((one) => one["id"] === id)?.["candidateType"] === "relay";
    this.relayed = end(pair["localCandidateId"]) || end(pair["remoteCandidateId"]);
    this.codec = codecOf(reports) ?? this.codec;
    return now;
  }

  /** undefined where nothing ever came */
  quality(): CallQuality | undefined {
    const { worst } = this;
    if (worst === undefined) return undefined;
    const quality: CallQuality = {
      relayed: this.relayed,
      codec: this.codec,
      round_trip_ms: bounded(worst.roundTripMs),
      jitter_ms: bounded(worst.jitterMs),
      loss: worst.lost / (worst.lost + worst.received),
      restarts: Math.min(this.restarts, MOST_RESTARTS),
    };
    if (this.flowedAfter !== undefined) quality.first_audio_ms = bounded(this.flowedAfter);
    return quality;
  }
}

function bounded(ms: number): number {
  return Math.min(Math.max(Math.round(ms), 0), LONGEST_MS);
}

/** Of the picture that comes; undefined while none does. */
function codecOf(reports: Record<string, unknown>[]): CallQuality["codec"] | undefined {
  const comes = (one: Record<string, unknown>) =>
    one["type"] === "inbound-rtp" && one["kind"] === "video" && Number(one["packetsReceived"]) > 0;
  const id = reports.find(comes)?.["codecId"];
  if (id === undefined) return undefined;
  const name = String(reports.find((one) => one["id"] === id)?.["mimeType"]).toLowerCase().replace("video/", "");
  return CODECS.find((codec) => codec === name) ?? "other";
}
