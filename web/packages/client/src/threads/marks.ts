/** How far somebody has read, kept until the server knows it: a mark that was lost on the way is told again. */
import { Refused, passes } from "../line/commands";
import type { Later } from "./alarm";
import { Alarm, pause } from "./alarm";
import type { Peer } from "./api";
import type { InboxState, Thread } from "./shapes";

interface Mark {
  peer: Peer;
  number: number;
  /** The server has taken it; the thread as it is since then is still to come. */
  told: boolean;
}

export interface MarksOutside {
  tell(peer: Peer, number: number): Promise<void>;
  changed(): void;
  later: Later;
}

export class Marks {
  private readonly marks = new Map<string, Mark>();
  private readonly telling = new Set<Mark>();
  private readonly alarm: Alarm;
  private failures = 0;

  constructor(private readonly outside: MarksOutside) {
    this.alarm = new Alarm(outside.later);
  }

  set(peer: Peer, number: number): void {
    if (number <= (this.marks.get(peer.user_id)?.number ?? 0)) return;
    this.marks.set(peer.user_id, { peer, number, told: false });
    this.flush();
  }

  /** Tells the server what it may not know. */
  flush(): void {
    for (const mark of this.marks.values()) if (!mark.told && !this.telling.has(mark)) void this.tell(mark);
  }

  /** The server says how far it was read. */
  met(thread: Thread): void {
    const { user_id } = thread.peer;
    if (thread.read >= (this.marks.get(user_id)?.number ?? 0)) this.marks.delete(user_id);
  }

  drop(userId: string): void {
    this.marks.delete(userId);
  }

  /** The thread as it is once the mark has arrived. */
  shown(thread: Thread): Thread {
    const number = this.marks.get(thread.peer.user_id)?.number ?? 0;
    if (number <= thread.read) return thread;
    const after = Math.max(0, (thread.last?.number ?? 0) - number);
    return { ...thread, read: number, unread: Math.min(thread.unread, after) };
  }

  /** The sums as they are once the marks have arrived. */
  counted(state: InboxState, known: ReadonlyMap<string, Thread>): InboxState {
    let { unread, requests } = state;
    for (const userId of this.marks.keys()) {
      const thread = known.get(userId);
      if (thread === undefined) continue;
      const left = this.shown(thread).unread;
      if (thread.folder === "inbox") unread -= thread.unread - left;
      else if (thread.unread > 0 && left === 0) requests -= 1;
    }
    return { ...state, unread: Math.max(0, unread), requests: Math.max(0, requests) };
  }

  private async tell(mark: Mark): Promise<void> {
    this.telling.add(mark);
    try {
      await this.outside.tell(mark.peer, mark.number);
      mark.told = true;
      this.failures = 0;
    } catch (error) {
      const why = error instanceof Refused ? error : undefined;
      if (why === undefined || passes(why)) {
        this.failures += 1;
        this.alarm.set(pause(this.failures, why?.retryAfterMs ?? 0), () => this.flush());
      } else if (this.marks.get(mark.peer.user_id) === mark) {
        this.marks.delete(mark.peer.user_id); // it will never be taken
        this.outside.changed();
      }
    }
    this.telling.delete(mark);
  }
}
