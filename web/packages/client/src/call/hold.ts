/** The user's own hold of a call: it counts before the server's word (S9), and is told until the server knows of it. */
import { Refused } from "../line/commands";
import type { Consents } from "./consents";
import type { Speech } from "./speech";

/** Between a word that the server refused, or does not show, and the same word again. */
const PAUSE_MS = 2_000;

interface HoldOutside {
  consents: Consents;
  now(): number;
  changed(): void;
  warn(what: string): void;
}

export class OwnHold {
  /** What the user wishes; undefined where he never said. */
  wish: boolean | undefined;
  /** The wish is on its way to the server. */
  telling = false;
  private pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly call: { readonly callId: string; readonly over: boolean },
    private readonly speech: Speech,
    private readonly outside: HoldOutside,
  ) {}

  /** What the user of this tab wished before the page was loaded anew. */
  recall(): void {
    this.wish = this.outside.consents.holds(this.call.callId);
  }

  set(on: boolean): void {
    this.wish = on;
    this.outside.consents.hold(this.call.callId, on);
  }

  /** One word at a time, the newest wish last: whatever is lost or late, the last one counts. */
  async tell(): Promise<void> {
    if (this.telling) return;
    this.telling = true;
    let told: boolean | undefined;
    let pause = PAUSE_MS;
    while (!this.call.over && this.wish !== undefined && told !== this.wish) {
      told = this.wish;
      await this.speech.hold(told).catch((error: unknown) => {
        if (error instanceof Refused) pause = Math.max(PAUSE_MS, error.retryAfterMs);
        this.outside.warn(String(error));
      });
    }
    this.telling = false;
    this.pausedUntil = this.outside.now() + pause;
    this.outside.changed();
  }

  /** Tells it again, unless that was refused a moment ago. */
  insist(): void {
    if (this.outside.now() >= this.pausedUntil) void this.tell();
  }
}
