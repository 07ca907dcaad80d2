/** Who is there: asked now and then, and only while somebody looks at the page. */

const EVERY_MS = 30_000;
const AT_MOST = 100;

export interface OnlineOutside {
  ask(userIds: string[]): Promise<string[]>;
  /** Somebody looks at the page. */
  visible(): boolean;
  now(): number;
  changed(): void;
}

export class Online {
  private there: ReadonlySet<string> = new Set();
  private watched: string[] = [];
  private askedAt = Number.NEGATIVE_INFINITY;
  private asked = "";
  private asking = false;

  constructor(private readonly outside: OnlineOutside) {}

  has(userId: string): boolean {
    return this.there.has(userId);
  }

  /** Whom the page shows, the most important first; somebody new among them is asked for at once. */
  watch(userIds: string[]): void {
    this.watched = [...new Set(userIds)].slice(0, AT_MOST);
    if (this.watched.some((one) => !this.asked.includes(` ${one} `))) this.askedAt = Number.NEGATIVE_INFINITY;
    this.tick();
  }

  /** Called often; asks seldom. */
  tick(): void {
    const { now, visible } = this.outside;
    if (this.asking || this.watched.length === 0 || !visible() || now() - this.askedAt < EVERY_MS) return;
    this.asking = true;
    this.askedAt = now();
    this.asked = ` ${this.watched.join(" ")} `;
    this.outside
      .ask(this.watched)
      .then((online) => this.become(new Set(online)))
      // Not to know is no news: whoever was there is shown until the next answer.
      .catch(() => undefined)
      .finally(() => (this.asking = false));
  }

  private become(there: ReadonlySet<string>): void {
    const same = there.size === this.there.size && [...there].every((one) => this.there.has(one));
    this.there = there;
    if (!same) this.outside.changed();
  }
}
