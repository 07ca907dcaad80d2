/** Everything somebody has been told: the list of threads, kept true by the feed, and the conversations that are open. */
import type { ThreadChanged } from "../gen/ringline/v1/client_pb";
import type { ThreadsApi } from "./api";
import { Conversation, withCalls } from "./conversation";
import { CallHistory } from "./history";
import { Online } from "./online";
import type { Pending } from "./outbox";
import { Outbox } from "./outbox";
import type { Removed } from "./removed";
import type { Change, EndedCall, Entry, Folder, InboxState, Thread } from "./shapes";
import { changeOf } from "./shapes";

export interface ThreadsOutside {
  api: ThreadsApi;
  owner: string;
  /** Calls that ended in the last day, as the call service told them. */
  ended(): EndedCall[];
  removed: Removed;
  storage: Pick<Storage, "getItem" | "setItem">;
  mint(): string;
  now(): number;
  visible(): boolean;
  changed(): void;
  later(ms: number, work: () => void): void;
}

interface Page {
  /** Where the next page begins; 0 at the end. */
  next: number;
  loading: boolean;
}

const AGAIN_MS = 5_000;

export class Threads {
  state: InboxState = { feed: 0, unread: 0, requests: 0 };
  /** The first pages were read. */
  loaded = false;
  failed = false;
  /** The newest message of somebody else that came while the page was open, for who cannot see it come. */
  arrived: { thread: Thread; entry: Entry } | undefined;
  readonly online: Online;
  readonly history: { all: CallHistory; missed: CallHistory };
  private readonly known = new Map<string, Thread>();
  private readonly open = new Map<string, Conversation>();
  private readonly outbox: Outbox;
  private readonly pages: Record<Folder, Page> = { inbox: { next: 0, loading: false }, requests: { next: 0, loading: false } };
  private working: Promise<void> | undefined;
  private again = false;

  constructor(private readonly outside: ThreadsOutside) {
    const { api, changed, now, visible, mint, storage, later } = outside;
    this.online = new Online({ ask: (userIds) => api.online(userIds), visible, now, changed });
    this.history = { all: new CallHistory(false, api, changed), missed: new CallHistory(true, api, changed) };
    const send = (username: string, clientId: string, text: string) => api.send(username, clientId, text);
    const sent = (username: string, entry: Entry, thread: Thread) => this.sent(username, entry, thread);
    this.outbox = new Outbox({ send, sent, mint, now, changed, storage, later }, outside.owner);
  }

  /** The line is open: whatever changed meanwhile is asked for, and what waits is sent. */
  welcome(): void {
    void this.catchUp();
    this.outbox.flush();
  }

  hear(frame: ThreadChanged): void {
    const change = changeOf(frame);
    if (change === undefined) return;
    if (this.loaded && change.thread.feed <= this.state.feed) return;
    if (!this.loaded || change.before !== this.state.feed) void this.catchUp();
    else this.apply(change);
  }

  tick(): void {
    this.online.tick();
  }

  /** The threads of a folder, the newest change first. */
  list(folder: Folder): Thread[] {
    const there = [...this.known.values()].filter((one) => one.folder === folder);
    return there.sort((a, b) => lastAt(b) - lastAt(a) || b.feed - a.feed);
  }

  more(folder: Folder): boolean {
    return this.pages[folder].next > 0;
  }

  thread(username: string): Thread | undefined {
    return this.known.get(username);
  }

  /** Reads the next page of a folder. */
  async older(folder: Folder): Promise<void> {
    const page = this.pages[folder];
    if (page.loading || page.next === 0) return;
    page.loading = true;
    await this.readPage(folder, page.next).catch(() => undefined);
    page.loading = false;
    this.outside.changed();
  }

  /** The conversation with somebody, read from now on until `leave`. */
  conversation(username: string): Conversation {
    let conversation = this.open.get(username);
    if (conversation === undefined) {
      const { api, changed, later } = this.outside;
      conversation = new Conversation(username, { api, changed, later, saw: (thread) => this.saw(thread) });
      this.open.set(username, conversation);
    }
    return conversation;
  }

  /** What is shown of a thread: what was read, and calls that the event stream has not brought yet. */
  entries(username: string): Entry[] {
    const conversation = this.open.get(username);
    const read = conversation?.entries ?? [];
    return withCalls(read, this.ended(), username, conversation?.loaded === true && !conversation.more);
  }

  /** Calls of the last day, without those of threads that were removed since. */
  ended(): EndedCall[] {
    return this.outside.ended().filter((one) => one.ended_ms > this.outside.removed.at(one.peer.username));
  }

  pending(username: string): Pending[] {
    return this.outbox.of(username);
  }

  send(username: string, text: string): void {
    this.outbox.push(username, text);
  }

  retry(clientId: string): void {
    this.outbox.retry(clientId);
  }

