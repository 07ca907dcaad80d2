/** A conversations service with one thread, and a page that uses it, for tests. */
import { create } from "@bufbuild/protobuf";
import type { ThreadChanged } from "../gen/ringline/v1/client_pb";
import { ThreadChangedSchema } from "../gen/ringline/v1/client_pb";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Folder } from "../gen/ringline/v1/threads_pb";
import { Refused } from "../line/commands";
import type { Peer } from "./api";
import { ThreadsApi } from "./api";
import { Removed } from "./removed";
import type { EndedCall, Entry, Thread } from "./shapes";
import { Threads } from "./threads";

export const BOB = { user_id: "u_bob", username: "bob", display_name: "Bob", verified: false };
export const CY = { user_id: "u_cy", username: "cy", display_name: "", verified: false };

export function said(number: number, text: string, outgoing = false, client_id = ""): Entry {
  return { number, at_ms: 1000 + number, message: { message_id: `m_${number}`, outgoing, text, client_id }, call: null };
}

/** Answers by path, as the REST API does, as far as one page needs it. */
export class FakeService {
  entries: Entry[] = [];
  feed = 0;
  read = 0;
  /** What was asked, in short: "entries 0", "send hello". */
  asked: string[] = [];
  /** Thrown by the next requests for entries, to send, and to mark as read. */
  refusals: (Refused | Reason)[] = [];
  /** The next answers to messages and marks are lost on the way; the service has taken them. */
  lost = 0;
  /** Requests whose path begins with this wait for `release`. */
  held: { answer(): void }[] = [];
  holding = "";
  gone = false;
  folder: "inbox" | "requests" = "inbox";
  peer = BOB;

  say(text: string, outgoing = false, client_id = ""): Entry {
    const entry = said(this.entries.length + 1, text, outgoing, client_id);
    this.entries.push(entry);
    this.feed += 1;
    return entry;
  }

  get thread(): Thread {
    const last = this.gone ? null : (this.entries.at(-1) ?? null);
    const unread = this.entries.filter((one) => one.number > this.read && one.message?.outgoing === false).length;
    return { peer: this.peer, folder: this.folder, unread, read: this.read, last, feed: this.feed };
  }

  get state() {
    return { feed: this.feed, unread: this.thread.unread, requests: 0 };
  }

  /** The frame of a change as it is at this moment. */
  frame(added: Entry, before = this.feed - 1): ThreadChanged {
    const body = { case: "message", value: { messageId: "m", outgoing: added.message?.outgoing ?? false, text: added.message?.text ?? "", clientId: added.message?.client_id ?? "" } } as const;
    const entry = { number: BigInt(added.number), atMs: BigInt(added.at_ms), body };
    const { user_id: userId, username, display_name: displayName, verified } = this.peer;
    const { unread, read, feed } = this.thread;
    const thread = { peer: { userId, username, displayName, verified }, folder: Folder.INBOX, unread, read: BigInt(read), last: entry, feed: BigInt(feed) };
    return create(ThreadChangedSchema, { thread, added: entry, before: BigInt(before), unread });
  }

  release(): void {
    this.holding = "";
    for (const one of this.held.splice(0)) one.answer();
  }

  get api(): ThreadsApi {
    return new ThreadsApi(async (method, path, body) => {
      const answer = this.answer(method, path, body as Record<string, unknown> | undefined);
      answer.catch(() => undefined); // it may be held for a while
      if (this.holding !== "" && path.startsWith(this.holding)) await new Promise<void>((resolve) => this.held.push({ answer: resolve }));
      return (await answer) as never;
    });
  }

