import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import type { Call } from "../gen/ringline/v1/client_pb";
import { Phase, RelaySchema, WelcomeSchema } from "../gen/ringline/v1/client_pb";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Refused } from "../line/commands";
import { AUDIO, bound, current, device, done, settle, view } from "./fake_device";

function relay(username: string) {
  return create(RelaySchema, { urls: ["turn:relay.example"], username, credential: "c", ttlS: 600 });
}

/** A call that was answered here and is connected. */
async function talking() {
  const it = device();
  it.calls.see(view({ relay: relay("first") }));
  current(it.calls)?.answer(AUDIO);
  await settle();
  it.asked.at(-1)?.resolve(done(bound({ version: 2n, phase: Phase.CONNECTING })));
  await settle();
  const connection = it.connections.at(-1);
  if (connection === undefined) throw new Error("there is no connection");
  connection.become("connected");
  await settle();
  const relays = () => it.asked.filter(({ body }) => body.case === "renewRelay");
  const name = () => connection.configuration?.iceServers?.[0]?.username;
  const welcome = (call: Partial<Call>) =>
    it.calls.welcome(create(WelcomeSchema, { calls: [bound({ version: 3n, phase: Phase.CONNECTED, ...call })] }));
  return { ...it, connection, relays, name, welcome };
}

describe("a call whose network changes", () => {
  it("asks for fresh credentials once and looks for a path once, however often it is said meanwhile (L2, L5)", async () => {
    const { calls, connection, relays, name } = await talking();
    for (let n = 0; n < 5; n++) calls.networkChanged();
    await settle();
    expect([relays().length, connection.restarts, name()]).toEqual([1, 0, "first"]);
    relays()[0]?.resolve({ case: "relay", value: relay("second") });
    await settle();
    expect([relays().length, connection.restarts, name()]).toEqual([1, 1, "second"]);
    calls.networkChanged();
    await settle();
    expect(relays()).toHaveLength(2);
    calls.close();
  });

  it("keeps the path that it has until there is another one (L2)", async () => {
    const { calls, connections, connection, relays } = await talking();
    calls.networkChanged();
    await settle();
    relays()[0]?.resolve({ case: "relay", value: relay("second") });
    await settle();
    expect([connections.length, connection.connectionState, connection.sends]).toEqual([1, "connected", ["audio"]]);
    calls.close();
  });

  it("looks with the credentials that it has where there are no others to be had (L2)", async () => {
    const { calls, connection, relays, name } = await talking();
    calls.networkChanged();
    await settle();
    relays()[0]?.reject(new Refused(Reason.LIMITED, "Too many."));
    await settle();
    expect([connection.restarts, name()]).toEqual([1, "first"]);
    calls.close();
  });

  it("uses the credentials that came with a new line, and leaves the path alone until then (L2)", async () => {
    const { calls, connection, relays, name, welcome } = await talking();
    welcome({ relay: relay("of the new line") });
    await settle();
    expect([connection.restarts, relays().length, name()]).toEqual([0, 0, "first"]);
    calls.networkChanged();
    relays()[0]?.reject(new Refused(Reason.LIMITED, "Too many."));
    await settle();
    expect([connection.restarts, name()]).toEqual([1, "of the new line"]);
    calls.close();
  });
});
