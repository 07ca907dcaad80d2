import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { BeatSchema, Phase, Role, WelcomeSchema } from "../gen/ringline/v1/client_pb";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Ending, KindsSchema } from "../gen/ringline/v1/types_pb";
import { Refused } from "../line/commands";
import type { Calls } from "./calls";
import { AUDIO, current, device, view } from "./fake_device";

describe("calls of a line", () => {
  it("are not believed where the user never asked for them (S1)", () => {
    const { calls, connections, words } = device();
    calls.see(view({ here: true, phase: Phase.CONNECTING }));
    expect(words()).toEqual(["hangUp"]);
    expect(connections).toHaveLength(0);
    expect(calls.live).toBe(false);
  });

  it("do not begin on the server's word while it only rings (S1)", () => {
    const { calls, connections } = device();
    calls.see(view({}));
    calls.see(view({ version: 2n, here: true, phase: Phase.CONNECTING }));
    expect(current(calls)?.state).toBe("incoming");
    expect(connections).toHaveLength(0);
  });

  it("gather nothing between the user's answer and the server's (S2)", async () => {
    const { calls, connections, asked, words, done, settle } = device();
    calls.see(view({}));
    current(calls)?.answer(AUDIO);
    await settle();
    expect(words()).toEqual(["ringing", "answer"]);
    expect(connections.map((one) => one.applied)).toEqual([0]);
    asked[0]?.resolve(done(view({ version: 2n, here: true, phase: Phase.CONNECTING })));
    await settle();
    expect(current(calls)?.state).toBe("connecting");
    expect(connections.map((one) => one.applied)).toEqual([1]);
    calls.close();
  });

  it("begin no ring with less than five seconds left (S13)", () => {
    const { calls, words } = device();
    calls.see(view({ ringLeftMs: 4_900 }));
    expect(words()).toEqual([]);
    expect(current(calls)).toBeUndefined();
  });

  it("are one call where both called at once (S7)", async () => {
    const { calls, asked, done, settle } = device();
    calls.place("bob", AUDIO);
    calls.see(view({}));
    expect(current(calls)?.state).toBe("dialling");
    asked[0]?.resolve(done(view({ version: 2n, here: true, phase: Phase.CONNECTING })));
    await settle();
    expect(current(calls)?.state).toBe("connecting");
    expect(current(calls)?.callId).toBe("c_1");
    calls.close();
  });

  it("show the other call where the one that was dialled is another", async () => {
    const { calls, asked, done, settle } = device();
    const mine = calls.place("bob", AUDIO);
    calls.see(view({ callId: "c_2" }));
    asked[0]?.resolve(done(view({ role: Role.CALLER, here: true })));
    await settle();
    expect(mine?.state).toBe("calling");
    mine?.hangUp();
    expect(current(calls)?.callId).toBe("c_2");
  });

  it("ring that came in while a Place was on its way, also where that is refused", async () => {
    const { calls, asked, settle } = device();
    calls.place("bob", AUDIO);
    calls.see(view({ callId: "c_2" }));
    asked[0]?.reject(new Refused(Reason.LIMITED, "later"));
    await settle();
    expect(calls.incoming?.callId).toBe("c_2");
    calls.close();
  });

  it("hang up what was cancelled before the server knew it", async () => {
    const { calls, asked, done, settle, words } = device();
    calls.place("bob", AUDIO)?.hangUp();
    asked[0]?.resolve(done(view({ role: Role.CALLER, here: true })));
    await settle();
    expect(words()).toEqual(["place", "hangUp"]);
    expect(calls.live).toBe(false);
  });

  it("say with the answer what was toggled while it rang", async () => {
    const { calls, asked, done, settle, sent } = device();
    const call = calls.place("bob", { audio: true, video: true });
    asked[0]?.resolve(done(view({ role: Role.CALLER, here: true })));
    await settle();
    await call?.set(AUDIO);
    expect(sent.map((body) => body.case)).toEqual(["place"]);
    const sends = create(KindsSchema, { audio: true, video: true });
    calls.see(view({ role: Role.CALLER, here: true, version: 2n, phase: Phase.CONNECTING, sends }));
    expect(sent.at(-1)).toMatchObject({ case: "setMedia", value: { kinds: AUDIO } });
    calls.close();
  });

  it("keep off what was turned off, though the server could not hear it", async () => {
    const { calls, asked, done, settle } = device();
    const call = calls.place("bob", { audio: true, video: true });
    asked[0]?.resolve(done(view({ role: Role.CALLER, here: true })));
    await settle();
    await call?.set(AUDIO);
    const sends = create(KindsSchema, { audio: true, video: true });
    calls.see(view({ role: Role.CALLER, here: true, version: 2n, phase: Phase.CONNECTING, sends }));
    asked.at(-1)?.reject(new Refused(Reason.UNAVAILABLE, "away"));
    await settle();
    expect(call?.wanted).toEqual(AUDIO);
    const off = call?.set({ audio: false, video: false });
    asked.at(-1)?.reject(new Refused(Reason.UNAVAILABLE, "away"));
    await expect(off).rejects.toThrow();
    expect(call?.wanted).toEqual({ audio: false, video: false });
    calls.close();
  });

  it("say again what they send where a new connection shows that the server takes it for something else", async () => {
    const { calls, asked, done, settle, sent } = device();
    const sends = create(KindsSchema, AUDIO);
    const call = calls.place("bob", AUDIO);
    asked[0]?.resolve(done(view({ role: Role.CALLER, here: true, phase: Phase.CONNECTING, sends })));
    await settle();
    const off = call?.set({ audio: false, video: false });
    asked.at(-1)?.reject(new Refused(Reason.UNAVAILABLE, "away"));
    await expect(off).rejects.toThrow();
    const back = () => calls.welcome(create(WelcomeSchema, { incarnation: 1n, calls: [view({ role: Role.CALLER, here: true, version: 2n, phase: Phase.CONNECTING, sends })] }));
    const told = sent.length;
    back();
    expect(sent).toHaveLength(told + 1);
    expect(sent.at(-1)).toMatchObject({ case: "setMedia", value: { kinds: { audio: false, video: false } } });
    const many = sent.length;
    back(); // it is on its way
    expect(sent).toHaveLength(many);
    const heard = create(KindsSchema, { audio: false, video: false });
    asked.at(-1)?.resolve(done(view({ role: Role.CALLER, here: true, version: 3n, phase: Phase.CONNECTING, sends: heard })));
    await settle();
    calls.welcome(create(WelcomeSchema, { incarnation: 1n, calls: [view({ role: Role.CALLER, here: true, version: 3n, phase: Phase.CONNECTING, sends: heard })] }));
    expect(sent).toHaveLength(many);
    calls.close();
  });

  it("are over here, with their microphones, where the line is another page's", async () => {
    const { calls, asked, done, settle } = device();
    const call = calls.place("bob", AUDIO);
    asked[0]?.resolve(done(view({ role: Role.CALLER, here: true, phase: Phase.CONNECTING, sends: create(KindsSchema, AUDIO) })));
    await settle();
    calls.abandon();
    expect(call?.state).toBe("ended");
    expect(calls.live).toBe(false);
  });

  it("take back only what a refused wish turned on", async () => {
    const { calls, asked, done, settle } = device();
    const call = calls.place("bob", AUDIO);
    asked[0]?.resolve(done(view({ role: Role.CALLER, here: true, phase: Phase.CONNECTING, sends: create(KindsSchema, AUDIO) })));
    await settle();
    const on = call?.set({ audio: true, video: true });
    const refused = asked.at(-1);
    const muted = call?.set({ audio: false, video: true });
    refused?.reject(new Refused(Reason.KIND_NOT_ADMITTED, "no"));
    await expect(on).rejects.toThrow();
    expect(call?.wanted).toEqual({ audio: false, video: false });
    asked.at(-1)?.resolve(done(view({ role: Role.CALLER, here: true, version: 3n, phase: Phase.CONNECTING })));
    await muted;
    expect(call?.wanted).toEqual({ audio: false, video: false });
    calls.close();
  });

  it("end with the reason where Place is refused", async () => {
    const { calls, asked, settle } = device();
    const call = calls.place("bob", AUDIO);
    asked[0]?.reject(new Refused(Reason.NOT_ENTITLED_AUDIO, ""));
    await settle();
    expect(call?.state).toBe("ended");
    expect(call?.refused?.reason).toBe(Reason.NOT_ENTITLED_AUDIO);
    expect(call?.ending).toBe(Ending.UNSPECIFIED);
  });

  it("are one at a time on a device", () => {
    const { calls } = device();
    calls.see(view({}));
    expect(calls.place("cleo", AUDIO)).toBeUndefined();
  });

  it("stop ringing when the server falls silent, and ring on when it is back (L1)", () => {
    const { calls } = device();
    calls.see(view({}));
    calls.silent();
    expect(current(calls)?.state).toBe("silenced");
    calls.welcome(create(WelcomeSchema, { incarnation: 1n, calls: [view({ version: 2n })] }));
    expect(current(calls)?.state).toBe("incoming");
  });

  it("are over when two beats do not name them, or a welcome does not (L3)", () => {
    for (const forget of [
      (calls: Calls) => [1, 2].forEach(() => calls.beat(create(BeatSchema, {}))),
      (calls: Calls) => calls.welcome(create(WelcomeSchema, { incarnation: 1n })),
    ]) {
      const { calls } = device();
      calls.see(view({}));
      forget(calls);
      expect(calls.live).toBe(false);
    }
  });

  it("survive one beat that was under way when they were made", () => {
    const { calls } = device();
    calls.see(view({}));
    calls.beat(create(BeatSchema, {}));
    calls.beat(create(BeatSchema, { calls: [{ callId: "c_1", version: 1n }] }));
    calls.beat(create(BeatSchema, {}));
    expect(calls.live).toBe(true);
  });

  it("ring no longer than the ring lasts, whatever is lost (L1)", () => {
    const { calls, pass } = device();
    calls.see(view({}));
    calls.tick(pass(44_000));
    expect(calls.live).toBe(true);
    calls.tick(pass(2_000));
    expect(calls.live).toBe(false);
  });

  it("see no older view (S11)", () => {
    const { calls } = device();
    calls.see(view({ version: 5n, phase: Phase.ENDED, ending: Ending.CANCELLED }));
    calls.see(view({ callId: "c_2", version: 7n }));
    calls.see(view({ callId: "c_2", version: 6n, phase: Phase.ENDED, ending: Ending.CANCELLED }));
    expect(current(calls)?.state).toBe("incoming");
  });

  it("are told as recent ones when they are over", () => {
    const { calls } = device();
    calls.see(view({}));
    calls.see(view({ version: 2n, phase: Phase.ENDED, ending: Ending.CANCELLED }));
    expect(calls.recent.map((call) => call.callId)).toEqual(["c_1"]);
  });
});
