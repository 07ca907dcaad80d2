import { describe, expect, it } from "vitest";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Refused } from "../line/commands";
import { ThreadsApi } from "./api";
import { BOB, CY, FakeService, opened, pageOf, settle, texts } from "./fake_service";
import { forgetOutbox } from "./outbox";

const sends = (service: FakeService) => service.asked.filter((one) => one.startsWith("send"));

describe("a message that is sent", () => {
  it("is shown at once and there once when frame and answer have both come", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads, shown } = await opened(service);
    threads.send(BOB, "hello");
    expect(threads.pending("u_bob").map((one) => one.progress)).toEqual(["sending"]);
    const many = () => [...texts(threads.entries("u_bob")), ...threads.pending("u_bob").map((one) => one.text)];
    const drawn: string[][] = [];
    shown.look = () => void drawn.push(many());
    await settle();
    for (const one of drawn) expect(one).toEqual(["one", "hello"]);
    const entry = service.entries.at(-1);
    if (entry !== undefined) threads.hear(service.frame(entry));
    await settle();
    expect(threads.pending("u_bob")).toEqual([]);
    expect(texts(threads.entries("u_bob"))).toEqual(["one", "hello"]);
  });

  it.each(["a frame", "the changes", "the conversation"])("is there once, and all the time, where its answer was lost and %s brings it", async (way) => {
    const service = new FakeService();
    service.say("one");
    const { threads, conversation, shown } = await opened(service);
    service.lost = 1;
    threads.send(BOB, "hello");
    await settle();
    expect(threads.pending("u_bob").map((one) => one.progress)).toEqual(["waiting"]);
    service.refusals = way === "the changes" ? [Reason.UNAVAILABLE] : []; // nothing else tells of it
    const all = () => [...texts(threads.entries("u_bob")), ...threads.pending("u_bob").map((one) => one.text)];
    const drawn: string[][] = [];
    shown.look = () => void drawn.push(all());
    const entry = service.entries.at(-1);
    if (way === "a frame" && entry !== undefined) threads.hear(service.frame(entry));
    if (way === "the changes") threads.welcome(1n);
    if (way === "the conversation") await conversation.refresh();
    await settle();
    for (const one of drawn) expect(one).toEqual(["one", "hello"]);
    expect(threads.pending("u_bob")).toEqual([]);
    expect(sends(service)).toHaveLength(way === "the changes" ? 2 : 1);
  });

  it("stays on the screen while its conversation is being read", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads, conversation, shown } = await opened(service);
    service.holding = "/v1/threads/u_bob/entries";
    void conversation.refresh(); // its answer is of before the message
    await settle();
    expect(service.held).toHaveLength(1);
    const drawn: string[][] = [];
    const all = () => [...texts(threads.entries("u_bob")), ...threads.pending("u_bob").map((one) => one.text)];
    shown.look = () => void drawn.push(all());
    threads.send(BOB, "hello");
    await settle();
    threads.welcome(1n); // sends it no second time
    await settle();
    service.release();
    await settle();
    expect(drawn.length).toBeGreaterThan(0);
    for (const one of drawn) expect(one).toEqual(["one", "hello"]);
    expect(threads.pending("u_bob")).toEqual([]);
    expect(texts(threads.entries("u_bob"))).toEqual(["one", "hello"]);
    expect(sends(service)).toEqual(["send hello"]);
  });

  it("stays on the screen where its conversation could not be read", async () => {
    const service = new FakeService();
    service.say("one");
    service.refusals = [Reason.UNAVAILABLE];
    const { threads, conversation, clock } = await opened(service);
    expect(conversation.failed).toBe(true);
    service.holding = "/v1/threads/u_bob/entries";
    threads.send(BOB, "hello");
    await settle();
    expect(service.held).toHaveLength(1); // it is read anew
    expect(threads.pending("u_bob").map((one) => one.text)).toEqual(["hello"]);
    service.release();
    await clock.pass(10_000);
    expect(threads.pending("u_bob")).toEqual([]);
    expect(texts(threads.entries("u_bob"))).toEqual(["one", "hello"]);
    expect(sends(service)).toEqual(["send hello"]);
  });

  it("is sent no more where the list of threads shows that it has arrived", async () => {
    const service = new FakeService();
    service.say("one");
    const { threads, conversation } = await opened(service);
    service.lost = 1;
    threads.send(BOB, "hello");
    await settle();
    conversation.leave();
    service.refusals = [Reason.UNAVAILABLE];
    threads.welcome(1n);
    await settle();
    expect(threads.pending("u_bob")).toEqual([]);
  });

  it("waits without a connection and goes out in order with the next one", async () => {
    const service = new FakeService();
    const { threads } = await opened(service);
    service.refusals = [Reason.UNAVAILABLE];
    threads.send(BOB, "first");
    threads.send(BOB, "second");
    await settle();
    expect(threads.pending("u_bob").map((one) => one.progress)).toEqual(["waiting", "sending"]);
    threads.welcome(1n);
    await settle();
    await settle();
    expect(sends(service)).toEqual(["send first", "send first", "send second"]);
    expect(texts(threads.entries("u_bob"))).toEqual(["first", "second"]);
  });

  it("holds up nobody else's", async () => {
    const service = new FakeService();
    const { threads } = await opened(service);
    service.refusals = [Reason.UNAVAILABLE];
    service.holding = "/v1/threads/u_bob";
    threads.send(BOB, "to bob");
    threads.send(CY, "to cy");
    await settle();
    expect(service.held).toHaveLength(1);
    expect(threads.pending("u_cy")).toEqual([]); // while the other one is under way
    service.release();
    await settle();
    expect(threads.pending("u_bob").map((one) => one.progress)).toEqual(["waiting"]);
    threads.send(CY, "more to cy");
    await settle();
    expect(threads.pending("u_cy")).toEqual([]); // and while it waits
  });

  it("waits as long as the server asks for, also with a new connection", async () => {
    const service = new FakeService();
    const { threads, clock } = await opened(service);
    service.refusals = [new Refused(Reason.LIMITED, "slow down", 20_000)];
    threads.send(BOB, "soon");
    await settle();
    expect(threads.pending("u_bob").map((one) => one.progress)).toEqual(["waiting"]);
    await clock.pass(19_000);
    threads.welcome(1n);
    await settle();
    expect(sends(service)).toHaveLength(1);
    await clock.pass(1_000);
    expect(sends(service)).toHaveLength(2);
    expect(threads.pending("u_bob")).toEqual([]);
  });

  it("is tried ever more seldom, and failed in the end while there is a connection", async () => {
    const service = new FakeService();
    const { threads, clock } = await opened(service);
    service.refusals = Array.from({ length: 50 }, () => Reason.UNAVAILABLE);
    threads.send(BOB, "poison");
    await settle();
    await clock.pass(2_000);
    await clock.pass(2_000);
    expect(sends(service)).toHaveLength(2);
    for (let n = 0; n < 20; n += 1) await clock.pass(60_000);
    expect(threads.pending("u_bob")[0]).toMatchObject({ progress: "failed", why: Reason.UNAVAILABLE });
    expect(sends(service)).toHaveLength(8);
    service.refusals = [];
    threads.retry(threads.pending("u_bob")[0]?.client_id ?? "");
    await settle();
    expect(threads.pending("u_bob")).toEqual([]);
  });

  it("never fails for want of a connection", async () => {
    const service = new FakeService();
    const { threads, clock, around } = await opened(service);
    around.connected = false;
    service.refusals = Array.from({ length: 50 }, () => Reason.UNAVAILABLE);
    threads.send(BOB, "from the tunnel");
    await settle();
    for (let n = 0; n < 20; n += 1) await clock.pass(60_000);
    expect(threads.pending("u_bob").map((one) => one.progress)).toEqual(["waiting"]);
    service.refusals = [];
    around.connected = true;
    threads.welcome(1n);
    await settle();
    expect(threads.pending("u_bob")).toEqual([]);
  });

  it("is not believed to have arrived for an answer of another kind", async () => {
    const portal = new ThreadsApi(async () => ({ portal: true }) as never);
    await expect(portal.send(BOB, "id", "x")).rejects.toMatchObject({ reason: Reason.UNAVAILABLE });
  });

  it("says that it failed, keeps nothing else waiting, and can be sent again", async () => {
    const service = new FakeService();
    const { threads } = await opened(service);
    service.refusals = [Reason.LIMITED];
    threads.send(BOB, "first");
    threads.send(BOB, "second");
    await settle();
    const [failed] = threads.pending("u_bob");
    expect(failed).toMatchObject({ text: "first", progress: "failed", why: Reason.LIMITED });
    threads.retry(failed?.client_id ?? "");
    await settle();
    expect(texts(threads.entries("u_bob"))).toEqual(["second", "first"]);
  });
});

