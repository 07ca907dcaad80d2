import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { Call } from "../gen/ringline/v1/client_pb";
import { CallSchema, Phase, Role } from "../gen/ringline/v1/client_pb";
import { Ending } from "../gen/ringline/v1/types_pb";
import { CallHistory, merge } from "./history";
import { Online } from "./online";
import type { PastCall } from "./shapes";
import { endedCallOf } from "./shapes";

const PEER = { userId: "u_bob", username: "bob", displayName: "", verified: false };

function view(part: Partial<Call>): PastCall {
  const base = { callId: "c_1", role: Role.CALLEE, phase: Phase.ENDED, peer: PEER, ending: Ending.NO_ANSWER, placedAtMs: 1000n, endedAtMs: 9000n };
  const past = endedCallOf(Object.assign(create(CallSchema, base), part));
  if (past === undefined) throw new Error("not over");
  return past;
}

function told(call_id: string, at_ms: number, missed: boolean): PastCall {
  const peer = { user_id: "u_bob", username: "bob", display_name: "", verified: false };
  const call = { call_id, outgoing: false, asked: { audio: true, video: false }, ending: "no_answer", missed, duration_ms: 0, answered_device_id: "" } as const;
  return { peer, entry: { number: 7, at_ms, message: null, call } };
}

describe("the view of a call that is over", () => {
  it.each([
    [Ending.NO_ANSWER, 0n, true],
    [Ending.CANCELLED, 0n, true],
    [Ending.DECLINED, 0n, false],
    [Ending.DECLINED_ELSEWHERE, 0n, false],
    [Ending.ANSWERED_ELSEWHERE, 0n, false],
    [Ending.BUSY, 0n, true],
    [Ending.HUNG_UP, 2000n, false],
    [Ending.CANCELLED, 2000n, false],
  ])("is missed only where nobody on any device answered or declined: %i", (ending, answeredAtMs, missed) => {
    expect(view({ ending, answeredAtMs }).entry.call?.missed).toBe(missed);
  });

  it("was not missed by who placed it", () => {
    expect(view({ role: Role.CALLER }).entry.call).toMatchObject({ outgoing: true, missed: false, ending: "no_answer" });
  });

  it("lasted from the answer to the end", () => {
    expect(view({ ending: Ending.HUNG_UP, answeredAtMs: 4000n }).entry.call?.duration_ms).toBe(5000);
  });
});

describe("the history of calls", () => {
  it("has each call once, newest first", () => {
    const both = merge([told("c_1", 9000, true), told("c_0", 100, true)], [view({}), view({ callId: "c_2", placedAtMs: 9900n, endedAtMs: 9950n })]);
    expect(both.map((one) => one.entry.call?.call_id)).toEqual(["c_2", "c_1", "c_0"]);
    expect(both[1]?.entry.number).toBe(7);
  });

  it("never shows as missed what was answered anywhere", async () => {
    const history = new CallHistory(true, { calls: async () => ({ calls: [told("c_1", 9000, true)], next: "" }) }, () => undefined);
    await history.refresh();
    expect(history.calls([])).toHaveLength(1);
    expect(history.calls([view({ ending: Ending.ANSWERED_ELSEWHERE })])).toEqual([]);
  });

  it("keeps the older pages when the newest is read again", async () => {
    const pages: Record<string, { calls: PastCall[]; next: string }> = {
      "": { calls: [told("c_3", 300, true), told("c_2", 200, true)], next: "x" },
      x: { calls: [told("c_1", 100, true)], next: "" },
    };
    const history = new CallHistory(false, { calls: async (_, before) => pages[before] ?? { calls: [], next: "" } }, () => undefined);
    await history.refresh();
    await history.older();
    await history.refresh();
    expect(history.calls([]).map((one) => one.entry.call?.call_id)).toEqual(["c_3", "c_2", "c_1"]);
    expect(history.more).toBe(false);
  });
});

describe("presence", () => {
  it("is asked for seldom, only while somebody looks, and at once for somebody new", async () => {
    const asked: string[][] = [];
    const world = { now: 0, visible: true };
    const online = new Online({
      ask: async (usernames) => {
        asked.push(usernames);
        return ["bob"];
      },
      visible: () => world.visible,
      now: () => world.now,
      changed: () => undefined,
    });
    const settle = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
    online.watch(["bob", "cy"]);
    await settle();
    expect(online.has("bob")).toBe(true);
    expect(online.has("cy")).toBe(false);
    online.watch(["bob"]);
    online.tick();
    await settle();
    expect(asked).toHaveLength(1);
    online.watch(["bob", "new"]);
    await settle();
    expect(asked).toHaveLength(2);
    world.visible = false;
    world.now = 90_000;
    online.tick();
    expect(asked).toHaveLength(2);
    world.visible = true;
    online.tick();
    expect(asked).toHaveLength(3);
  });
});
