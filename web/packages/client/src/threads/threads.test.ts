import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { ThreadChanged } from "../gen/ringline/v1/client_pb";
import { ThreadChangedSchema } from "../gen/ringline/v1/client_pb";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Folder } from "../gen/ringline/v1/threads_pb";
import { Refused } from "../line/commands";
import type { ThreadsApi } from "./api";
import { Removed } from "./removed";
import type { EndedCall, Entry, Thread } from "./shapes";
import { Threads } from "./threads";

const BOB = { user_id: "u_bob", username: "bob", display_name: "Bob", verified: false };

function said(number: number, text: string, outgoing = false, client_id = ""): Entry {
  return { number, at_ms: 1000 + number, message: { message_id: `m_${number}`, outgoing, text, client_id }, call: null };
}

/** A conversations service with one thread, as far as one page needs it. */
class FakeService {
  entries: Entry[] = [];
  feed = 0;
  read = 0;
  asked: string[] = [];
  refusals: Reason[] = [];
  gone = false;
  folder: "inbox" | "requests" = "inbox";

  say(text: string, outgoing = false, client_id = ""): Entry {
    const entry = said(this.entries.length + 1, text, outgoing, client_id);
    this.entries.push(entry);
    this.feed += 1;
    return entry;
  }

  get thread(): Thread {
    const last = this.gone ? null : (this.entries.at(-1) ?? null);
    const unread = this.entries.filter((one) => one.number > this.read && one.message?.outgoing === false).length;
    return { peer: BOB, folder: this.folder, unread, read: this.read, last, feed: this.feed };
  }

  get state() {
    return { feed: this.feed, unread: this.thread.unread, requests: 0 };
  }

  frame(added: Entry, before = this.feed - 1): ThreadChanged {
    const body = { case: "message", value: { messageId: "m", outgoing: added.message?.outgoing ?? false, text: added.message?.text ?? "", clientId: added.message?.client_id ?? "" } } as const;
    const entry = { number: BigInt(added.number), atMs: BigInt(added.at_ms), body };
    const peer = { userId: BOB.user_id, username: BOB.username, displayName: BOB.display_name, verified: false };
    const thread = { peer, folder: Folder.INBOX, unread: 1, read: 0n, last: entry, feed: BigInt(this.feed) };
    return create(ThreadChangedSchema, { thread, added: entry, before: BigInt(before), unread: 1 });
  }

  get api(): ThreadsApi {
    const log = (what: string) => this.asked.push(what);
    const api: Partial<Record<keyof ThreadsApi, unknown>> = {
      threads: async (folder: string) => {
        log(`threads ${folder}`);
        return { threads: folder === this.folder && this.entries.length > 0 ? [this.thread] : [], next: 0, state: this.state };
      },
      changes: async (since: number) => {
        log(`changes ${since}`);
        return { threads: since < this.feed ? [this.thread] : [], more: false, state: this.state };
      },
      entries: async (_: string, before: number) => {
        log(`entries ${before}`);
        const reason = this.refusals.shift();
        if (reason !== undefined) throw new Refused(reason, "no");
        const below = this.entries.filter((one) => before === 0 || one.number < before);
        const page = below.slice(-3).toReversed();
        const oldest = page.at(-1)?.number ?? 0;
        return { thread: this.thread, entries: page, next: oldest > 1 ? oldest : 0 };
      },
      send: async (_: string, clientId: string, text: string) => {
        log(`send ${text}`);
        const reason = this.refusals.shift();
        if (reason !== undefined) throw new Refused(reason, "no");
        const known = this.entries.find((one) => one.message?.client_id === clientId);
        return { entry: known ?? this.say(text, true, clientId), thread: this.thread };
      },
      markRead: async (_: string, number: number) => {
        log(`read ${number}`);
        return this.thread;
      },
      remove: async () => undefined,
    };
    return api as ThreadsApi;
  }
}