describe("messages that wait", () => {
  it("survive a reload of the page with the id they had", async () => {
    const service = new FakeService();
    const { threads, make } = await opened(service);
    service.refusals = [Reason.UNAVAILABLE];
    threads.send(BOB, "kept");
    await settle();
    const [before] = threads.pending("u_bob");
    expect(make().pending("u_bob")[0]?.client_id).toBe(before?.client_id);
  });

  it("are neither sent nor lost by somebody else who signs in in this tab", async () => {
    const service = new FakeService();
    const { threads, make } = await opened(service);
    service.refusals = [Reason.UNAVAILABLE];
    threads.send(BOB, "of ada");
    await settle();
    const other = make("u_zoe");
    expect(other.pending("u_bob")).toEqual([]);
    other.send(BOB, "of zoe");
    await settle();
    expect(make("u_ada").pending("u_bob").map((one) => one.text)).toEqual(["of ada"]);
  });

  it("leave nothing behind when their writer signs out, also what is under way", async () => {
    const service = new FakeService();
    const { threads, kept, storage, clock } = await opened(service);
    service.refusals = [Reason.UNAVAILABLE];
    threads.send(BOB, "secret one");
    await settle();
    threads.send(CY, "secret two");
    threads.close();
    forgetOutbox(storage, "u_ada");
    await settle();
    await clock.pass(60_000);
    expect([...kept.values()].join()).not.toContain("secret");
    expect(sends(service)).toEqual(["send secret one", "send secret two"]);
  });

  it("are held by one timer", async () => {
    const service = new FakeService();
    const { threads, clock } = await opened(service);
    const before = clock.waiting;
    service.refusals = [Reason.UNAVAILABLE, Reason.UNAVAILABLE];
    threads.send(BOB, "one");
    threads.send(CY, "two");
    await settle();
    expect(clock.waiting - before).toBe(1);
    threads.close();
    expect(clock.waiting - before).toBe(0);
  });

  it("go out though the tab has no room to keep them", async () => {
    const service = new FakeService();
    const { make, storage } = pageOf(service);
    storage.setItem = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
    const threads = make();
    threads.send(BOB, "hello");
    await settle();
    expect(service.entries).toHaveLength(1);
  });
});
