/** The entries of one thread that this page has read: one block without a gap, down from the newest. */
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Refused } from "../line/commands";
import type { Later } from "./alarm";
import { Alarm } from "./alarm";
import type { EntryPage } from "./api";
import type { EndedCall, Entry } from "./shapes";
import { truer } from "./shapes";

export interface ConversationOutside {
  /** The entries before a number, or the newest for 0. */
  read(before: number): Promise<EntryPage>;
  /** These are shown from now on. */
  arrived(entries: Entry[]): void;
  changed(): void;
  later: Later;
}

const AGAIN_MS = 3_000;

export class Conversation {
  /** Oldest first, numbers without a gap. */
  entries: Entry[] = [];
  /** At least one page was read, or the server said that there is nothing. */
  loaded = false;
  loading = false;
  failed = false;
  /** Nobody has this name any more. */
  nobody = false;
  private next = 0;
  private again = false;
  private looking = 0;
  private readonly alarm: Alarm;

  constructor(private readonly outside: ConversationOutside) {
    this.alarm = new Alarm(outside.later);
  }

  /** Somebody looks at it, until `leave`: only then is it read again by itself. */
  enter(): void {
    this.looking += 1;
    void this.refresh();
  }

  leave(): void {
    this.looking = Math.max(0, this.looking - 1);
    if (!this.watched) this.alarm.stop();
  }

  get watched(): boolean {
    return this.looking > 0;
  }

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
    if (this.loading || this.failed || this.nobody || !this.more) return; // after a failure the timer tries again
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
    this.outside.arrived([entry]);
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
    this.alarm.stop();
    this.outside.changed();
    try {
      const page = await this.outside.read(before);
      const fresh = page.entries.toReversed();
      if (before > 0) this.prepend(fresh, page.next);
      else this.replaceEnd(fresh, page.next);
      this.outside.arrived(fresh);
      this.loaded = true;
      this.failed = this.nobody = false;
    } catch (error) {
      this.lacks(before, error instanceof Refused ? error : undefined);
    }
    this.loading = false;
    this.outside.changed();
    if (!this.again) return;
    this.again = false; // something came meanwhile
    await this.read(0);
  }

  private lacks(before: number, why: Refused | undefined): void {
    this.nobody = why?.reason === Reason.USER_NOT_FOUND;
    this.failed = !this.nobody;
    if (this.nobody || !this.watched) return;
    // Nobody has to scroll or to press anything for what could not be read once.
    this.alarm.set(Math.max(AGAIN_MS, why?.retryAfterMs ?? 0), () => void this.read(before));
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
export function withCalls(entries: Entry[], ended: EndedCall[], userId: string, whole: boolean): Entry[] {
  const calls = new Map(
    ended.filter((one) => one.peer.user_id === userId).map((one) => [one.entry.call?.call_id, one] as const),
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