function page(service: FakeService, ended: EndedCall[] = []) {
  const kept = new Map<string, string>();
  const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) };
  const later: (() => void)[] = [];
  let minted = 0;
  const make = () =>
    new Threads({
      api: service.api,
      owner: "u_ada",
      ended: () => ended,
      removed: new Removed(storage, "u_ada"),
      storage,
      mint: () => `id-${++minted}`,
      now: () => 5000,
      visible: () => true,
      changed: () => undefined,
      later: (_, work) => void later.push(work),
    });
  return { make, later };
}

const settle = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
const texts = (entries: Entry[]) => entries.map((one) => one.message?.text ?? `call ${one.call?.call_id}`);

async function opened(service: FakeService, ended: EndedCall[] = []) {
  const { make, later } = page(service, ended);
  const threads = make();
  threads.welcome();
  await settle();
  const conversation = threads.conversation("bob");
  await conversation.refresh();
  return { threads, conversation, later, make };
}

describe("the list of threads", () => {
  it("applies a change that follows on what it knows, and asks for nothing", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads } = await opened(service);
    service.asked = [];
    threads.hear(service.frame(service.say("two")));
    expect(texts(threads.entries("bob"))).toEqual(["one", "two"]);
    expect(threads.thread("bob")?.last?.number).toBe(2);
    expect(threads.arrived?.entry.message?.text).toBe("two");
    expect(service.asked).toEqual([]);
  });

  it("asks for the changes where a frame was lost, and forgets nothing", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads } = await opened(service);
    service.say("lost");
    threads.hear(service.frame(service.say("three")));
    await settle();
    await settle();
    expect(service.asked).toContain("changes 1");
    expect(texts(threads.entries("bob"))).toEqual(["one", "lost", "three"]);
    expect(threads.state.feed).toBe(3);
  });

  it("ignores a change that it has already caught up with", async () => {
    const service = new FakeService();
    const frame = service.frame(service.say("one"));
    const { threads } = await opened(service);
    threads.hear(frame);
    expect(texts(threads.entries("bob"))).toEqual(["one"]);
  });

  it("catches up with each new connection", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads } = await opened(service);
    service.say("while away");
    threads.welcome();
    await settle();
    await settle();
    expect(texts(threads.entries("bob"))).toEqual(["one", "while away"]);
    expect(threads.list("inbox")[0]?.last?.message?.text).toBe("while away");
  });

  it("misses nothing that comes while the first pages are read", async () => {
    const service = new FakeService();
    service.folder = "requests";
    const { make } = page(service);
    const threads = make();
    threads.welcome();
    await Promise.resolve();
    threads.hear(service.frame(service.say("in between")));
    await settle();
    await settle();
    expect(threads.list("requests")).toHaveLength(1);
  });

  it("is read at once here, and told the server once", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads } = await opened(service);
    threads.read("bob");
    threads.read("bob");
    expect(threads.state.unread).toBe(0);
    expect(threads.thread("bob")?.unread).toBe(0);
    expect(service.asked.filter((one) => one.startsWith("read"))).toEqual(["read 1"]);
  });
});

describe("a conversation", () => {
  it("is read page by page, back to its beginning", async () => {
    const service = new FakeService();
    for (let n = 1; n <= 8; n += 1) service.say(String(n));
    const { threads, conversation } = await opened(service);
    expect(texts(threads.entries("bob"))).toEqual(["6", "7", "8"]);
    await conversation.older();
    await conversation.older();
    expect(texts(threads.entries("bob"))).toEqual(["1", "2", "3", "4", "5", "6", "7", "8"]);
    expect(conversation.more).toBe(false);
  });

  it("is read again by itself where that failed", async () => {
    const service = new FakeService();
    for (let n = 1; n <= 5; n += 1) service.say(String(n));
    const { threads, conversation, later } = await opened(service);
    service.refusals = [Reason.UNAVAILABLE];
    await conversation.older();
    expect(conversation.failed).toBe(true);
    const asked = service.asked.length;
    await conversation.older(); // whoever scrolls on does not ask a server that just refused
    expect(service.asked.length).toBe(asked);
    later.pop()?.();
    await settle();
    expect(texts(threads.entries("bob"))).toEqual(["1", "2", "3", "4", "5"]);
  });

  it("shows what comes while older entries are being read", async () => {
    const service = new FakeService();
    for (let n = 1; n <= 5; n += 1) service.say(String(n));
    const { threads, conversation } = await opened(service);
    const older = conversation.older();
    conversation.add(service.say("6"));
    await older;
    await settle();
    expect(texts(threads.entries("bob"))).toContain("6");
    expect(texts(threads.entries("bob")).slice(0, 2)).toEqual(["1", "2"]);
  });

  it("has no gap after a long absence: what does not follow on is read again", async () => {
    const service = new FakeService();
    for (let n = 1; n <= 3; n += 1) service.say(String(n));
    const { threads, conversation } = await opened(service);
    for (let n = 4; n <= 9; n += 1) service.say(String(n));
    threads.welcome();
    await settle();
    await settle();
    expect(texts(threads.entries("bob"))).toEqual(["7", "8", "9"]);
    await conversation.older();
    expect(texts(threads.entries("bob"))).toEqual(["4", "5", "6", "7", "8", "9"]);
  });
});

