/** Arbitrary frames of a server and a peer that mean harm, between arbitrary gestures: what leaves this device? */
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Call } from "../gen/ringline/v1/client_pb";
import { CallSchema, Phase, Role } from "../gen/ringline/v1/client_pb";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { KindsSchema } from "../gen/ringline/v1/types_pb";
import { FakePage } from "./fake_page";
import { story } from "./fake_turns";

const STORIES = 5000;

/** All that was begun has been done: there are only promises that are kept at once. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

const AUDIO = { audio: true, video: false };
const CONNECTING = { version: 2n, phase: Phase.CONNECTING, here: true };

/** A ring of c_1, or what else is said of it. */
function view(part: Partial<Call> = {}): Call {
  const both = create(KindsSchema, { audio: true, video: true });
  const base = { callId: "c_1", version: 1n, role: Role.CALLEE, phase: Phase.CALLING, ringLeftMs: 40_000 };
  return Object.assign(create(CallSchema, { ...base, asked: both, maySend: both, peerMaySend: both }), part);
}

/** c_1 was answered and is connecting. */
async function answered(): Promise<FakePage> {
  const page = new FakePage();
  page.see(view());
  page.answer(AUDIO);
  await settle();
  page.reply(0, view(CONNECTING));
  await settle();
  expect(page.current?.state).toBe("connecting");
  return page;
}

describe("a call that is over", () => {
  it("does not come back on the server's word, once it has left the screen (S1, S4)", async () => {
    const page = await answered();
    page.current?.hangUp();
    page.look();
    page.calls.dismiss("c_1");
    page.see(view({ ...CONNECTING, version: 3n }));
    expect(page.current?.state).toBe("ended");
    expect(page.asked.map(({ body }) => body.case)).toEqual(["setMedia", "hangUp", "hangUp"]);
  });

  it("does not come back to a page that was loaded anew and not told of it (S1)", async () => {
    const page = await answered();
    page.load(1n, []);
    page.see(view({ ...CONNECTING, version: 3n }));
    expect(page.current?.state).toBe("ended");
  });

  it("goes on where the page was loaded anew and told of it, or took its line back", async () => {
    const page = await answered();
    page.load(1n, [view(CONNECTING)]);
    expect(page.current?.state).toBe("connecting");
    page.abandon();
    expect(page.calls.live).toBe(false);
    page.calls.close();
    page.welcome(1n, [view({ ...CONNECTING, version: 3n })]);
    expect(page.current?.state).toBe("connecting");
  });

  it("rings no more where it was declined, though another one rings", () => {
    const page = new FakePage();
    page.see(view());
    page.decline();
    page.see(view({ callId: "c_2" }));
    page.decline();
    page.see(view({ version: 2n }));
    expect(page.calls.live).toBe(false);
  });

  it("is declined, not answered, where it was hung up before the answer was on its way", async () => {
    const page = new FakePage();
    page.see(view());
    page.answer(AUDIO);
    page.current?.hangUp();
    await settle();
    expect(page.asked.map(({ body }) => body.case)).toEqual(["hangUp", "decline"]);
  });
});

describe("what is said while a call is dialled", () => {
  it("rings where the call that was dialled was refused", async () => {
    const page = new FakePage();
    page.place(AUDIO);
    page.see(view());
    page.refuse(0, Reason.NOT_ENTITLED_AUDIO);
    await settle();
    expect(page.current?.state).toBe("incoming");
  });

  it("is forgotten where a new connection says it anew (S11)", async () => {
    const page = new FakePage();
    page.place(AUDIO);
    page.see(view({ version: 5n }));
    page.welcome(2n, [view({ version: 2n })]);
    page.refuse(0, Reason.NOT_ENTITLED_AUDIO);
    await settle();
    expect(page.current?.view?.version).toBe(2n);
  });
});

describe("a page between its user and a server that means harm", () => {
  beforeAll(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterAll(() => void vi.useRealTimers());

  it("sends what its user asked for, once it is answered, and no more than is admitted (S1, S2, S4, S8, S9, S11, S17)", async () => {
    let stories = 0;
    await fc.assert(
      fc.asyncProperty(story, async (turns) => {
        const page = new FakePage();
        for (const [number, turn] of turns.entries()) {
          turn.take(page);
          await settle();
          expect(page.look(), turns.slice(0, number + 1).map((one) => one.words).join("\n")).toEqual([]);
        }
        page.load(1n, []);
        if (page.sent > 0) stories += 1;
      }),
      { numRuns: STORIES },
    );
    expect(stories, "stories in which something is sent").toBeGreaterThan(STORIES / 5);
  }, 240_000);
});
