/**
 * Messages on their way. Each has its id before it is shown, so that a message that is sent twice is there once; it
 * goes out when there is a connection, in the order in which it was written, and says so when it did not work.
 */
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Refused } from "../line/commands";
import type { Entry, Thread } from "./shapes";

export type Progress = "sending" | "waiting" | "failed";

export interface Pending {
  client_id: string;
  username: string;
  text: string;
  at_ms: number;
  progress: Progress;
  /** Why it failed. */
  why: Reason | undefined;
}

export interface OutboxOutside {
  send(username: string, clientId: string, text: string): Promise<{ entry: Entry; thread: Thread }>;
  sent(username: string, entry: Entry, thread: Thread): void;
  mint(): string;
  now(): number;
  changed(): void;
  /** Kept over a reload of the page. */
  storage: Pick<Storage, "getItem" | "setItem">;
  later(ms: number, work: () => void): void;
}

const KEY = "ringline.outbox";
const RETRY_MS = 4_000;
/** These pass by themselves. */
const TRANSIENT: ReadonlySet<Reason> = new Set([Reason.UNAVAILABLE, Reason.OVERLOADED]);

export class Outbox {
  private list: Pending[];
  private busy = false;

  /** @param owner whose messages they are: the next user of this tab does not send them */
  constructor(
    private readonly outside: OutboxOutside,
    private readonly owner: string,
  ) {
    this.list = this.load();
  }

  of(username: string): Pending[] {
    return this.list.filter((one) => one.username === username);
  }

  push(username: string, text: string): void {
    const { mint, now } = this.outside;
    const pending: Pending = { client_id: mint(), username, text, at_ms: now(), progress: "sending", why: undefined };
    this.become([...this.list, pending]);
    this.flush();
  }

  /** Sends again what failed. */
  retry(clientId: string): void {
    this.change(clientId, { progress: "sending", why: undefined });
    this.flush();
  }

  discard(clientId: string): void {
    this.become(this.list.filter((one) => one.client_id !== clientId));
  }

  /** There may be a connection: sends what waits. */
  flush(): void {
    if (this.busy) return;
    const next = this.list.find((one) => one.progress !== "failed");
    if (next === undefined) return;
    this.busy = true;
    void this.transmit(next).then((goOn) => {
      this.busy = false;
      if (goOn) this.flush();
      else this.outside.later(RETRY_MS, () => this.flush());
    });
  }

  private async transmit(one: Pending): Promise<boolean> {
    try {
      const { entry, thread } = await this.outside.send(one.username, one.client_id, one.text);
      this.discard(one.client_id);
      this.outside.sent(one.username, entry, thread);
      return true;
    } catch (error) {
      const why = error instanceof Refused ? error.reason : Reason.UNAVAILABLE;
      const passes = TRANSIENT.has(why);
      this.change(one.client_id, passes ? { progress: "waiting" } : { progress: "failed", why });
      return !passes;
    }
  }

  private change(clientId: string, part: Partial<Pending>): void {
    this.become(this.list.map((one) => (one.client_id === clientId ? { ...one, ...part } : one)));
  }

  private become(list: Pending[]): void {
    this.list = list;
    this.outside.storage.setItem(KEY, JSON.stringify({ owner: this.owner, list }));
    this.outside.changed();
  }

  private load(): Pending[] {
    try {
      const kept = JSON.parse(this.outside.storage.getItem(KEY) ?? "{}") as { owner?: string; list?: Pending[] };
      return kept.owner === this.owner && Array.isArray(kept.list) ? kept.list : [];
    } catch {
      return [];
    }
  }
}
