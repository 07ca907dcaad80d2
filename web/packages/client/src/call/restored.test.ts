import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { Call } from "../gen/ringline/v1/client_pb";
import { Phase, WelcomeSchema } from "../gen/ringline/v1/client_pb";
import { Ending } from "../gen/ringline/v1/types_pb";
import { AUDIO, bound, current, device, done, settle, view } from "./fake_device";

/** A device whose user talks; the server has said so nine times. */
async function talking() {
  const it = device();
  it.calls.welcome(create(WelcomeSchema, { incarnation: 1n, calls: [view({})] }));
  const call = current(it.calls);
  if (call === undefined) throw new Error("it does not ring");
  it.calls.answer(call, AUDIO);
  await settle();
  it.asked.at(-1)?.resolve(done(bound({ version: 2n })));
  await settle();
  it.connections.at(-1)?.become("connected");
  it.connections.at(-1)?.arrives();
  it.calls.see(bound({ version: 9n, phase: Phase.CONNECTED, peerHolds: true }));
  await settle();
  const welcome = (incarnation: bigint, ...calls: Call[]) => it.calls.welcome(create(WelcomeSchema, { incarnation, calls }));
  return { ...it, call, welcome };
}

describe("after the server was restored from a backup", () => {
  const older = () => bound({ version: 4n, phase: Phase.CONNECTED });

  it("what it says counts, though its versions are lower, and the call goes on (L3, L5)", async () => {
    const { call, calls, connections, welcome } = await talking();
    welcome(1n, older());
    expect([call.view?.version, call.view?.peerHolds]).toEqual([9n, true]);
    welcome(2n, older());
    expect([call.view?.version, call.view?.peerHolds]).toEqual([4n, false]);
    expect(call.over).toBe(false);
    expect(connections.at(-1)?.connectionState).toBe("connected");
    calls.see(bound({ version: 5n, phase: Phase.ENDED, ending: Ending.HUNG_UP }));
    expect([call.over, call.ending]).toEqual([true, Ending.HUNG_UP]);
  });

  it("a call that it does not know is over, with its connection (L3)", async () => {
    const { call, calls, connections, welcome } = await talking();
    welcome(2n);
    expect([call.over, call.ending, calls.live]).toEqual([true, Ending.LOST, false]);
    expect(connections.at(-1)?.connectionState).toBe("closed");
  });
});
