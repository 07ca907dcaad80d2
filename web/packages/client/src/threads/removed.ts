/** When threads were removed here: the calls of the last day must not bring them back. */

const KEY = "ringline.removed";
const KEPT_MS = 25 * 3_600_000;

export class Removed {
  private readonly key: string;

  /** @param owner whose threads they are */
  constructor(
    private readonly storage: Pick<Storage, "getItem" | "setItem">,
    owner: string,
  ) {
    this.key = `${KEY}.${owner}`;
  }

  /** Unix milliseconds; 0 where it was not removed lately. */
  at(userId: string): number {
    return this.all()[userId] ?? 0;
  }

  mark(userId: string, now: number): void {
    const recent = Object.entries(this.all()).filter(([, at]) => now - at < KEPT_MS);
    try {
      this.storage.setItem(this.key, JSON.stringify({ ...Object.fromEntries(recent), [userId]: now }));
    } catch {
      // No room: a call of the last day may bring the thread back, which is all.
    }
  }

  private all(): Record<string, number> {
    try {
      const kept: unknown = JSON.parse(this.storage.getItem(this.key) ?? "{}");
      return typeof kept === "object" && kept !== null ? (kept as Record<string, number>) : {};
    } catch {
      return {};
    }
  }
}
