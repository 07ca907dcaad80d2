/** The user's own hold of a call: it counts before the server's word (S9), and is told until the server knows of it. */
import type { Consents } from "./consents";

export interface HoldOutside {
  consents: Consents;
  callId(): string;
  /** Rejects where it could not be said. */
  say(on: boolean): Promise<void>;
  over(): boolean;
  changed(): void;
  warn(what: string): void;
}

export class OwnHold {
  /** What the user wishes; undefined where he never said. */
  wish: boolean | undefined;
  /** The wish is on its way to the server. */
  telling = false;

  constructor(private readonly outside: HoldOutside) {}

  /** What the user of this tab wished before the page was loaded anew. */
  recall(): void {
    this.wish = this.outside.consents.holds(this.outside.callId());
  }

  set(on: boolean): void {
    this.wish = on;
    this.outside.consents.hold(this.outside.callId(), on);
  }

  /** One word at a time, the newest wish last: whatever is lost or late, the last one counts. */
  async tell(): Promise<void> {
    if (this.telling) return;
    this.telling = true;
    let told: boolean | undefined;
    while (!this.outside.over() && this.wish !== undefined && told !== this.wish) {
      told = this.wish;
      await this.outside.say(told).catch((error: unknown) => this.outside.warn(String(error)));
    }
    this.telling = false;
    this.outside.changed();
  }
}
