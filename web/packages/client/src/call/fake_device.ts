/** For tests: the calls of a device, with hand-made connections, microphones and a server that says what the test says. */
import { create } from "@bufbuild/protobuf";
import type { Call } from "../gen/ringline/v1/client_pb";
import { CallSchema, DoneSchema, Phase, Role } from "../gen/ringline/v1/client_pb";
import { KindsSchema } from "../gen/ringline/v1/types_pb";
import type { Answered, Body } from "../line/commands";
import type { Refused } from "../line/commands";
import { FakeConnection, FakeTrack } from "../media/fake_connection";
import type { Kind } from "../media/peer";
import type { LocalCall } from "./call";
import { Calls } from "./calls";
import { Consents } from "./consents";

export const AUDIO = { audio: true, video: false };
export const VIDEO = { audio: true, video: true };

export function view(part: Partial<Call>): Call {
  const both = create(KindsSchema, VIDEO);
  const base = { callId: "c_1", version: 1n, role: Role.CALLEE, phase: Phase.CALLING, ringLeftMs: 40_000 };
  const call = create(CallSchema, { ...base, asked: create(KindsSchema, AUDIO), maySend: both, peerMaySend: both });
  return Object.assign(call, part);
}

/** A view of a call that this line is in. */
export function bound(part: Partial<Call>): Call {
  return view({ here: true, phase: Phase.CONNECTING, sends: create(KindsSchema, AUDIO), ...part });
}

export function done(call: Call): Answered {
  return { case: "done", value: create(DoneSchema, { call }) };
}

/** The call that the user is in, is being asked to, or has just left; the liveliest first. */
export function current(calls: Calls): LocalCall | undefined {
  return calls.foreground ?? calls.incoming ?? calls.shown;
}

export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** @param store what the tab keeps over a reload */
export function device(store = new Map<string, string>()) {
  Object.assign(globalThis, { RTCRtpReceiver: { getCapabilities: () => null } });
  const sent: Body[] = [];
  const asked: { body: Body; resolve(answer: Answered): void; reject(why: Refused): void }[] = [];
  const connections: FakeConnection[] = [];
  const captured: FakeTrack[] = [];
  const capture = (kinds: Kind[]) => {
    const tracks = Object.fromEntries(kinds.map((kind) => [kind, new FakeTrack(kind)]));
    captured.push(...Object.values(tracks));
    return Promise.resolve({ tracks: tracks as never, problems: [] });
  };
  let minted = 0;
  let now = 1000;
  const calls = new Calls(
    {
      command: (body) => {
        sent.push(body);
        return new Promise((resolve, reject) => asked.push({ body, resolve, reject }));
      },
      post: (body) => sent.push(body),
      consents: new Consents({ getItem: (key) => store.get(key) ?? null, setItem: (key, value) => store.set(key, value) }),
      media: {
        capture: { get: capture },
        mint: () => "name",
        create: () => {
          const made = new FakeConnection();
          connections.push(made);
          return made as unknown as RTCPeerConnection;
        },
        warn: () => undefined,
      },
      now: () => now,
      changed: () => undefined,
      doubt: () => undefined,
      warn: () => undefined,
    },
    () => `key-${++minted}`,
  );
  const words = () => sent.map((body) => body.case);
  /** The page is loaded anew: what it was is gone, with what it asked. */
  const reload = () => {
    calls.close();
    return device(store);
  };
  return { calls, sent, asked, connections, captured, words, done, settle, reload, store, pass: (ms: number) => (now += ms) };
}
