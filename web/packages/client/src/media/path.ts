/**
 * The watch over the path of one call. A browser takes about seven seconds to say that a path is dead, and says nothing at
 * all when the network changed under it without a moment offline. What arrives tells sooner.
 */
const LOOK_MS = 300;
/** So long nothing came: is the server still there? */
const DOUBT_MS = 600;
/** So long nothing came: another path is looked for. The old one is kept meanwhile, so to be wrong costs nobody a sound. */
const SEEK_MS = 1_000;
/** What was begun to be looked for has this long to be found: a browser may begin before it knows its new address. */
const PATIENT_MS = 1_500;
/** Whoever sends nothing is not looked for without end, and whoever sends by fits and starts not each time. */
const MOST_SEEKS = 3;
/** Where packets come again, one more may be begun after each of these: each costs the server and the relay work. */
const FORGIVE_MS = 10_000;
/** So long nothing came, and neither the server nor the other side answers: the user is told. */
const LOST_MS = 2_000;
const AGAIN_MS = 5_000;
const RELAY_ONLY_AFTER_MS = 10_000;
const GIVE_UP_MS = 30_000;

export interface PathOutside {
  /** The browser holds it for up. */
  up(): boolean;
  /** The server was heard, and the other side has answered what was offered last. */
  settled(): boolean;
  /** Packets should come: nobody holds the call. */
  expects(): boolean;
  /** Packets of sound and picture so far. */
  received(): Promise<number>;
  now(): number;
}

export interface PathListener {
  doubt(): void;
  /** Look for a path anew. */
  seek(): void;
  again(relayOnly: boolean): void;
  lost(): void;
  flowing(): void;
  failed(): void;
}

export class PathWatch {
  private runs = false;
  private next: ReturnType<typeof setTimeout> | undefined;
  private patience: ReturnType<typeof setTimeout>[] = [];
  private count = 0;
  /** When the newest packet came; undefined where none is missed. */
  private movedAt: number | undefined;
  private doubted = false;
  private seeks = 0;
  private forgiveAt = 0;
  private soughtAt = Number.NEGATIVE_INFINITY;
  private told = false;

  constructor(
    private readonly outside: PathOutside,
    private readonly listener: PathListener,
  ) {}

  /** Media may pass, over a path that is still to be found. */
  start(): void {
    if (!this.runs) this.later();
    this.runs = true;
    this.wait();
  }

  /** Either side looks for a path anew. */
  sought(): void {
    this.soughtAt = this.outside.now();
  }

  /** There is a path. */
  found(): void {
    this.told = false;
    this.rest();
    this.listener.flowing();
  }

  /** There is none any more. */
  broken(): void {
    if (!this.told) this.listener.lost();
    this.told = true;
    this.listener.doubt();
    this.listener.seek();
    this.wait();
  }

  /** Tries again while there is no path: anew, then through the relay only; after half a minute it is over. */
  wait(): void {
    if (this.patience.length > 0 || !this.runs) return;
    const after = (ms: number, work: () => void) => this.patience.push(setTimeout(work, ms));
    after(AGAIN_MS, () => this.listener.again(false));
    after(RELAY_ONLY_AFTER_MS, () => this.listener.again(true));
    after(GIVE_UP_MS, () => {
      this.rest(); // it is spent, and there is another one for the next time
      this.listener.failed();
    });
  }

  /** What comes now is another connection's. */
  anew(): void {
    this.rest();
    this.forget();
    this.wait();
  }

  stop(): void {
    this.rest();
    clearTimeout(this.next);
    this.runs = false;
  }

  private rest(): void {
    for (const timer of this.patience) clearTimeout(timer);
    this.patience = [];
  }

  private forget(): void {
    this.count = 0;
    this.movedAt = undefined;
  }

  /** One look that fails, or never ends, is not the last one. */
  private later(): void {
    this.next = setTimeout(() => {
      this.later();
      this.look().catch(() => undefined);
    }, LOOK_MS);
  }

  private async look(): Promise<void> {
    if (!this.outside.up() || !this.outside.expects()) return this.forget();
    const count = await this.outside.received();
    if (!this.runs || !this.outside.up()) return;
    const flows = count > this.count && this.count > 0;
    const stands = count === this.count;
    this.count = count;
    if (flows) return this.moved();
    if (stands && this.movedAt !== undefined) this.miss(this.outside.now() - this.movedAt);
  }

  private moved(): void {
    this.movedAt = this.outside.now();
    this.doubted = false;
    if (this.seeks > 0 && this.movedAt >= this.forgiveAt) {
      this.seeks -= 1;
      this.forgiveAt = this.movedAt + FORGIVE_MS;
    }
    if (this.told) this.found();
  }

  /** One is looked for: what was offered is not taken back while its answer may be on its way, for that would be in vain. */
  private busy(): boolean {
    const patience = this.outside.settled() ? PATIENT_MS : AGAIN_MS;
    return this.outside.now() - this.soughtAt < patience;
  }

  private miss(ms: number): void {
    if (ms >= DOUBT_MS && !this.doubted) {
      this.doubted = true;
      this.listener.doubt();
    }
    if (ms >= SEEK_MS && this.seeks < MOST_SEEKS && !this.busy()) {
      if (this.seeks === 0) this.forgiveAt = this.outside.now() + FORGIVE_MS;
      this.seeks += 1;
      this.sought();
      this.listener.seek();
    }
    const { told } = this;
    this.told = ms >= LOST_MS && !this.outside.settled();
    if (this.told && !told) {
      this.listener.lost();
      this.wait();
    } else if (told && !this.told) {
      this.found(); // the other side is there, and sends nothing: where the path is dead, the browser will say so
    }
  }
}
