import { describe, expect, it } from "vitest";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { BOB, FakeService, opened, pageOf, settle, texts } from "./fake_service";
import type { EndedCall } from "./shapes";

describe("the list of threads", () => {
  it("applies a change that follows on what it knows, and asks for nothing", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads } = await opened(service);
    service.asked = [];
    threads.hear(service.frame(service.say("two")));
    expect(texts(threads.entries("u_bob"))).toEqual(["one", "two"]);
    expect(threads.thread("u_bob")?.last?.number).toBe(2);
    expect(threads.arrived?.entry.message?.text).toBe("two");
    expect(service.asked).toEqual([]);
  });

  it("asks for the changes where a frame was lost, and forgets nothing", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads, clock } = await opened(service);
    service.say("lost");
    threads.hear(service.frame(service.say("three")));
    await settle();
    await clock.pass(100);
    expect(service.asked).not.toContain("changes 1"); // what is missing may be under way
    await clock.pass(50);
    expect(service.asked).toContain("changes 1");
    expect(texts(threads.entries("u_bob"))).toEqual(["one", "lost", "three"]);
    expect(threads.state.feed).toBe(3);
  });

  it("ignores a change that it has already caught up with", async () => {
    const service = new FakeService();
    const frame = service.frame(service.say("one"));
    const { threads } = await opened(service);
    threads.hear(frame);
    expect(texts(threads.entries("u_bob"))).toEqual(["one"]);
  });

  it("catches up with each new connection", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads } = await opened(service);
    service.say("while away");
    threads.welcome(1n);
    await settle();
    await settle();
    expect(texts(threads.entries("u_bob"))).toEqual(["one", "while away"]);
    expect(threads.list("inbox")[0]?.last?.message?.text).toBe("while away");
  });

  it("misses nothing that comes while the first pages are read", async () => {
    const service = new FakeService();
    service.folder = "requests";
    const { make } = pageOf(service);
    const threads = make();
    threads.welcome(1n);
    await Promise.resolve();
    threads.hear(service.frame(service.say("in between")));
    await settle();
    await settle();
    expect(threads.list("requests")).toHaveLength(1);
  });
});

describe("a conversation", () => {
  it("is read page by page, back to its beginning", async () => {
    const service = new FakeService();
    for (let n = 1; n <= 8; n += 1) service.say(String(n));
    const { threads, conversation } = await opened(service);
    expect(texts(threads.entries("u_bob"))).toEqual(["6", "7", "8"]);
    await conversation.older();
    await conversation.older();
    expect(texts(threads.entries("u_bob"))).toEqual(["1", "2", "3", "4", "5", "6", "7", "8"]);
    expect(conversation.more).toBe(false);
  });

  it("is read again by itself where that failed", async () => {
    const service = new FakeService();
    for (let n = 1; n <= 5; n += 1) service.say(String(n));
    const { threads, conversation, clock } = await opened(service);
    service.refusals = [Reason.UNAVAILABLE];
    await conversation.older();
    expect(conversation.failed).toBe(true);
    const asked = service.asked.length;
    await conversation.older(); // whoever scrolls on does not ask a server that just refused
    expect(service.asked.length).toBe(asked);
    await clock.pass(3_000);
    expect(texts(threads.entries("u_bob"))).toEqual(["1", "2", "3", "4", "5"]);
  });

  it("shows what comes while older entries are being read", async () => {
    const service = new FakeService();
    for (let n = 1; n <= 5; n += 1) service.say(String(n));
    const { threads, conversation } = await opened(service);
    const older = conversation.older();
    conversation.add(service.say("6"));
    await older;
    await settle();
    expect(texts(threads.entries("u_bob"))).toContain("6");
    expect(texts(threads.entries("u_bob")).slice(0, 2)).toEqual(["1", "2"]);
  });

  it("has no gap after a long absence: what does not follow on is read again", async () => {
    const service = new FakeService();
    for (let n = 1; n <= 3; n += 1) service.say(String(n));
    const { threads, conversation } = await opened(service);
    for (let n = 4; n <= 9; n += 1) service.say(String(n));
    threads.welcome(1n);
    await settle();
    await settle();
    expect(texts(threads.entries("u_bob"))).toEqual(["7", "8", "9"]);
    await conversation.older();
    expect(texts(threads.entries("u_bob"))).toEqual(["4", "5", "6", "7", "8", "9"]);
  });

  it("is not read again by itself once nobody looks at it", async () => {
    const service = new FakeService();
    service.say("one");
    const { conversation, clock } = await opened(service);
    service.refusals = [Reason.UNAVAILABLE];
    await conversation.refresh();
    expect(clock.waiting).toBe(1);
    conversation.leave();
    expect(clock.waiting).toBe(0);
    service.refusals = [Reason.UNAVAILABLE];
    await conversation.refresh();
    expect(clock.waiting).toBe(0);
  });

  it("is let go where it would have to be read anew and nobody looks", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads, conversation, clock } = await opened(service);
    conversation.leave();
    expect(threads.conversation(BOB)).toBe(conversation);
    service.say("lost");
    threads.hear(service.frame(service.say("three")));
    const asked = service.asked.filter((one) => one.startsWith("entries")).length;
    await clock.pass(200);
    expect(threads.conversation(BOB)).not.toBe(conversation);
    expect(service.asked.filter((one) => one.startsWith("entries"))).toHaveLength(asked);
  });

  it("is one of a few that are kept, however many were looked at", async () => {
    const { threads, conversation } = await opened(new FakeService());
    const first = threads.conversation({ user_id: "u_0", username: "n0" });
    for (let n = 1; n <= 20; n += 1) threads.conversation({ user_id: `u_${n}`, username: `n${n}` });
    expect(threads.conversation({ user_id: "u_0", username: "n0" })).not.toBe(first);
    expect(threads.conversation(BOB)).toBe(conversation); // somebody looks at it
  });
});

