import { describe, expect, it } from "vitest";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { BOB, FakeService, opened, settle, texts } from "./fake_service";

const changes = (service: FakeService) => service.asked.filter((one) => one.startsWith("changes"));

describe("the feed", () => {
  it("asks for nothing where one change overtook another", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads, clock } = await opened(service);
    const second = service.frame(service.say("two"));
    const third = service.frame(service.say("three"));
    threads.hear(third);
    threads.hear(second);
    await clock.pass(200);
    expect(texts(threads.entries("u_bob"))).toEqual(["one", "two", "three"]);
    expect(threads.state.feed).toBe(3);
    expect(changes(service)).toEqual([]);
  });

  it("asks by itself now and then, while somebody looks and there is a connection", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads, clock, around } = await opened(service);
    service.say("its frame was lost");
    await clock.pass(44_000);
    threads.tick();
    await settle();
    expect(changes(service)).toEqual([]);
    around.visible = false;
    await clock.pass(1_000);
    threads.tick();
    around.visible = true;
    around.connected = false;
    threads.tick();
    await settle();
    expect(changes(service)).toEqual([]);
    around.connected = true;
    threads.tick();
    threads.tick();
    await settle();
    await settle();
    expect(changes(service)).toEqual(["changes 1"]);
    expect(texts(threads.entries("u_bob"))).toEqual(["one", "its frame was lost"]);
  });

  it("asks when somebody comes back to the page, once for all that tells of it", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads, clock } = await opened(service);
    await clock.pass(3_000);
    service.say("its frame was lost");
    threads.look();
    threads.look();
    await settle();
    threads.look();
    await settle();
    expect(changes(service)).toEqual(["changes 1"]);
    expect(threads.list("inbox")[0]?.last?.number).toBe(2);
  });

  it("does not go back for an answer that is older than a frame", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads, clock } = await opened(service);
    service.holding = "/v1/threads/changes";
    threads.welcome(1n);
    await settle();
    threads.hear(service.frame(service.say("two")));
    expect(threads.state).toMatchObject({ feed: 2, unread: 2 });
    service.release();
    await settle();
    expect(threads.state).toMatchObject({ feed: 2, unread: 2 });
    expect(threads.thread("u_bob")?.last?.number).toBe(2);
    await clock.pass(0);
  });

  it("begins anew where the changes tell that the server was restored", async () => {
    const service = new FakeService();
    for (const text of ["one", "two", "three"]) service.say(text);
    const { threads } = await opened(service);
    service.entries.pop();
    service.feed = 2;
    threads.welcome(1n);
    await settle();
    await settle();
    expect(threads.state.feed).toBe(2);
    expect(threads.list("inbox")[0]?.last?.message?.text).toBe("two");
    expect(service.asked.filter((one) => one === "changes 3")).toHaveLength(1);
  });

  it("begins anew with a server that was restored from a backup", async () => {
    const service = new FakeService();
    for (const text of ["one", "two", "three"]) service.say(text);
    const { threads } = await opened(service);
    service.entries.pop();
    service.feed = 2;
    service.holding = "/v1/threads?";
    threads.welcome(2n);
    await settle();
    expect(threads.state).toEqual({ feed: 0, unread: 0, requests: 0 });
    service.release();
    await settle();
    await settle();
    expect(threads.state.feed).toBe(2);
    expect(threads.list("inbox")[0]?.last?.message?.text).toBe("two");
  });
});

describe("what was read", () => {
  it("is read at once here, and told the server once", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads } = await opened(service);
    threads.hear(service.frame(service.say("two")));
    threads.read(BOB, 2);
    threads.read(BOB, 2);
    threads.read(BOB, 1); // somebody scrolled up
    expect(threads.state.unread).toBe(0);
    expect(threads.thread("u_bob")?.unread).toBe(0);
    await settle();
    expect(service.asked.filter((one) => one.startsWith("read"))).toEqual(["read 2"]);
  });

  it("is what was drawn, not what came since", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads } = await opened(service);
    threads.hear(service.frame(service.say("two")));
    threads.read(BOB, 1);
    expect(threads.thread("u_bob")?.unread).toBe(1);
    expect(threads.state.unread).toBe(1);
    threads.read(BOB, 0); // a call that has no number yet
    await settle();
    expect(service.asked.filter((one) => one.startsWith("read"))).toEqual(["read 1"]);
  });

  it("is told again where that was lost, and stays read meanwhile", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads, clock } = await opened(service);
    service.refusals = [Reason.UNAVAILABLE, Reason.UNAVAILABLE];
    threads.read(BOB, 1);
    await settle();
    threads.hear(service.frame(service.say("two")));
    threads.read(BOB, 2);
    await settle();
    expect(threads.state.unread).toBe(0);
    threads.welcome(1n); // no timer is waited for
    await settle();
    expect(service.asked.filter((one) => one.startsWith("read"))).toEqual(["read 1", "read 2", "read 2"]);
    expect(service.read).toBe(2);
    await clock.pass(10_000);
    expect(service.asked.filter((one) => one.startsWith("read"))).toHaveLength(3);
  });

  it("is told again after a while without a new connection", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads, clock } = await opened(service);
    service.refusals = [Reason.OVERLOADED];
    threads.read(BOB, 1);
    await settle();
    expect(service.read).toBe(0);
    await clock.pass(2_000);
    expect(service.read).toBe(1);
  });

  it("does not come back unread with an answer from before the mark", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads } = await opened(service);
    service.holding = "/v1/threads/changes";
    service.say("two");
    threads.welcome(1n);
    await settle();
    threads.read(BOB, 2);
    await settle();
    service.release();
    await settle();
    expect(threads.thread("u_bob")?.unread).toBe(0);
    expect(threads.state.unread).toBe(0);
  });
});
