/** The user's own hold of a call: it counts before the server's word (S9), and is told until the server knows of it. */
import type { Consents } from "./consents";
import type { Speech } from "./speech";

interface HoldOutside {
  consents: Consents;
  changed(): void;
  warn(what: string): void;
}

export class OwnHold {
  /** What the user wishes; undefined where he never said. */
  wish: boolean | undefined;
  /** The wish is on its way to the server. */
  telling = false;

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
    while (!this.call.over && this.wish !== undefined && told !== this.wish) {
      told = this.wish;
      await this.speech.hold(told).catch((error: unknown) => this.outside.warn(String(error)));
    }
    this.telling = false;
    this.outside.changed();
  }
}
