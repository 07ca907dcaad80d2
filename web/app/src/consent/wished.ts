/** What is shown at once and saved after it: the newest wish is the one that is left, and what could not be saved is taken back. */

export class Wished<T> {
  /** What to show: the wish, else what is saved; undefined while nothing is known. */
  shown: T | undefined;
  /** It could not be read. */
  lost = false;
  /** The last wish could not be saved; `again` wishes it once more. */
  failed = false;
  private saved: T | undefined;
  private wish: T | undefined;
  private saving = false;
  private reads = 0;

  /**
   * @param changed called after every change of what is to be shown
   * @param known what was read already
   */
  constructor(
    private readonly read: () => Promise<T>,
    private readonly save: (wish: T) => Promise<T>,
    private readonly changed: () => void,
    known?: T,
  ) {
    this.saved = this.shown = known;
  }

  /** Reads it anew. A wish that came meanwhile is newer than the answer. */
  async load(): Promise<void> {
    this.lost = false;
    const read = (this.reads += 1);
    const current = () => read === this.reads && !this.saving;
    try {
      const value = await this.read();
      if (current()) this.saved = this.shown = value;
    } catch {
      if (current()) this.lost = true;
    }
    this.changed();
  }

  set(wish: T): void {
    this.shown = this.wish = wish;
    this.failed = false;
    this.reads += 1;
    this.changed();
    if (!this.saving) void this.work();
  }

  /** Once more, what did not work. */
  again(): void {
    if (this.failed && this.wish !== undefined) this.set(this.wish);
    else void this.load();
  }

  /** One at a time: what was wished first does not arrive last. */
  private async work(): Promise<void> {
    this.saving = true;
    for (let wish = this.wish; wish !== undefined; ) {
      try {
        this.saved = await this.save(wish);
        this.failed = false;
      } catch {
        this.failed = true;
      }
      if (this.wish === wish) break;
      wish = this.wish;
    }
    this.saving = false;
    this.shown = this.saved;
    this.changed();
  }
}

/** What is read again and again: the answer to the newest question counts, and the one before is shown until then. */
export class Reading<T> {
  value: T | undefined;
  failed = false;
  busy = false;
  private asked = 0;

  constructor(private readonly changed: () => void) {}

  async read(work: () => Promise<T>): Promise<void> {
    const mine = (this.asked += 1);
    this.busy = true;
    this.changed();
    const done = (failed: boolean, value: T | undefined) => {
      if (mine !== this.asked) return;
      this.busy = false;
      this.failed = failed;
      this.value = value;
      this.changed();
    };
    // What was true under other settings is not shown for true where nobody knows.
    await work().then((value) => done(false, value), () => done(true, undefined));
  }
}
