/** Gathers candidates for up to 50 ms, so that a burst of them is one frame. */

const WINDOW_MS = 50;
const FRAME_LIMIT = 32;
const BYTES_LIMIT = 512;
const GENERATION_LIMIT = 64;

export interface Candidate {
  candidate: string;
  mid: string;
  ufrag: string;
}

/** @returns bytes for the wire, or undefined where they would be longer than the contract allows */
export function encodeCandidate(candidate: RTCIceCandidate): Uint8Array | undefined {
  const text = JSON.stringify({
    c: candidate.candidate,
    m: candidate.sdpMid ?? "",
    u: candidate.usernameFragment ?? "",
  });
  const bytes = new TextEncoder().encode(text);
  return bytes.length <= BYTES_LIMIT ? bytes : undefined;
}

/** @returns the candidate, or undefined where the bytes are none */
export function decodeCandidate(bytes: Uint8Array): Candidate | undefined {
  if (bytes.length > BYTES_LIMIT) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof value !== "object" || value === null) return undefined;
    const { c, m, u } = value as Record<string, unknown>;
    if (typeof c !== "string" || typeof m !== "string" || typeof u !== "string") return undefined;
    return { candidate: c, mid: m, ufrag: u };
  } catch {
    return undefined;
  }
}

export class CandidateBatch {
  private held: Uint8Array[] = [];
  private sent = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param flush called with the candidates of one window, at most 32 */
  constructor(private readonly flush: (candidates: Uint8Array[]) => void) {}

  add(candidate: Uint8Array): void {
    if (this.sent >= GENERATION_LIMIT) return;
    this.sent += 1;
    this.held.push(candidate);
    if (this.held.length >= FRAME_LIMIT) return this.release();
    this.timer ??= setTimeout(() => this.release(), WINDOW_MS);
  }

  /** A new description: what was gathered for the one before belongs to nothing now. */
  restart(): void {
    this.held = [];
    this.sent = 0;
    this.stop();
  }

  stop(): void {
    if (this.timer !== undefined) clearTimeout(this.timer);
    this.timer = undefined;
  }

  private release(): void {
    this.stop();
    const held = this.held;
    this.held = [];
    if (held.length > 0) this.flush(held);
  }
}
