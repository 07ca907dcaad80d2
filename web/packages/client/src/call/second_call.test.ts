import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { Call } from "../gen/ringline/v1/client_pb";
import { BeatSchema, Phase, RelaySchema, Role, WelcomeSchema } from "../gen/ringline/v1/client_pb";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Ending, KindsSchema } from "../gen/ringline/v1/types_pb";
import { Refused } from "../line/commands";
import { AUDIO, bound, current, device, done, settle, VIDEO, view } from "./fake_device";

type Device = ReturnType<typeof device>;

function welcome(it: Device, ...calls: Call[]): void {
  it.calls.welcome(create(WelcomeSchema, { incarnation: 1n, calls }));
}

/** Answers the newest command that has none. */
async function reply(it: Device, call: Call): Promise<void> {
  it.asked.at(-1)?.resolve(done(call));
  await settle();
}

/** A device whose user answered c_1 and talks. */
async function talking(part: Partial<Call> = {}, it = device()) {
  it.calls.see(view(part));
  const call = current(it.calls);
  if (call === undefined) throw new Error("it does not ring");
  it.calls.answer(call, { audio: true, video: part.asked?.video === true });
  await settle();
  await reply(it, bound({ version: 2n, ...part, phase: Phase.CONNECTING }));
  const connection = it.connections.at(-1);
  connection?.become("connected");
  connection?.arrives();
  await settle();
  if (connection === undefined) throw new Error("there is no connection");
  return { ...it, call, connection };
}