  discard(clientId: string): void {
    this.outbox.discard(clientId);
  }

  /** Somebody looked at the newest entry. */
  read(username: string): void {
    const thread = this.known.get(username);
    const number = thread?.last?.number ?? 0;
    if (thread === undefined || (thread.unread === 0 && thread.read >= number)) return;
    if (thread.folder === "inbox") this.state = { ...this.state, unread: Math.max(0, this.state.unread - thread.unread) };
    this.known.set(username, { ...thread, unread: 0, read: number });
    this.outside.changed();
    this.outside.api.markRead(username, number).catch(() => undefined);
  }

  async accept(username: string): Promise<void> {
    this.put(await this.outside.api.accept(username));
    this.outside.changed();
  }

  async remove(username: string): Promise<void> {
    await this.outside.api.remove(username);
    this.gone(username);
    this.outside.changed();
  }

  /** Asks for what changed since what is known; one run at a time, and again where something came meanwhile. */
  private catchUp(): Promise<void> {
    if (this.working !== undefined) {
      this.again = true;
      return this.working;
    }
    this.working = (this.loaded ? this.readChanges() : this.readFirst())
      .then(
        () => (this.failed = false),
        () => {
          this.failed = true;
          this.outside.later(AGAIN_MS, () => void this.catchUp());
        },
      )
      .then(() => {
        this.working = undefined;
        this.outside.changed();
        if (!this.again) return;
        this.again = false;
        void this.catchUp();
      });
    return this.working;
  }

  private async readFirst(): Promise<void> {
    // Of two pages the earlier one says from where on changes are unknown: something may have come between them.
    this.state = await this.readPage("requests", 0);
    const { feed } = await this.readPage("inbox", 0);
    this.loaded = true;
    if (feed > this.state.feed) await this.readChanges();
    for (const conversation of this.open.values()) void conversation.refresh();
  }

  private async readPage(folder: Folder, before: number): Promise<InboxState> {
    const page = await this.outside.api.threads(folder, before);
    for (const thread of page.threads) this.put(thread);
    this.pages[folder].next = page.next;
    return page.state;
  }

  private async readChanges(): Promise<void> {
    for (;;) {
      const since = this.state.feed;
      const changes = await this.outside.api.changes(since);
      for (const thread of changes.threads) {
        const { last, peer, read } = thread;
        if (last !== null && last.number > Math.max(read, this.known.get(peer.username)?.last?.number ?? 0)) this.arrive(thread, last);
        this.put(thread);
        // Any of its entries may have changed, not only the newest.
        const conversation = this.open.get(thread.peer.username);
        if (conversation?.loaded === true) void conversation.refresh();
      }
      const last = changes.threads.at(-1)?.feed ?? changes.state.feed;
      this.state = { ...changes.state, feed: changes.more ? Math.max(since, last) : changes.state.feed };
      if (!changes.more || last <= since) return;
    }
  }

  private apply(change: Change): void {
    const { thread, added, removed, unread, requests } = change;
    this.state = { feed: thread.feed, unread, requests };
    if (removed) this.gone(thread.peer.username);
    else this.put(thread, added);
    if (added !== undefined) this.arrive(thread, added);
    if (added?.message?.outgoing === true) this.outbox.discard(added.message.client_id);
    this.outside.changed();
  }

  private arrive(thread: Thread, entry: Entry): void {
    if (entry.message?.outgoing === false && thread.folder === "inbox") this.arrived = { thread, entry };
  }

  private put(thread: Thread, added?: Entry): void {
    const { username } = thread.peer;
    const known = this.known.get(username);
    if (known !== undefined && known.feed > thread.feed) return;
    if (thread.last === null) this.gone(username);
    else this.known.set(username, thread);
    const conversation = this.open.get(username);
    if (conversation === undefined || !conversation.loaded) return;
    if (added !== undefined && conversation.add(added)) return;
    if ((thread.last?.number ?? 0) > conversation.newest) void conversation.refresh();
  }

  /** A page of entries brings the thread too; its feed may be ahead of the changes, which are still asked for. */
  private saw(thread: Thread): void {
    const known = this.known.get(thread.peer.username);
    if (thread.last !== null && (known === undefined || known.feed < thread.feed)) {
      this.known.set(thread.peer.username, thread);
    }
  }

  private sent(username: string, entry: Entry, thread: Thread): void {
    const conversation = this.open.get(username);
    if (conversation !== undefined && !conversation.add(entry)) void conversation.refresh();
    this.saw(thread);
    this.outside.changed();
  }

  private gone(username: string): void {
    if (this.known.delete(username)) this.outside.removed.mark(username, this.outside.now());
    this.open.get(username)?.forget();
  }
}

function lastAt(thread: Thread): number {
  return thread.last?.at_ms ?? 0;
}
