/** The entries of one thread that this page has read: one block without a gap, down from the newest. */
import type { ThreadsApi } from "./api";
import type { EndedCall, Entry, Thread } from "./shapes";
import { truer } from "./shapes";

export interface ConversationOutside {
  api: Pick<ThreadsApi, "entries">;
  /** The thread came with a page of entries. */
  saw(thread: Thread): void;
  changed(): void;
  later(ms: number, work: () => void): void;
}

const AGAIN_MS = 3_000;

export class Conversation {
  /** Oldest first, numbers without a gap. */
  entries: Entry[] = [];
  /** At least one page was read, or the server said that there is nothing. */
  loaded = false;
  loading = false;
  failed = false;
  private next = 0;
  private again = false;

  constructor(
    readonly username: string,
    private readonly outside: ConversationOutside,
  ) {}

  /** There are older entries than those that were read. */
  get more(): boolean {
    return this.next > 0;
  }

  get newest(): number {
    return this.entries.at(-1)?.number ?? 0;
  }

  /** Reads the newest page; what does not follow on it is let go, to be read again when it is scrolled to. */
  async refresh(): Promise<void> {
    if (this.loading) {
      this.again = true;
      return;
    }
    await this.read(0);
  }

  /** Reads the page before the oldest entry. */
  async older(): Promise<void> {
    if (this.loading || this.failed || !this.more) return; // after a failure the timer tries again
    await this.read(this.next);
  }

  /** An entry that came by a frame, or as the answer to a message; false where entries between are missing. */
  add(entry: Entry): boolean {
    if (this.loading) {
      this.again = true;
      return true;
    }
    if (!this.loaded) return false;
    if (entry.number <= this.newest) {
      this.replace(entry);
      return true;
    }
    if (this.entries.length > 0 && entry.number !== this.newest + 1) return false;
    this.entries = [...this.entries, entry];
    this.outside.changed();
    return true;
  }

  forget(): void {
    this.entries = [];
    this.next = 0;
    this.outside.changed();
  }

  /** What became of a call may be known better later. */
  private replace(entry: Entry): void {
    this.entries = this.entries.map((one) => (one.number === entry.number ? entry : one));
    this.outside.changed();
  }

  private async read(before: number): Promise<void> {
    this.loading = true;
    this.outside.changed();
    try {
      const page = await this.outside.api.entries(this.username, before);
      const fresh = page.entries.toReversed();
      if (before > 0) this.prepend(fresh, page.next);
      else this.replaceEnd(fresh, page.next);
      this.loaded = true;
      this.failed = false;
      this.outside.saw(page.thread);
    } catch {
      this.failed = true;
      // Nobody has to scroll or to press anything for what could not be read once.
      this.outside.later(AGAIN_MS, () => this.failed && !this.loading && void this.read(before));
    }
    this.loading = false;
    this.outside.changed();
    if (!this.again) return;
    this.again = false; // something came meanwhile
    await this.read(0);
  }

  private prepend(fresh: Entry[], next: number): void {
    const oldest = this.entries[0]?.number ?? Number.POSITIVE_INFINITY;
    this.entries = [...fresh.filter((one) => one.number < oldest), ...this.entries];
    this.next = next;
  }

  private replaceEnd(fresh: Entry[], next: number): void {
    const first = fresh[0]?.number ?? 0;
    const kept = this.entries.filter((one) => one.number < first);
    const joined = kept.at(-1)?.number === first - 1;
    this.entries = joined ? [...kept, ...fresh] : fresh;
    if (!joined) this.next = next;
  }
}

/**
 * A thread's entries with the calls of the last day: one that the event stream has not brought yet stands where it
 * belongs, and one that it has brought is there once.
 *
 * @param whole the thread was read to its beginning: nothing older is to come
 */
export function withCalls(entries: Entry[], ended: EndedCall[], username: string, whole: boolean): Entry[] {
  const calls = new Map(
    ended.filter((one) => one.peer.username === username).map((one) => [one.entry.call?.call_id, one] as const),
  );
  if (calls.size === 0) return entries;
  const merged = entries.map((entry) => {
    const twin = entry.call === null ? undefined : calls.get(entry.call.call_id);
    if (twin === undefined) return entry;
    calls.delete(entry.call?.call_id);
    return truer(entry, twin.entry);
  });
  const from = whole ? 0 : (entries[0]?.at_ms ?? 0);
  for (const { entry, ended_ms } of calls.values()) {
    if (ended_ms >= from) merged.splice(merged.findLastIndex((one) => one.at_ms <= ended_ms) + 1, 0, entry);
  }
  return merged;
}