describe("a call on hold", () => {
  it("is silent in both directions at once, before the server has heard of it, and keeps its path (S9)", async () => {
    const { call, calls, connection, sent } = await talking();
    expect(connection.sends).toEqual(["audio"]);
    expect(calls.hold(call)).toBe(true);
    expect(connection.hears).toEqual([]);
    expect(call.media.remote).toEqual({});
    await settle();
    expect(connection.sends).toEqual([]);
    expect(connection.connectionState).toBe("connected");
    expect(sent.at(-1)).toMatchObject({ case: "hold", value: { callId: "c_1", on: true } });
    expect([call.state, call.status]).toEqual(["holding", "On hold"]);
    calls.close();
  });

  it("is taken back by its holder alone, and then all is as it was wanted, at once where the path is up (S9)", async () => {
    const { call, calls, connection, sent, asked } = await talking({ asked: create(KindsSchema, VIDEO), sends: create(KindsSchema, VIDEO) });
    expect(connection.sends).toEqual(["audio", "video"]);
    calls.hold(call);
    asked.at(-1)?.resolve(done(bound({ version: 3n, holds: true, sends: create(KindsSchema, VIDEO) })));
    await settle();
    calls.see(bound({ version: 4n, sends: create(KindsSchema, VIDEO) }));
    await settle();
    expect([call.state, connection.sends]).toEqual(["holding", []]);
    expect(calls.resume(call)).toBe(true);
    expect([call.state, call.status]).toEqual(["held", "Resuming…"]);
    expect(sent.at(-1)).toMatchObject({ case: "hold", value: { on: false } });
    expect(connection.sends).toEqual([]);
    asked.at(-1)?.resolve(done(bound({ version: 5n, sends: create(KindsSchema, VIDEO) })));
    await settle();
    expect(call.state).toBe("connected");
    expect(connection.sends).toEqual(["audio", "video"]);
    expect(connection.hears).toEqual(["audio", "video"]);
    calls.close();
  });

  it("lets the camera go, keeps the microphone off, and asks for nothing meanwhile (S9)", async () => {
    const { call, calls, captured } = await talking({ asked: create(KindsSchema, VIDEO), sends: create(KindsSchema, VIDEO) });
    calls.hold(call);
    expect(captured.map((track) => [track.kind, track.readyState, track.enabled])).toEqual([["audio", "live", false], ["video", "ended", true]]);
    void call.set({ audio: true, video: true }).catch(() => undefined);
    expect(await call.media.renew("video")).toBe(true);
    await settle();
    expect(captured).toHaveLength(2);
    calls.close();
  });

  it("is told again with each new connection where it could not be told (S9)", async () => {
    const it = await talking();
    it.calls.hold(it.call);
    it.asked.at(-1)?.reject(new Refused(Reason.UNAVAILABLE, "away"));
    await settle();
    const before = it.sent.length;
    welcome(it, bound({ version: 3n }));
    expect(it.call.state).toBe("holding");
    expect(it.sent.slice(before)).toMatchObject([{ case: "hold", value: { on: true } }]);
    welcome(it, bound({ version: 3n })); // it is on its way
    expect(it.sent).toHaveLength(before + 1);
    it.calls.close();
  });

  it("is told again, after a pause, on the same connection as long as the server shows that it does not know (S9)", async () => {
    const it = await talking();
    const told = () => it.sent.filter((body) => body.case === "hold" && body.value.on).length;
    const beat = () => it.calls.beat(create(BeatSchema, { calls: [{ callId: "c_1", version: 2n }] }));
    it.calls.hold(it.call);
    it.asked.at(-1)?.reject(new Refused(Reason.LIMITED, "later", 5_000));
    await settle();
    beat();
    it.calls.see(bound({ version: 3n }));
    expect(told()).toBe(1); // no sooner than the server asked for
    it.pass(5_000);
    beat();
    beat(); // it is on its way
    expect(told()).toBe(2);
    it.asked.at(-1)?.reject(new Refused(Reason.UNAVAILABLE, "away"));
    await settle();
    beat();
    expect(told()).toBe(2);
    it.pass(2_000);
    it.calls.see(bound({ version: 4n }));
    expect(told()).toBe(3);
    expect([it.call.state, it.connection.sends]).toEqual(["holding", []]);
    await reply(it, bound({ version: 5n, holds: true }));
    it.pass(60_000);
    beat();
    expect(told()).toBe(3);
    it.calls.close();
  });

  it("tells the newest wish last, whatever is late (S9)", async () => {
    const { call, calls, sent, asked } = await talking();
    const before = sent.length;
    calls.hold(call);
    calls.resume(call);
    calls.hold(call);
    calls.resume(call);
    expect(sent.slice(before)).toHaveLength(1);
    asked.at(-1)?.resolve(done(bound({ version: 3n, holds: true })));
    await settle();
    expect(call.state).toBe("held");
    expect(sent.slice(before)).toMatchObject([{ value: { on: true } }, { value: { on: false } }]);
    asked.at(-1)?.resolve(done(bound({ version: 4n })));
    await settle();
    expect(call.state).toBe("connected");
    calls.close();
  });

  it("comes back on hold after a reload, though the server never heard of it, and nothing is captured (S9)", async () => {
    const it = await talking();
    it.calls.hold(it.call);
    const after = it.reload();
    welcome(after, bound({ version: 3n, described: 1 }));
    await settle();
    expect(current(after.calls)?.state).toBe("holding");
    expect(after.captured).toEqual([]);
    expect(after.connections.map((one) => one.sends)).toEqual([[]]);
    expect(after.sent).toContainEqual(expect.objectContaining({ case: "hold", value: expect.objectContaining({ on: true }) as unknown }));
    after.connections[0]?.become("connected");
    expect(after.words()).toContain("report");
    after.calls.close();
  });

  it("is offered to be taken back where the wish to did not outlive the page, and says nothing by itself (S9)", async () => {
    const it = await talking();
    it.calls.hold(it.call);
    it.calls.resume(it.call);
    const after = it.reload();
    welcome(after, bound({ version: 3n, holds: true }));
    const call = current(after.calls);
    expect([call?.state, call?.status, call?.mayResume]).toEqual(["held", "On hold", true]);
    expect(after.words()).not.toContain("hold");
    after.calls.close();
  });

  it("of the other side is not ended by this one, and can be held from here too (S9)", async () => {
    const { call, calls, connection, sent } = await talking();
    calls.see(bound({ version: 3n, peerHolds: true }));
    await settle();
    expect([call.state, call.status, connection.sends, connection.hears]).toEqual(["held", "You are on hold", [], []]);
    const before = sent.length;
    expect(calls.resume(call)).toBe(false);
    expect(sent).toHaveLength(before);
    expect(calls.hold(call)).toBe(true);
    calls.see(bound({ version: 4n }));
    expect(call.state).toBe("holding");
    calls.close();
  });

  it("is ended by either side, and the time runs on (S9)", async () => {
    const { call, calls, pass, words } = await talking();
    pass(5_000);
    calls.hold(call);
    pass(60_000);
    call.hangUp();
    expect([call.state, call.ending, words().at(-1)]).toEqual(["ended", Ending.HUNG_UP, "hangUp"]);
    expect((call.endedAt ?? 0) - (call.connectedAt ?? 0)).toBe(65_000);
  });

  it("goes on looking for a path that is lost, and is mended after it (S9)", async () => {
    const { call, calls, connection, asked } = await talking();
    calls.hold(call);
    asked.at(-1)?.resolve(done(bound({ version: 3n, holds: true })));
    await settle();
    connection.become("disconnected");
    expect(asked.at(-1)?.body.case).toBe("renewRelay");
    asked.at(-1)?.resolve({ case: "relay", value: create(RelaySchema, {}) });
    await settle();
    expect(connection.restarts).toBe(1);
    calls.resume(call);
    asked.at(-1)?.resolve(done(bound({ version: 4n })));
    await settle();
    expect(call.state).toBe("mending");
    connection.become("connected");
    expect(call.state).toBe("connected");
    calls.close();
  });
});

