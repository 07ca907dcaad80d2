/**
 * Messages on their way. Each has its id before it is shown, so that a message that is sent twice is there once. What
 * goes to one person goes in the order in which it was written, one at a time; nobody waits for somebody else's.
 */
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Refused, passes } from "../line/commands";
import type { Later } from "./alarm";
import { Alarm, pause } from "./alarm";
import type { Peer, Sent } from "./api";
import type { Entry } from "./shapes";

export type Progress = "sending" | "waiting" | "failed";

export interface Pending extends Peer {
  client_id: string;
  text: string;
  at_ms: number;
  progress: Progress;
  /** Why it failed. */
  why: Reason | undefined;
  /** The server has it, as the entry of this number, which is not drawn yet: it is shown here until it is. */
  taken?: number;
}

export interface OutboxOutside {
  send(one: Pending): Promise<Sent>;
  /** Answers whether it is drawn, or nobody looks. */
  sent(sent: Sent): boolean;
  /** The line is open: what fails now is not for want of a network. */
  connected(): boolean;
  mint(): string;
  now(): number;
  changed(): void;
  /** Kept over a reload of the page. */
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  later: Later;
}

/** When somebody's next message may go out. */
interface Wait {
  until: number;
  /** The server asked for it: no new connection shortens it. */
  asked: boolean;
}

/** While there is a connection; without one, a message waits for as long as it takes. */
const TRIES = 8;
/** Whoever is asked to wait longer than this is told so. */
const LONGEST_MS = 60_000;
const KEY = "ringline.outbox.";

export class Outbox {
  private list: Pending[];
  private closed = false;
  private readonly busy = new Set<string>();
  private readonly waits = new Map<string, Wait>();
  private readonly tries = new Map<string, number>();
  private readonly alarm: Alarm;

  /** @param owner whose messages they are: the next user of this tab neither sends nor loses them */
  constructor(
    private readonly outside: OutboxOutside,
    private readonly owner: string,
  ) {
    this.alarm = new Alarm(outside.later);
    this.list = load(outside.storage, owner);
  }

  of(userId: string): Pending[] {
    return this.list.filter((one) => one.user_id === userId);
  }

  push({ user_id, username }: Peer, text: string): void {
    const { mint, now } = this.outside;
    this.become([...this.list, { client_id: mint(), user_id, username, text, at_ms: now(), progress: "sending", why: undefined }]);
    this.flush();
  }

  /** Sends again what failed. */
  retry(clientId: string): void {
    this.change(clientId, { progress: "sending", why: undefined });
    this.flush();
  }

  discard(clientId: string): void {
    if (this.list.some((one) => one.client_id === clientId)) this.become(this.list.filter((one) => one.client_id !== clientId));
  }

  /** These are in the thread, whatever became of the answers. */
  arrived(entries: (Entry | null)[]): void {
    for (const entry of entries) if (entry?.message?.outgoing === true) this.discard(entry.message.client_id);
  }

  /** This thread is drawn up to the entry of this number. */
  reached(userId: string, number: number): void {
    for (const one of this.of(userId)) if (one.taken !== undefined && one.taken <= number) this.discard(one.client_id);
  }

  /** There is a connection anew. */
  resume(): void {
    this.tries.clear();
    for (const [userId, { asked }] of this.waits) if (!asked) this.waits.delete(userId);
    this.flush();
  }

  /** Sends and writes nothing any more. */
  close(): void {
    this.closed = true;
    this.alarm.stop();
  }

  private flush(): void {
    if (this.closed) return;
    const now = this.outside.now();
    let next = Number.POSITIVE_INFINITY;
    for (const head of this.heads()) {
      if (this.busy.has(head.user_id)) continue;
      const until = this.waits.get(head.user_id)?.until ?? 0;
      if (until > now) next = Math.min(next, until);
      else void this.transmit(head);
    }
    if (next < Number.POSITIVE_INFINITY) this.alarm.set(next - now, () => this.flush());
  }

  /** The next message to each person. */
  private heads(): Pending[] {
    const going = this.list.filter((one) => one.progress !== "failed" && one.taken === undefined);
    return going.filter((one, at) => going.findIndex((other) => other.user_id === one.user_id) === at);
  }

  private async transmit(one: Pending): Promise<void> {
    this.busy.add(one.user_id);
    try {
      const sent = await this.outside.send(one);
      this.waits.delete(one.user_id);
      this.tries.delete(one.client_id);
      if (this.outside.sent(sent)) this.discard(one.client_id);
      else this.change(one.client_id, { progress: "sending", taken: sent.entry.number });
    } catch (error) {
      this.refused(one, error instanceof Refused ? error : new Refused(Reason.UNAVAILABLE, String(error)));
    }
    this.busy.delete(one.user_id);
    this.flush();
  }

  private refused({ client_id, user_id }: Pending, why: Refused): void {
    const tries = (this.tries.get(client_id) ?? 0) + 1;
    const { retryAfterMs } = why;
    const spent = tries >= TRIES && this.outside.connected();
    if (!passes(why) || retryAfterMs > LONGEST_MS || spent) {
      this.tries.delete(client_id);
      this.waits.delete(user_id);
      return this.change(client_id, { progress: "failed", why: why.reason });
    }
    this.tries.set(client_id, tries);
    this.waits.set(user_id, { until: this.outside.now() + pause(tries, retryAfterMs), asked: retryAfterMs > 0 });
    this.change(client_id, { progress: "waiting" });
  }

  private change(clientId: string, part: Partial<Pending>): void {
    this.become(this.list.map((one) => (one.client_id === clientId ? { ...one, ...part } : one)));
  }

  private become(list: Pending[]): void {
    if (this.closed) return;
    this.list = list;
    const { storage, changed } = this.outside;
    try {
      if (list.length === 0) storage.removeItem(keyOf(this.owner));
      else storage.setItem(keyOf(this.owner), JSON.stringify(list));
    } catch {
      // No room: it is sent all the same, but does not outlive a reload.
    }
    changed();
  }
}

/** Whoever signs out leaves no words behind. */
export function forgetOutbox(storage: Pick<Storage, "removeItem">, owner: string): void {
  storage.removeItem(keyOf(owner));
}

/** What was left in this tab by whoever has signed out in another one. */
export function forgetOthers(storage: Pick<Storage, "length" | "key" | "removeItem">, owner: string): void {
  const keys = Array.from({ length: storage.length }, (_, at) => storage.key(at) ?? "");
  for (const key of keys) if (key.startsWith(KEY) && key !== keyOf(owner)) storage.removeItem(key);
}

function keyOf(owner: string): string {
  return KEY + owner;
}

function load(storage: Pick<Storage, "getItem">, owner: string): Pending[] {
  try {
    const kept: unknown = JSON.parse(storage.getItem(keyOf(owner)) ?? "[]");
    // What was taken is read with its thread.
    return Array.isArray(kept) ? (kept as Pending[]).filter((one) => one.taken === undefined) : [];
  } catch {
    return [];
  }
}
