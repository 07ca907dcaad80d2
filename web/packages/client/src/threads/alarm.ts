/** Runs something later; what is answered takes it back. */
export type Later = (ms: number, work: () => void) => () => void;

/** One timer: whoever sets it anew takes back what it was set for. */
export class Alarm {
  private cancel: (() => void) | undefined;

  constructor(private readonly later: Later) {}

  get isSet(): boolean {
    return this.cancel !== undefined;
  }

  set(ms: number, work: () => void): void {
    this.stop();
    this.cancel = this.later(ms, () => {
      this.cancel = undefined;
      work();
    });
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }
}

const FIRST_MS = 2_000;
const CEILING_MS = 60_000;

/** @returns milliseconds before the next try, doubling from two seconds; not before the server welcomes it */
export function pause(tries: number, retryAfterMs: number): number {
  return Math.max(retryAfterMs, Math.min(CEILING_MS, FIRST_MS * 2 ** Math.max(0, tries - 1)));
}
