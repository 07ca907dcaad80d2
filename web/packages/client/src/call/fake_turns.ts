/** For tests: arbitrary turns of a story between a user, a server and a peer that mean harm, and the weather. */
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { vi } from "vitest";
import type { Call } from "../gen/ringline/v1/client_pb";
import { BeatSchema, CallSchema, DescriptionSchema, PeerCandidatesSchema, Phase, Role } from "../gen/ringline/v1/client_pb";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Ending, KindsSchema } from "../gen/ringline/v1/types_pb";
import { encodeSession } from "../media/description";
import { sdpOf } from "../media/fake_connection";
import type { Wanted } from "./consents";
import type { FakePage } from "./fake_page";

/** One thing that happens, with its name in the story of a failure. */
export class Turn {
  constructor(
    readonly words: string,
    readonly take: (page: FakePage) => void,
  ) {}

  [fc.toStringMethod](): string {
    return this.words;
  }
}

const some = fc.constantFrom;
const nth = fc.nat({ max: 3 });
const kinds: fc.Arbitrary<Wanted> = fc.record({ audio: fc.boolean(), video: fc.boolean() });
const admitted = fc.oneof({ weight: 3, arbitrary: fc.constant({ audio: true, video: true }) }, { weight: 2, arbitrary: kinds });
const section = fc.record({ kind: some("audio", "video", "application"), direction: some("sendrecv", "sendonly", "recvonly", "inactive") });
const usual = fc.constant([{ kind: "audio", direction: "sendrecv" }, { kind: "video", direction: "sendrecv" }]);
const description = fc
  .record({
    name: some("one", "one", "two"),
    type: some("offer" as const, "answer" as const),
    sections: fc.oneof(usual, fc.array(section, { maxLength: 3 })),
    generation: fc.integer({ min: 1, max: 5 }),
    answers: fc.nat({ max: 3 }),
  })
  .map(({ name, type, sections, generation, answers }) => {
    const body = encodeSession({ connection: name, type, sdp: sdpOf(sections) });
    return create(DescriptionSchema, { generation, answers, body, candidates: [] });
  });
const parts = fc.record({
  callId: some("c_1", "c_1", "c_2"),
  version: fc.integer({ min: 1, max: 9 }).map(BigInt),
  role: some(Role.CALLER, Role.CALLEE),
  phase: some(Phase.CALLING, Phase.RINGING, Phase.CONNECTING, Phase.CONNECTED, Phase.ENDED),
  here: fc.boolean(),
  ending: some(Ending.UNSPECIFIED, Ending.UNSPECIFIED, Ending.UNSPECIFIED, Ending.HUNG_UP, Ending.ANSWERED_ELSEWHERE),
  ringLeftMs: some(0, 3_000, 40_000),
  described: fc.nat({ max: 2 }),
  holds: some(false, false, false, true),
  peerHolds: some(false, false, false, true),
});
const view: fc.Arbitrary<() => Call> = fc
  .tuple(parts, admitted, admitted, kinds, fc.option(description, { nil: undefined, freq: 2 }))
  .map(([part, may, peerMay, sends, peerDescription]) => () => {
    const call = create(CallSchema, { ...part, asked: create(KindsSchema, { audio: true, video: true }) });
    const said = { maySend: create(KindsSchema, may), peerMaySend: create(KindsSchema, peerMay), sends: create(KindsSchema, sends) };
    return Object.assign(call, said, peerDescription === undefined ? {} : { peerDescription });
  });