describe("a second call", () => {
  const CAROL = { callId: "c_2" };

  it("waits behind the one that is talked in, with a sound of its own, and says so to the server (S8)", async () => {
    const { calls, call, sent } = await talking();
    calls.see(view(CAROL));
    expect(sent.at(-1)).toMatchObject({ case: "ringing", value: { callId: "c_2", waits: true } });
    expect([calls.sound, calls.foreground, calls.waiting?.callId, calls.incoming]).toEqual(["waiting", call, "c_2", undefined]);
    calls.close();
  });

  it("rings no more where one waits already (S8)", async () => {
    const { calls, sent } = await talking();
    calls.see(view(CAROL));
    const before = sent.length;
    calls.see(view({ callId: "c_3" }));
    expect(sent).toHaveLength(before);
    expect(calls.all.map((one) => one.callId)).toEqual(["c_1", "c_2"]);
    calls.close();
  });

  it("for which there was no room rings as soon as there is, with the time that is left (S8, S13)", async () => {
    const it = await talking();
    it.calls.see(view(CAROL));
    it.calls.see(view({ callId: "c_3", ringLeftMs: 40_000 }));
    it.calls.see(view({ callId: "c_4", ringLeftMs: 12_000 }));
    it.pass(10_000);
    it.calls.beat(create(BeatSchema, { calls: ["c_1", "c_2", "c_3", "c_4"].map((callId) => ({ callId, version: 1n })) }));
    it.calls.waiting?.decline();
    expect(it.sent.at(-1)).toMatchObject({ case: "ringing", value: { callId: "c_3", waits: true } });
    expect([it.calls.waiting?.callId, it.calls.waiting?.view?.ringLeftMs]).toEqual(["c_3", 30_000]);
    it.calls.waiting?.decline();
    expect(it.calls.waiting, "of the fourth less than five seconds are left").toBeUndefined();
    it.calls.close();
  });

  it("for which there was no room is forgotten when it is over (L3)", async () => {
    const it = await talking();
    for (const callId of ["c_2", "c_3", "c_4"]) it.calls.see(view({ callId }));
    it.calls.see(view({ callId: "c_3", version: 2n, phase: Phase.ENDED, ending: Ending.CANCELLED }));
    it.calls.beat(create(BeatSchema, { calls: ["c_1", "c_2"].map((callId) => ({ callId, version: 1n })) }));
    it.calls.waiting?.decline();
    expect(it.calls.waiting).toBeUndefined();
    it.calls.close();
  });

  it("that waited rings aloud, and everywhere, when the other is over; said again with a new connection (S8)", async () => {
    const it = await talking();
    it.calls.see(view(CAROL));
    it.calls.see(bound({ version: 3n, phase: Phase.ENDED, ending: Ending.HUNG_UP }));
    expect(it.sent.at(-1)).toMatchObject({ case: "ringing", value: { callId: "c_2", waits: false } });
    expect([it.calls.sound, it.calls.incoming?.callId, it.calls.waiting]).toEqual(["ring", "c_2", undefined]);
    const before = it.sent.length;
    welcome(it, view({ ...CAROL, version: 2n }));
    expect(it.sent.slice(before)).toMatchObject([{ case: "ringing", value: { callId: "c_2", waits: false } }]);
    it.calls.close();
  });

  it("is answered after the first is on hold, silent before the answer is said (S8, S9)", async () => {
    const { calls, call, connection, sent } = await talking();
    calls.see(view(CAROL));
    const second = calls.waiting;
    const before = sent.length;
    expect(second !== undefined && calls.answer(second, AUDIO, "hold")).toBe(true);
    expect([call.state, connection.hears, calls.foreground, calls.held]).toEqual(["holding", [], second, [call]]);
    await settle();
    expect(connection.sends).toEqual([]);
    expect(sent.slice(before).map((body) => body.case)).toEqual(["hold", "answer"]);
    calls.close();
  });

  it("rings when the first is over also where the tab could not keep what the user wished before (S8)", async () => {
    const { calls, call, store, sent } = await talking();
    calls.see(view(CAROL));
    const second = calls.waiting;
    const full = () => { throw new Error("QuotaExceededError"); };
    Object.assign(store, { set: full });
    expect(() => second !== undefined && calls.answer(second, AUDIO)).toThrow();
    Object.assign(store, { set: Map.prototype.set });
    calls.see(bound({ version: 3n, phase: Phase.ENDED, ending: Ending.HUNG_UP }));
    expect([call.state, calls.incoming]).toEqual(["ended", second]);
    expect(sent.at(-1)).toMatchObject({ case: "ringing", value: { callId: "c_2", waits: false } });
    calls.close();
  });

  it("is answered after the first is over, where that is wished (S8)", async () => {
    const { calls, call, sent } = await talking();
    calls.see(view(CAROL));
    const second = calls.waiting;
    const before = sent.length;
    expect(second !== undefined && calls.answer(second, AUDIO, "end")).toBe(true);
    await settle();
    expect([call.state, calls.foreground]).toEqual(["ended", second]);
    expect(sent.slice(before).map((body) => body.case)).toEqual(["hangUp", "answer"]);
    calls.close();
  });

  it("is not answered past Calls, nor resumed: one that is talked in stays the only one (S8)", async () => {
    const { calls, call, connection } = await talking();
    calls.see(view(CAROL));
    const second = calls.waiting;
    second?.answer(AUDIO);
    expect(second?.state).toBe("incoming");
    if (second !== undefined) calls.answer(second, AUDIO);
    call.resume();
    expect(call.state).toBe("holding");
    expect(connection.hears).toEqual([]);
    calls.close();
  });

  it("changes places with the first at a word, and the first end leaves the other on hold (S8, S9)", async () => {
    const it = await talking();
    const first = it.call;
    it.calls.hold(first);
    it.asked.at(-1)?.resolve(done(bound({ version: 3n, holds: true })));
    await settle();
    const { call: second } = await talking(CAROL, it);
    expect([it.calls.foreground, it.calls.held]).toEqual([second, [first]]);
    expect(it.calls.mayHold(second)).toBe(false); // one is on hold already
    const before = it.sent.length;
    expect(it.calls.resume(first)).toBe(true);
    expect([second.state, first.state]).toEqual(["holding", "held"]);
    expect(it.sent.slice(before)).toMatchObject([
      { case: "hold", value: { callId: "c_2", on: true } },
      { case: "hold", value: { callId: "c_1", on: false } },
    ]);
    it.asked.at(-1)?.resolve(done(bound({ version: 4n })));
    await settle();
    expect(it.connections.map((one) => one.sends)).toEqual([["audio"], []]);
    it.calls.see(bound({ version: 5n, phase: Phase.ENDED, ending: Ending.HUNG_UP }));
    await settle();
    expect([second.state, it.calls.foreground]).toEqual(["holding", undefined]);
    expect(it.connections.map((one) => one.sends)).toEqual([[], []]);
    it.calls.close();
  });

  it("is placed beside one on hold, and beside no other (S8)", async () => {
    const it = await talking();
    expect(it.calls.place("carol", AUDIO)).toBeUndefined();
    it.calls.hold(it.call);
    const second = it.calls.place("carol", AUDIO);
    expect(second?.state).toBe("dialling");
    expect(it.calls.place("dan", AUDIO)).toBeUndefined();
    expect(it.calls.resume(it.call)).toBe(false); // what rings out cannot be put on hold
    await reply(it, view({ ...CAROL, role: Role.CALLER, here: true }));
    expect([second?.state, it.calls.sound]).toEqual(["calling", "ringback"]);
    it.calls.close();
  });

  it("waits behind one that rings out, and is answered only by ending that (S8)", async () => {
    const it = device();
    it.calls.place("bob", AUDIO);
    await reply(it, view({ role: Role.CALLER, here: true }));
    it.calls.see(view(CAROL));
    const second = it.calls.waiting;
    expect(second?.callId).toBe("c_2");
    expect(second !== undefined && it.calls.mayHoldAndAnswer(second)).toBe(false);
    expect(second !== undefined && it.calls.answer(second, AUDIO, "hold")).toBe(false);
    expect(second !== undefined && it.calls.answer(second, AUDIO, "end")).toBe(true);
    it.calls.close();
  });

  it("that comes back with the first after a reload is on hold, and what waited waits (S8)", async () => {
    const it = device();
    const consents = [["c_1", AUDIO], ["c_2", AUDIO], ["c_3", AUDIO]];
    it.store.set("ringline.consents", JSON.stringify(consents));
    welcome(it, view({ callId: "c_4" }), bound({}), bound(CAROL), bound({ callId: "c_3" }));
    await settle();
    expect(it.calls.all.map((one) => [one.callId, one.state])).toEqual([
      ["c_1", "connecting"], ["c_2", "holding"], ["c_4", "incoming"],
    ]);
    expect(it.sent).toContainEqual(expect.objectContaining({ case: "hold", value: expect.objectContaining({ callId: "c_2", on: true }) as unknown }));
    expect(it.sent).toContainEqual(expect.objectContaining({ case: "hangUp", value: expect.objectContaining({ callId: "c_3" }) as unknown }));
    expect(it.sent).toContainEqual(expect.objectContaining({ case: "ringing", value: expect.objectContaining({ waits: true }) as unknown }));
    it.calls.close();
  });
});
