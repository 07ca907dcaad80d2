/** Whatever the user does and the server says, in any order, over reloads: never two calls at once, no word in a hold. */
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Call } from "../gen/ringline/v1/client_pb";
import { Phase, Role, WelcomeSchema } from "../gen/ringline/v1/client_pb";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Ending, KindsSchema } from "../gen/ringline/v1/types_pb";
import { Refused } from "../line/commands";
import type { LocalCall } from "./call";
import { device, done, settle, VIDEO, view } from "./fake_device";
import { mediaOf } from "./table";

type Device = ReturnType<typeof device>;

const IDS = ["c_1", "c_2", "c_3"];
const GESTURES = ["answer: hold", "answer: end", "hold", "resume", "hang up", "decline", "toggle", "answer past Calls", "resume past Calls"] as const;

const anyView = fc.record({
  callId: fc.constantFrom(...IDS),
  role: fc.constantFrom(Role.CALLER, Role.CALLEE),
  phase: fc.constantFrom(Phase.CALLING, Phase.CONNECTING, Phase.CONNECTED, Phase.CONNECTED, Phase.ENDED),
  here: fc.boolean(),
  holds: fc.boolean(),
  peerHolds: fc.boolean(),
});
/** What is likely, so that the stories get somewhere; what is not, and what no honest server says, comes between. */
const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ is: fc.constant("ring" as const), callId: fc.constantFrom(...IDS) }) },
  { weight: 6, arbitrary: fc.record({ is: fc.constant("honest" as const) }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant("bound" as const), callId: fc.constantFrom(...IDS) }) },
  { weight: 4, arbitrary: fc.record({ is: fc.constant("view" as const), said: anyView }) },
  { weight: 4, arbitrary: fc.record({ is: fc.constant("gesture" as const), which: fc.constantFrom(...GESTURES), on: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant("reply" as const), said: anyView, refused: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant("welcome" as const), said: fc.array(anyView, { maxLength: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constantFrom("place", "reload", "path up", "path up", "path lost", "silence") }) },
);
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

/** How most stories begin: the user talks. */
const TALKING: Act[] = [
  { is: "ring", callId: "c_1" }, { is: "gesture", which: "answer: hold", on: 0 }, { is: "honest" }, { is: "path up" },
];

/** The page, and what its user wished of it. */
class Story {
  it: Device = device();
  /** Calls that the user put on hold and did not take back. */
  readonly held = new Set<string>();
  /** The user did something, of which a call may be opened. */
  gesture = false;
  private version = 0n;

  does(one: Act): void {
    const { calls } = this.it;
    this.gesture = one.is === "gesture" || one.is === "place" || one.is === "reply" || one.is === "honest";
    switch (one.is) {
      case "view":
        return calls.see(this.view(one.said));
      case "welcome":
        return calls.welcome(create(WelcomeSchema, { incarnation: 1n, calls: one.said.map((said) => this.view(said)) }));
      case "ring":
        return calls.see(this.view({ callId: one.callId, role: Role.CALLEE, phase: Phase.CALLING }));
      case "bound":
        return calls.see(this.view({ callId: one.callId, here: true, phase: Phase.CONNECTED }));
      case "honest":
        return this.answers();
      case "reply":
        return this.replies(one.said, one.refused);
      case "place":
        return void calls.place("dan", VIDEO);
      case "reload":
        this.it = this.it.reload();
        return;
      case "silence":
        return calls.silent();
      case "path up":
      case "path lost":
        for (const each of this.it.connections.filter((made) => made.connectionState !== "closed")) {
          each.become(one.is === "path up" ? "connected" : "disconnected");
          each.arrives();
        }
        return;
      case "gesture": {
        const live = calls.all.filter((call) => !call.over);
        const call = live[one.on % Math.max(1, live.length)];
        if (call !== undefined) this.gestures(one.which, call);
      }
    }
  }

  private gestures(which: (typeof GESTURES)[number], call: LocalCall): void {
    const { calls } = this.it;
    const before = calls.foreground;
    if (which === "answer: hold") calls.answer(call, VIDEO, "hold");
    else if (which === "answer: end") calls.answer(call, VIDEO, "end");
    else if (which === "hold") calls.hold(call);
    else if (which === "hang up") call.hangUp();
    else if (which === "decline") call.decline();
    else if (which === "toggle") call.set({ audio: true, video: !call.wanted.video }).catch(() => undefined);
    else if (which === "answer past Calls") call.answer(VIDEO);
    else if (which === "resume past Calls") call.resume();
    else calls.resume(call);
    if (which.startsWith("resume") && !call.holds) this.held.delete(call.callId);
    for (const one of [before, call]) if (one?.state === "holding") this.held.add(one.callId);
  }

  private replies(said: Partial<Call>, refused: boolean): void {
    const command = this.it.asked.shift();
    if (command === undefined) return;
    const about = (command.body.value as { callId?: string }).callId;
    if (refused) command.reject(new Refused(Reason.UNAVAILABLE, "away"));
    else command.resolve(done(this.view({ ...said, ...(about === undefined ? {} : { callId: about }) })));
  }

  /** To all that was asked: as it was asked. */
  private answers(): void {
    for (const { body, resolve } of this.it.asked.splice(0)) {
      const { callId = "c_3", on = false } = body.value as { callId?: string; on?: boolean };
      const role = body.case === "place" ? Role.CALLER : Role.CALLEE;
      const phase = body.case === "place" ? Phase.CALLING : Phase.CONNECTED;
      resolve(done(this.view({ callId, role, phase, here: true, holds: on })));
    }
  }

  private view(said: Partial<Call>): Call {
    this.version += 1n;
    const ending = said.phase === Phase.ENDED ? Ending.HUNG_UP : Ending.UNSPECIFIED;
    return view({ ...said, ending, version: this.version, sends: create(KindsSchema, VIDEO) });
  }
}

function check(story: Story, openBefore: ReadonlySet<string>): void {
  const { calls, connections } = story.it;
  const live = calls.all.filter((call) => !call.over);
  const open = live.filter((call) => mediaOf(call.state) === "open");
  expect(live.filter((call) => call.engaged && !call.holds).length, "talked in").toBeLessThan(2);
  expect(open.length, "open").toBeLessThan(2);
  expect(connections.filter((one) => one.sends.length > 0).length, "sending").toBeLessThan(2);
  expect(live.filter((call) => call.engaged).length, "engaged").toBeLessThan(3);
  expect(live.filter((call) => call.state === "incoming" && calls.foreground !== undefined).length, "waiting").toBeLessThan(2);
  const heard = live.filter((call) => Object.keys(call.media.remote).length > 0);
  for (const call of heard) expect(open).toContain(call);
  for (const call of live) if (story.held.has(call.callId)) expect(mediaOf(call.state), call.callId).not.toBe("open");
  if (!story.gesture && openBefore.size > 0) for (const call of open) expect([...openBefore], "opened by a view beside another").toContain(call.key);
}

describe("any gestures and any views", () => {
  it("never open two calls, never a second by a view alone, and never transmit in a hold (S8, S9)", { timeout: 240_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(3), fc.array(act, { minLength: 3, maxLength: 30 }), async (start, acts) => {
        const story = new Story();
        for (const one of [...(start === 0 ? [] : TALKING), ...acts]) {
          const open = new Set(story.it.calls.all.filter((call) => mediaOf(call.state) === "open").map((call) => call.key));
          story.does(one);
          check(story, open);
          await settle();
          check(story, open);
        }
        story.it.calls.close();
      }),
      { numRuns: 2000 },
    );
  });
});