/** What a server would say next that wants the call to go on: the shortest way deep into it. */
const onward: fc.Arbitrary<Turn> = fc.tuple(nth, admitted, fc.option(description, { nil: undefined, freq: 2 })).map(([n, may, offer]) =>
  new Turn("the server lets the call go on", (page) => {
    const body = page.asked[n % Math.max(1, page.asked.length)]?.body;
    const about = body !== undefined && "callId" in body.value ? body.value.callId : undefined;
    const call = page.calls.all.find((one) => one.callId === about) ?? page.current;
    const known = call?.view;
    const phase = body?.case === "place" ? Phase.CALLING : Phase.CONNECTING;
    const base = { callId: "c_1", role: call?.role ?? Role.CALLEE, phase, here: true, ringLeftMs: 40_000 };
    const next = create(CallSchema, { ...base, version: (known?.version ?? 0n) + 1n });
    if (known !== undefined) next.callId = known.callId;
    next.holds = body?.case === "hold" && body.value.on;
    const said = { maySend: create(KindsSchema, may), peerMaySend: create(KindsSchema, may), sends: create(KindsSchema, call?.wanted ?? {}) };
    Object.assign(next, said, offer === undefined ? {} : { peerDescription: offer });
    if (body === undefined) page.see(next);
    else page.reply(n, next);
  }),
);
const ring: fc.Arbitrary<Turn> = some("c_1", "c_2").map((callId) =>
  new Turn(`${callId} rings`, (page) => {
    const both = create(KindsSchema, { audio: true, video: true });
    const role = Role.CALLEE;
    const call = create(CallSchema, { callId, version: 1n, role, phase: Phase.CALLING, ringLeftMs: 40_000, asked: both, maySend: both, peerMaySend: both });
    page.see(call);
  }),
);
const gestures: fc.Arbitrary<Turn> = fc.oneof(
  kinds.map((wish) => new Turn(`the user calls ${JSON.stringify(wish)}`, (page) => page.place(wish))),
  kinds.map((wish) => new Turn(`the user answers ${JSON.stringify(wish)}`, (page) => page.answer(wish))),
  kinds.map((wish) => new Turn(`the user turns to ${JSON.stringify(wish)}`, (page) => page.toggle(wish))),
  some<Turn>(
    new Turn("the user hangs up", (page) => page.current?.hangUp()),
    new Turn("the user declines", (page) => page.decline()),
    new Turn("the user holds the call", (page) => page.hold()),
    new Turn("the user takes the call back", (page) => page.resume()),
    new Turn("the user answers and ends the other call", (page) => page.answer({ audio: true, video: false }, "end")),
    new Turn("the user answers and hangs up at once", (page) => {
      page.answer({ audio: true, video: true });
      page.current?.hangUp();
    }),
    new Turn("the user clears the screen", (page) => page.calls.dismiss(page.current?.key ?? "")),
    new Turn("the user permits the device", (page) => page.permit()),
    new Turn("the user permits the device", (page) => page.permit()),
  ),
);
const frames: fc.Arbitrary<Turn> = fc.oneof(
  { weight: 5, arbitrary: view.map((make) => new Turn(`a view ${show(make())}`, (page) => page.see(make()))) },
  {
    weight: 2,
    arbitrary: fc.tuple(nth, fc.option(view, { nil: undefined })).map(([n, make]) => {
      const words = `command ${n} is done ${make === undefined ? "" : show(make())}`;
      return new Turn(words, (page) => page.reply(n, make?.()));
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(nth, some(Reason.UNAVAILABLE, Reason.KIND_NOT_ADMITTED, Reason.ANSWERED_ELSEWHERE))
      .map(([n, why]) => new Turn(`command ${n} is refused`, (page) => page.refuse(n, why))),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(some(1n, 2n), fc.array(view, { maxLength: 2 })).map(([incarnation, makes]) => {
      const words = `a welcome ${incarnation} with ${makes.map((make) => show(make())).join()}`;
      return new Turn(words, (page) => page.welcome(incarnation, makes.map((make) => make())));
    }),
  },
  {
    weight: 1,
    arbitrary: fc.subarray(["c_1", "c_2"]).map((ids) => {
      const calls = ids.map((callId) => ({ callId, version: 9n }));
      return new Turn(`a beat of ${ids.join()}`, (page) => page.calls.beat(create(BeatSchema, { calls })));
    }),
  },
  {
    weight: 1,
    arbitrary: fc.nat({ max: 5 }).map((generation) => {
      const candidates = [new TextEncoder().encode('{"c":"candidate:1","m":"0","u":""}')];
      const more = create(PeerCandidatesSchema, { callId: "c_1", generation, candidates });
      return new Turn(`candidates for ${generation}`, (page) => page.calls.candidates(more));
    }),
  },
);
const weather: fc.Arbitrary<Turn> = fc.oneof(
  fc.tuple(nth, some("connected", "disconnected", "failed")).map(([n, state]) => new Turn(`connection ${n} is ${state}`, (page) => page.path(n, state))),
  some(60, 6_500, 31_000).map((ms) => new Turn(`${ms} ms pass`, (page) => { page.pass(ms); vi.advanceTimersByTime(ms); })),
  fc.array(view, { maxLength: 2 }).map((makes) => {
    const words = `the page is loaded anew and welcomed with ${makes.map((make) => show(make())).join()}`;
    return new Turn(words, (page) => page.load(1n, makes.map((make) => make())));
  }),
  some<Turn>(
    new Turn("the server is silent", (page) => page.calls.silent()),
    new Turn("the network changes", (page) => page.calls.networkChanged()),
    new Turn("another page takes the line", (page) => page.abandon()),
  ),
);
const turn = fc.oneof(
  { weight: 4, arbitrary: onward },
  { weight: 2, arbitrary: ring },
  { weight: 6, arbitrary: gestures },
  { weight: 5, arbitrary: frames },
  { weight: 2, arbitrary: weather },
);
const wish = some<Wanted>({ audio: true, video: false }, { audio: true, video: true });
const permitted = fc.constant(new Turn("the user permits the device", (page) => page.permit()));
/** The way into a call that talks: most of what may go wrong needs one. */
const answer = wish.map((kinds) => new Turn(`the user answers ${JSON.stringify(kinds)}`, (page) => page.answer(kinds)));
const place = wish.map((kinds) => new Turn(`the user calls ${JSON.stringify(kinds)}`, (page) => page.place(kinds)));
const begun = fc.oneof(
  fc.constant<Turn[]>([]),
  fc.tuple(ring, answer, onward, permitted),
  fc.tuple(place, permitted, onward, onward),
  fc.tuple(ring, answer, onward, permitted, ring, answer, onward, onward, permitted),
);
/** A whole story. */
export const story = fc.tuple(begun, fc.array(turn, { maxLength: 30, size: "max" })).map(([first, then]) => [...first, ...then]);

function show(call: Call): string {
  return `${call.callId} v${call.version} ${Role[call.role]} ${Phase[call.phase]}${call.here ? " here" : ""}${call.holds ? " holds" : ""}${call.peerHolds ? " is held" : ""} ${Ending[call.ending]}`;
}
