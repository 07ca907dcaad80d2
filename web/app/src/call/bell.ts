/** The bell of a browser profile. Every page of it rings; the one that has the bell makes the sound. */

/** Ends what was begun. */
export type End = () => void;

const NAME = "ringline.bell";
/**
 * How long, in milliseconds, whoever has waited for the bell is silent with it: the page before may have let it go because
 * its user has answered, and the others learn of that from the server.
 */
const PAUSE_MS = 1500;

export class Bell {
  /** @param locks a lock of the browser goes to the next page when its page dies; where there are none, every page rings */
  constructor(private readonly locks: LockManager | undefined) {}

  /**
   * @param ring begins the sound once the bell is this page's
   * @returns what ends the sound or the wait, and lets the bell go
   */
  take(ring: () => End): End {
    const leave = new AbortController();
    const { signal } = leave;
    const over = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    let rings = false;
    const begin = () => {
      if (rings || signal.aborted) return;
      rings = true;
      signal.addEventListener("abort", ring());
    };
    if (this.locks === undefined) begin();
    // A browser that gives no locks is as one that has none. Who left while it waited begins nothing.
    else hold(this.locks, signal, begin, over).catch(begin);
    return () => leave.abort();
  }
}

async function hold(locks: LockManager, signal: AbortSignal, begin: () => void, over: Promise<void>): Promise<void> {
  const first = await locks.request(NAME, { ifAvailable: true }, async (lock) => {
    if (lock === null) return false;
    begin();
    await over;
    return true;
  });
  if (first || signal.aborted) return;
  await locks.request(NAME, { signal }, async () => {
    await Promise.race([over, new Promise((resolve) => setTimeout(resolve, PAUSE_MS))]);
    begin();
    await over;
  });
}