  private async answer(method: string, path: string, body: Record<string, unknown> | undefined): Promise<unknown> {
    const url = new URL(path, "http://x");
    const asked = (name: string) => Number(url.searchParams.get(name) ?? 0);
    const [, , , name, what] = url.pathname.split("/");
    if (name === undefined) return this.page(url.searchParams.get("folder") ?? "");
    if (name === "changes") return this.changes(asked("since"));
    const label = method === "GET" ? `entries ${asked("before")}` : what === "messages" ? `send ${String(body?.["text"])}` : what === "read" ? `read ${String(body?.["number"])}` : `${method} ${what ?? ""}`;
    this.asked.push(label);
    const refusal = this.refusals.shift();
    if (refusal !== undefined) throw refusal instanceof Refused ? refusal : new Refused(refusal, "no");
    if (name !== this.peer.user_id && name !== CY.user_id) throw new Refused(Reason.USER_NOT_FOUND, "no such name");
    if (method === "GET") return this.older(asked("before"));
    if (what === "read") this.mark(Number(body?.["number"]));
    const sent = what === "messages" ? this.take(name, String(body?.["client_id"]), String(body?.["text"])) : this.thread;
    if (this.lost > 0) {
      this.lost -= 1;
      throw new Refused(Reason.UNAVAILABLE, "the answer was lost");
    }
    return sent;
  }

  private page(folder: string) {
    this.asked.push(`threads ${folder}`);
    return { threads: folder === this.folder && this.entries.length > 0 ? [this.thread] : [], next: 0, state: this.state };
  }

  private changes(since: number) {
    this.asked.push(`changes ${since}`);
    return { threads: since < this.feed ? [this.thread] : [], more: false, state: this.state, anew: since > this.feed };
  }

  private older(before: number) {
    const below = this.entries.filter((one) => before === 0 || one.number < before);
    const page = below.slice(-3).toReversed();
    const oldest = page.at(-1)?.number ?? 0;
    return { thread: this.thread, entries: page, next: oldest > 1 ? oldest : 0 };
  }

  private mark(number: number): void {
    if (number <= this.read) return;
    this.read = number;
    this.feed += 1;
  }

  private take(name: string, clientId: string, text: string) {
    if (name === CY.user_id) return { entry: said(1, text, true, clientId), thread: { ...this.thread, peer: CY, feed: 0 } };
    const known = this.entries.find((one) => one.message?.client_id === clientId);
    return { entry: known ?? this.say(text, true, clientId), thread: this.thread };
  }
}

/** Timers that are run by hand, and a clock that goes on with them. */
export class FakeClock {
  now = 5000;
  private timers: { at: number; work: () => void }[] = [];

  later = (ms: number, work: () => void): (() => void) => {
    const timer = { at: this.now + ms, work };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((one) => one !== timer));
  };

  get waiting(): number {
    return this.timers.length;
  }

  /** Lets time pass; whatever was due is done, and what follows from it. */
  async pass(ms: number): Promise<void> {
    this.now += ms;
    for (const timer of this.timers.filter((one) => one.at <= this.now)) {
      this.timers = this.timers.filter((one) => one !== timer);
      timer.work();
    }
    await settle();
  }
}

/** Everything that is under way has come about. */
export const settle = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
export const texts = (entries: Entry[]) => entries.map((one) => one.message?.text ?? `call ${one.call?.call_id}`);

export function pageOf(service: FakeService, ended: EndedCall[] = []) {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  const clock = new FakeClock();
  const around = { visible: true, connected: true };
  /** Called whenever the page would be drawn anew. */
  const shown = { look: (): void => undefined };
  let minted = 0;
  const make = (owner = "u_ada") =>
    new Threads({
      api: service.api,
      owner,
      ended: () => ended,
      removed: new Removed(storage, owner),
      storage,
      mint: () => `id-${++minted}`,
      now: () => clock.now,
      visible: () => around.visible,
      connected: () => around.connected,
      changed: () => shown.look(),
      later: clock.later,
    });
  return { make, clock, kept, storage, around, shown };
}

/** A page with the window of Bob open. */
export async function opened(service: FakeService, ended: EndedCall[] = [], peer: Peer = BOB) {
  const page = pageOf(service, ended);
  const threads = page.make();
  threads.welcome(1n);
  await settle();
  const conversation = threads.conversation(peer);
  conversation.enter();
  await settle();
  return { ...page, threads, conversation };
}
