import { describe, expect, it } from "vitest";
import type { Capture, Captured, Problem } from "./capture";
import { FakeTrack } from "./fake_connection";
import type { Kind } from "./peer";
import { MediaSession } from "./session";

/** The devices of a machine, of which some are in use by another program. */
class Machine implements Capture {
  wished: Record<Kind, string> = { audio: "a1", video: "v1" };
  taken: string[] = [];
  made: FakeTrack[] = [];
  /** What is asked waits until this is settled: a person reads the browser's question. */
  asked = Promise.resolve();

  async get(kinds: Kind[], device?: string): Promise<Captured> {
    const wanted = kinds.map((kind) => ({ kind, id: device ?? this.wished[kind] }));
    await this.asked;
    const tracks: Record<string, FakeTrack> = {};
    const problems: Problem[] = [];
    for (const { kind, id } of wanted) {
      if (this.taken.includes(id)) problems.push({ kind, why: "taken" });
      else this.made.push((tracks[kind] = new FakeTrack(kind, id)));
    }
    return { tracks: tracks as unknown as Captured["tracks"], problems };
  }
}

function call() {
  const machine = new Machine();
  const missing: Kind[] = [];
  const nothing = () => undefined;
  const media: MediaSession = new MediaSession(
    { polite: false, capture: machine, mint: () => "name", create: () => { throw new Error("no connection is needed"); }, warn: nothing, now: () => 0 },
    {
      describe: nothing, candidates: nothing, flowing: nothing, lost: nothing, failed: nothing, changed: nothing,
      missing: (kinds) => missing.push(...kinds),
      renewRelay: () => Promise.resolve(undefined),
      doubt: nothing,
    },
  );
  const used = () => Object.fromEntries(Object.entries(media.local).map(([kind, track]) => [kind, track.getSettings().deviceId]));
  const live = () => machine.made.filter((one) => one.readyState === "live").map((one) => one.device);
  return { machine, media, missing, used, live };
}

describe("another device during a call", () => {
  it("takes the place of the one before, which is let go", async () => {
    const { machine, media, used, live } = call();
    await media.want({ audio: true, video: true });
    machine.wished = { audio: "a2", video: "v2" };
    expect(await media.renew("audio")).toBe(true);
    expect(await media.renew("video")).toBe(true);
    expect(used()).toEqual({ audio: "a2", video: "v2" });
    expect(live().sort()).toEqual(["a2", "v2"]);
    expect(media.problems).toEqual([]);
  });

  it.each(["audio", "video"] as const)("that cannot be had leaves the one before, and the next choice counts: %s", async (kind) => {
    const { machine, media, missing, used } = call();
    const [first, second, third] = kind === "audio" ? ["a1", "a2", "a3"] : ["v1", "v2", "v3"];
    await media.want({ audio: kind === "audio", video: kind === "video" });
    machine.taken = [second];
    machine.wished[kind] = second;
    expect(await media.renew(kind)).toBe(false);
    expect(used()).toEqual({ [kind]: first });
    expect(media.problems).toEqual([{ kind, why: "taken", kept: true }]);
    expect(missing).toEqual([]);
    machine.wished[kind] = third;
    expect(await media.renew(kind)).toBe(true);
    expect(used()).toEqual({ [kind]: third });
    expect(media.problems).toEqual([]);
  });

  it("is asked for where there was none", async () => {
    const { machine, media, missing, used } = call();
    machine.taken = ["v1"];
    await media.want({ audio: false, video: true });
    expect(missing).toEqual(["video"]);
    machine.wished.video = "v2";
    expect(await media.renew("video")).toBe(true);
    expect(used()).toEqual({ video: "v2" });
  });

  it("waits for the choice before it, and the last one counts", async () => {
    const { machine, media, used, live } = call();
    await media.want({ audio: true, video: true });
    let answer = () => {};
    machine.asked = new Promise((resolve) => (answer = resolve));
    machine.wished.audio = "a2";
    const earlier = media.renew("audio");
    await new Promise<void>((resolve) => setImmediate(resolve));
    machine.wished.audio = "a3";
    const later = media.renew("audio");
    answer();
    await Promise.all([earlier, later]);
    expect(used()).toEqual({ audio: "a3", video: "v1" });
    expect(live().sort()).toEqual(["a3", "v1"]);
  });

  it("is not opened while nobody wants to be heard", async () => {
    const { machine, media, used } = call();
    await media.want({ audio: true, video: false });
    await media.want({ audio: false, video: false });
    machine.wished.audio = "a2";
    expect(await media.renew("audio")).toBe(true);
    expect(used()).toEqual({});
    await media.want({ audio: true, video: false });
    expect(used()).toEqual({ audio: "a2" });
  });
});