describe("somebody who has taken another name", () => {
  const ROB = { ...BOB, username: "rob" };

  it("is one person in the list", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads } = await opened(service);
    service.peer = ROB;
    threads.hear(service.frame(service.say("two")));
    await settle();
    expect(threads.list("inbox").map((one) => one.peer.username)).toEqual(["rob"]);
    expect(texts(threads.entries("u_bob"))).toEqual(["one", "two"]);
    expect(threads.named("rob")?.peer.user_id).toBe("u_bob");
    expect(threads.named("bob")).toBeUndefined();
  });

  it("is asked for by id, and shown by the new name", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads, conversation } = await opened(service);
    service.peer = ROB;
    await conversation.refresh();
    expect(conversation.nobody).toBe(false);
    expect(threads.thread("u_bob")?.peer.username).toBe("rob");
    threads.send(BOB, "still you?");
    await settle();
    expect(texts(threads.entries("u_bob"))).toEqual(["one", "still you?"]);
  });

  it("is not taken for whoever has the old one now", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads, conversation } = await opened(service);
    service.peer = { ...BOB, user_id: "u_mallory" };
    await conversation.refresh();
    expect(conversation.nobody).toBe(true);
    expect(texts(threads.entries("u_bob"))).toEqual(["one"]);
  });

  it("is said to be nobody, and asked for no more, where the new one cannot be had", async () => {
    const service = new FakeService();
    const { conversation, clock } = await opened(service, [], { user_id: "u_zoe", username: "zoe" });
    expect(conversation.nobody).toBe(true);
    expect(conversation.failed).toBe(false);
    const asked = service.asked.length;
    await clock.pass(60_000);
    expect(service.asked.filter((one) => one.startsWith("entries"))).toHaveLength(1);
    expect(service.asked.length - asked).toBeLessThanOrEqual(1); // the feed
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
    expect(texts(threads.entries("u_bob"))).toEqual(["one", "call c_1", "two"]);
  });

  it.each(["here", "on another device"])("does not bring back a thread that was removed %s while an answer was under way", async (where) => {
    const service = new FakeService();
    service.say("one");
    const { threads, conversation } = await opened(service);
    service.holding = "/v1/threads/u_bob/entries";
    void conversation.refresh();
    await settle();
    expect(service.held).toHaveLength(1);
    if (where === "here") await threads.remove(BOB);
    else {
      service.gone = true;
      service.feed += 1;
      threads.welcome(1n);
      await settle();
    }
    expect(threads.list("inbox")).toEqual([]);
    service.release();
    await settle();
    expect(threads.list("inbox")).toEqual([]);
    service.gone = false;
    threads.hear(service.frame(service.say("two")));
    await settle();
    expect(threads.list("inbox")).toHaveLength(1);
  });

  it("does not come back with a thread that was removed", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads } = await opened(service, [call("c_1", 1001, true)]);
    await threads.remove(BOB);
    expect(threads.entries("u_bob")).toEqual([]);
    expect(threads.list("inbox")).toEqual([]);
  });
});
