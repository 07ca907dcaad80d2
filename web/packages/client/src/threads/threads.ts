/** Everything somebody has been told: the list of threads, kept true by the feed, and the conversations that are open. */
import type { ThreadChanged } from "../gen/ringline/v1/client_pb";
import type { Later } from "./alarm";
import type { EntryPage, Peer, ThreadsApi } from "./api";
import { Conversation, withCalls } from "./conversation";
import { Feed } from "./feed";
import { CallHistory } from "./history";
import { Marks } from "./marks";
import { Online } from "./online";
import type { OutboxOutside, Pending } from "./outbox";
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
  storage: OutboxOutside["storage"];
  mint(): string;
  now(): number;
  visible(): boolean;
  /** The line is open. */
  connected(): boolean;
  changed(): void;
  later: Later;
}

interface Page {
  /** Where the next page begins; 0 at the end. */
  next: number;
  loading: boolean;
}

/** Conversations that are kept while nobody looks at them, to be there at once. */
const KEPT = 8;

export class Threads {
  /** The newest message of somebody else that came while the page was open, for who cannot see it come. */
  arrived: { thread: Thread; entry: Entry } | undefined;
  readonly online: Online;
  readonly history: { all: CallHistory; missed: CallHistory };
  private readonly feed: Feed;
  /** By user id, as the server told them. */
  private readonly known = new Map<string, Thread>();
  /** The number of the change with which a thread was removed, by user id: what is not above it tells of before. */
  private readonly removals = new Map<string, number>();
  private readonly open = new Map<string, Conversation>();
  private readonly outbox: Outbox;
  private readonly marks: Marks;
  private readonly pages: Record<Folder, Page> = { inbox: { next: 0, loading: false }, requests: { next: 0, loading: false } };
  private incarnation: bigint | undefined;

  constructor(private readonly outside: ThreadsOutside) {
    const { api, changed, now, visible, later, owner } = outside;
    const read = () => (this.loaded ? this.readChanges() : this.readFirst());
    this.feed = new Feed({ ...outside, read, apply: (change) => this.apply(change) });
    this.online = new Online({ ask: (userIds) => api.online(userIds), visible, now, changed });
    this.history = { all: new CallHistory(false, api, changed), missed: new CallHistory(true, api, changed) };
    this.marks = new Marks({
      tell: (peer, number) => api.markRead(peer, number),
      changed,
      later,
    });
    const send = (one: Pending) => api.send(one, one.client_id, one.text);
    this.outbox = new Outbox({ ...outside, send, sent: ({ entry, thread }) => this.sent(entry, thread) }, owner);
  }

  /**
   * The line is open: whatever changed meanwhile is asked for, and what waits is sent.
   *
   * @param incarnation of a restored server: what it has lost is not to be believed any more
   */
  welcome(incarnation: bigint): void {
    if (this.incarnation !== undefined && incarnation > this.incarnation) this.beginAnew();
    this.incarnation = incarnation;
    this.feed.catchUp();
    this.outbox.resume();
    this.marks.flush();
  }

  hear(frame: ThreadChanged): void {
    const change = changeOf(frame);
    if (change !== undefined) this.feed.hear(change);
  }

  /** Called often; asks seldom. */
  tick(): void {
    this.online.tick();
    this.feed.tick();
  }

  /** Somebody came back to the page. */
  look(): void {
    this.feed.look();
  }

  close(): void {
    this.outbox.close();
  }

  /** The first pages were read. */
  get loaded(): boolean {
    return this.feed.begun;
  }

  get failed(): boolean {
    return this.feed.failed;
  }

  /** Unread entries of the conversations, and requests that were not looked at. */
  get state(): InboxState {
    return this.marks.counted(this.feed.state, this.known);
  }

  /** The threads of a folder, the newest change first. */
  list(folder: Folder): Thread[] {
    const there = [...this.known.values()].filter((one) => one.folder === folder).map((one) => this.marks.shown(one));
    return there.sort((a, b) => lastAt(b) - lastAt(a) || b.feed - a.feed);
  }