describe("a message that is sent", () => {
  it("is shown at once and there once when frame and answer have both come", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads } = await opened(service);
    threads.send("bob", "hello");
    expect(threads.pending("bob").map((one) => one.progress)).toEqual(["sending"]);
    await settle();
    const entry = service.entries.at(-1);
    if (entry !== undefined) threads.hear(service.frame(entry));
    await settle();
    expect(threads.pending("bob")).toEqual([]);
    expect(texts(threads.entries("bob"))).toEqual(["one", "hello"]);
  });

  it("waits without a connection and goes out in order with the next one", async () => {
    const service = new FakeService();
    const { threads } = await opened(service);
    service.refusals = [Reason.UNAVAILABLE];
    threads.send("bob", "first");
    threads.send("bob", "second");
    await settle();
    expect(threads.pending("bob").map((one) => one.progress)).toEqual(["waiting", "sending"]);
    threads.welcome();
    await settle();
    await settle();
    expect(service.asked.filter((one) => one.startsWith("send"))).toEqual(["send first", "send first", "send second"]);
    expect(texts(threads.entries("bob"))).toEqual(["first", "second"]);
  });

  it("says that it failed, keeps nothing else waiting, and can be sent again", async () => {
    const service = new FakeService();
    const { threads } = await opened(service);
    service.refusals = [Reason.LIMITED];
    threads.send("bob", "first");
    threads.send("bob", "second");
    await settle();
    const [failed] = threads.pending("bob");
    expect(failed).toMatchObject({ text: "first", progress: "failed", why: Reason.LIMITED });
    threads.retry(failed?.client_id ?? "");
    await settle();
    expect(texts(threads.entries("bob"))).toEqual(["second", "first"]);
  });

  it("survives a reload of the page with the id it had", async () => {
    const service = new FakeService();
    const { threads, make } = await opened(service);
    service.refusals = [Reason.UNAVAILABLE];
    threads.send("bob", "kept");
    await settle();
    const [before] = threads.pending("bob");
    expect(make().pending("bob")[0]?.client_id).toBe(before?.client_id);
  });
});

describe("a call that the event stream has not brought", () => {
  const call = (call_id: string, at_ms: number, missed: boolean): EndedCall => ({
    peer: BOB,
    ended_ms: at_ms,
    entry: {
      number: 0, at_ms, message: null,
      call: { call_id, outgoing: false, asked: { audio: true, video: false }, ending: "no_answer", missed, duration_ms: 0, answered_device_id: "" },
    },
  });

  it("stands where it belongs, once", async () => {
    const service = new FakeService();
    service.say("one");
    service.say("two");
    const { threads } = await opened(service, [call("c_1", 1001, true)]);
    expect(texts(threads.entries("bob"))).toEqual(["one", "call c_1", "two"]);
  });

  it("does not come back with a thread that was removed", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads } = await opened(service, [call("c_1", 1001, true)]);
    await threads.remove("bob");
    expect(threads.entries("bob")).toEqual([]);
    expect(threads.list("inbox")).toEqual([]);
  });
});