  more(folder: Folder): boolean {
    return this.pages[folder].next > 0;
  }

  thread(userId: string): Thread | undefined {
    const thread = this.known.get(userId);
    return thread === undefined ? undefined : this.marks.shown(thread);
  }

  /** The thread with whoever is called so now. */
  named(username: string): Thread | undefined {
    return [...this.known.values()].find((one) => one.peer.username === username);
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

  /** The conversation with somebody. Whoever shows it enters it, and leaves it. */
  conversation(peer: Peer): Conversation {
    let conversation = this.open.get(peer.user_id);
    if (conversation === undefined) {
      const { changed, later } = this.outside;
      const arrived = (entries: Entry[]) => {
        this.outbox.arrived(entries);
        this.outbox.reached(peer.user_id, entries.at(-1)?.number ?? 0);
      };
      conversation = new Conversation({ read: (before) => this.readEntries(peer, before), arrived, changed, later });
      const unseen = [...this.open].filter(([, one]) => !one.watched).map(([userId]) => userId);
      for (const userId of unseen.slice(0, Math.max(0, unseen.length - KEPT + 1))) this.open.delete(userId);
      this.open.set(peer.user_id, conversation);
    }
    return conversation;
  }

  /** What is shown of a thread: what was read, and calls that the event stream has not brought yet. */
  entries(userId: string): Entry[] {
    const conversation = this.open.get(userId);
    const read = conversation?.entries ?? [];
    return withCalls(read, this.ended(), userId, conversation?.loaded === true && !conversation.more);
  }

  /** Calls of the last day, without those of threads that were removed since. */
  ended(): EndedCall[] {
    return this.outside.ended().filter((one) => one.ended_ms > this.outside.removed.at(one.peer.user_id));
  }

  pending(userId: string): Pending[] {
    return this.outbox.of(userId);
  }

  send(peer: Peer, text: string): void {
    this.outbox.push(peer, text);
  }

  retry(clientId: string): void {
    this.outbox.retry(clientId);
  }

  discard(clientId: string): void {
    this.outbox.discard(clientId);
  }

  /** @param number of the newest entry that somebody has seen */
  read(peer: Peer, number: number): void {
    const thread = this.thread(peer.user_id);
    if (number <= (thread?.read ?? 0)) return;
    if (thread?.unread === 0 && number <= (thread.last?.number ?? 0)) return;
    this.marks.set(peer, number);
    this.outside.changed();
  }

  /** Rejects with Refused. */
  async accept(peer: Peer): Promise<void> {
    const thread = await this.outside.api.accept(peer);
    this.put(thread);
    this.feed.suspect(thread.feed);
    this.outside.changed();
  }

  /** Rejects with Refused. */
  async remove(peer: Peer): Promise<void> {
    const feed = (userId: string) => this.known.get(userId)?.feed ?? 0;
    const before = feed(peer.user_id);
    await this.outside.api.remove(peer);
    if (feed(peer.user_id) <= before) this.gone(peer.user_id, before);
    else this.feed.catchUp(); // something came meanwhile, and may be of after
    this.outside.changed();
  }

  private async readFirst(): Promise<void> {
    // Of two pages the earlier one says from where on changes are unknown: something may have come between them.
    this.feed.state = await this.readPage("requests", 0);
    const { feed } = await this.readPage("inbox", 0);
    this.feed.begun = true;
    if (feed > this.feed.state.feed) await this.readChanges();
    for (const userId of this.open.keys()) this.reread(userId);
  }

  private async readPage(folder: Folder, before: number): Promise<InboxState> {
    const page = await this.outside.api.threads(folder, before);
    for (const thread of page.threads) if (this.put(thread)) this.show(thread);
    this.pages[folder].next = page.next;
    return page.state;
  }

  private async readChanges(): Promise<void> {
    for (;;) {
      const since = this.feed.state.feed;
      const { threads, more, state, anew } = await this.outside.api.changes(since);
      if (anew === true) {
        this.beginAnew();
        return this.readFirst();
      }
      for (const thread of threads) {
        const { last, peer, read } = thread;
        if (last !== null && last.number > Math.max(read, this.known.get(peer.user_id)?.last?.number ?? 0)) this.arrive(thread, last);
        this.put(thread);
        // Any of its entries may have changed, not only the newest.
        this.reread(peer.user_id);
      }
      const last = threads.at(-1)?.feed ?? state.feed;
      this.feed.believe({ ...state, feed: more ? last : state.feed });
      if (!more || last <= since) return;
    }
  }

  private async readEntries(peer: Peer, before: number): Promise<EntryPage> {
    const page = await this.outside.api.entries(peer, before);
    this.saw(page.thread);
    return page;
  }

  private apply(change: Change): void {
    const { thread, added, removed } = change;
    if (removed) this.gone(thread.peer.user_id, thread.feed);
    else if (this.put(thread)) this.show(thread, added);
    if (added !== undefined) this.arrive(thread, added);
    this.outside.changed();
  }

  private arrive(thread: Thread, entry: Entry): void {
    if (entry.message?.outgoing === false && thread.folder === "inbox") this.arrived = { thread, entry };
  }

  /** False where something newer is known. */
  private put(thread: Thread): boolean {
    const { user_id } = thread.peer;
    if ((this.known.get(user_id)?.feed ?? 0) > thread.feed) return false;
    if (thread.last === null) {
      this.gone(user_id, thread.feed);
      return true;
    }
    if (thread.feed <= (this.removals.get(user_id) ?? Number.NEGATIVE_INFINITY)) return false;
    this.known.set(user_id, thread);
    this.marks.met(thread);
    // Where somebody looks, it is shown as on its way until it is drawn as what arrived.
    if (this.open.get(user_id)?.watched === true) return true;
    this.outbox.arrived([thread.last]);
    this.outbox.reached(user_id, thread.last.number);
    return true;
  }

  /** Brings an open conversation to where its thread is. */
  private show({ peer, last }: Thread, added?: Entry): void {
    const conversation = this.open.get(peer.user_id);
    if (conversation === undefined || !conversation.loaded) return;
    if (added !== undefined && conversation.add(added)) return;
    if ((last?.number ?? 0) > conversation.newest) this.reread(peer.user_id);
  }

  /** Reads a conversation anew where somebody looks at it, and else when somebody does. */
  private reread(userId: string): void {
    const conversation = this.open.get(userId);
    if (conversation?.watched === true) void conversation.refresh();
    else if (conversation?.loading === false) this.open.delete(userId);
  }

  /** The answer to something else brought a thread. What is newer in it is a change, which comes with its sums. */
  private saw(thread: Thread): void {
    const { peer, feed, last } = thread;
    const known = this.known.get(peer.user_id);
    if (last !== null && known === undefined) return void this.put(thread);
    // His name is as of now, whatever the feed: to take another one changes no thread.
    if (known !== undefined) this.known.set(peer.user_id, { ...known, peer });
    this.feed.suspect(feed);
  }

  /** Whether it is drawn, or nobody looks: a conversation that is being read, or could not be, has no place for it yet. */
  private sent(entry: Entry, thread: Thread): boolean {
    const conversation = this.open.get(thread.peer.user_id);
    if (conversation !== undefined && !conversation.add(entry)) this.reread(thread.peer.user_id);
    this.saw(thread);
    this.outside.changed();
    return conversation?.watched !== true || conversation.newest >= entry.number;
  }

  private gone(userId: string, feed: number): void {
    this.removals.set(userId, Math.max(feed, this.known.get(userId)?.feed ?? 0, this.removals.get(userId) ?? 0));
    if (this.known.delete(userId)) this.outside.removed.mark(userId, this.outside.now());
    this.marks.drop(userId);
    this.outbox.reached(userId, Number.POSITIVE_INFINITY);
    this.open.get(userId)?.forget();
  }

  private beginAnew(): void {
    this.feed.beginAnew();
    this.known.clear();
    this.removals.clear();
  }
}

function lastAt(thread: Thread): number {
  return thread.last?.at_ms ?? 0;
}
