import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PathWatch } from "./path";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A path over which packets come every 20 ms while it `flows`, and what its watch says, with the moment in milliseconds. */
function path() {
  const began = Date.now();
  const said: [what: string, ms: number][] = [];
  const counts = (packets: number) => Promise.resolve(packets);
  const is = { up: true, settled: true, expects: true, flows: true, counts };
  const say = (what: string) => said.push([what, Date.now() - began]);
  let count = 0;
  const packets = setInterval(() => (count += is.flows ? 1 : 0), 20);
  const watch = new PathWatch(
    {
      up: () => is.up,
      settled: () => is.settled,
      expects: () => is.expects,
      received: () => is.counts(count),
      now: () => Date.now(),
    },
    {
      doubt: () => say("doubt"),
      seek: () => say("seek"),
      again: (relayOnly) => say(relayOnly ? "again by the relay" : "again"),
      lost: () => say("lost"),
      flowing: () => say("flowing"),
      failed: () => say("failed"),
    },
  );
  watch.start();
  watch.found();
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  const words = () => said.splice(0).map(([what]) => what);
  const end = () => {
    watch.stop();
    clearInterval(packets);
  };
  return { watch, is, said, pass, words, end };
}

describe("the watch over a path", () => {
  it("doubts and looks for another one seconds before the browser says that this one is dead (L2, L5)", async () => {
    const { is, said, pass, words, end } = path();
    await pass(10_000);
    expect(words()).toEqual(["flowing"]);
    is.flows = false;
    await pass(1_400);
    expect(said.map(([what]) => what)).toEqual(["doubt", "seek"]);
    is.flows = true;
    await pass(600);
    is.flows = false;
    await pass(2_400);
    expect(words(), "and again the next time").toEqual(["doubt", "seek", "doubt", "seek"]);
    end();
  });

  it("takes nobody for lost who answers and sends nothing, and does not look for him without end (L2)", async () => {
    const { is, pass, words, end } = path();
    await pass(2_000);
    is.flows = false;
    await pass(60_000);
    expect(words()).toEqual(["flowing", "doubt", "seek", "seek", "seek"]);
    end();
  });

  it("looks for one three times at most and then once in ten seconds where packets come by fits and starts (L2)", async () => {
    const { is, pass, words, end } = path();
    await pass(2_000);
    words();
    const seeks = async (minutes: number) => {
      for (let stalls = 0; stalls < 20 * minutes; stalls += 1) {
        is.flows = false;
        await pass(1_400);
        is.flows = true;
        await pass(1_600);
      }
      return words().filter((word) => word === "seek").length;
    };
    expect(await seeks(1)).toBeLessThanOrEqual(3 + 6);
    expect(await seeks(10)).toBeLessThanOrEqual(60);
    expect(await seeks(1), "and is not tired of it").toBeGreaterThanOrEqual(4);
    await pass(60_000);
    is.flows = false;
    await pass(5_000);
    expect(words(), "forgiven while they flow").toEqual(["doubt", "seek", "seek", "seek"]);
    end();
  });

  it("says that it is lost where nobody answers either, and that it is back with the next packets (L2)", async () => {
    const { is, pass, words, end } = path();
    await pass(2_000);
    words();
    Object.assign(is, { flows: false, settled: false });
    await pass(2_400);
    expect(words()).toEqual(["doubt", "seek", "lost"]);
    Object.assign(is, { flows: true, settled: true });
    await pass(700);
    expect(words()).toEqual(["flowing"]);
    await pass(60_000);
    expect(words(), "its patience is over as well").toEqual([]);
    end();
  });

  it("leaves who looks already the time to find something (L2)", async () => {
    const { watch, is, pass, words, end } = path();
    await pass(2_000);
    words();
    is.flows = false;
    watch.sought();
    await pass(1_400);
    expect(words()).toEqual(["doubt"]);
    await pass(600);
    expect(words()).toEqual(["seek"]);
    end();
  });

  it("waits for the answer to what was offered, over a slow line as well, and not for ever (L2)", async () => {
    const { watch, is, said, pass, words, end } = path();
    await pass(2_000);
    words();
    Object.assign(is, { flows: false, settled: false });
    await pass(4_000);
    is.settled = true;
    watch.sought(); // the answer is here
    await pass(1_200);
    expect(words()).toEqual(["doubt", "seek", "lost", "flowing"]);
    is.settled = false;
    await pass(20_000);
    const seeks = said.filter(([what]) => what === "seek").map(([, ms]) => ms);
    expect(seeks).toHaveLength(2);
    expect(seeks[1]! - seeks[0]!).toBeGreaterThanOrEqual(5_000);
    end();
  });

  it("tries anew while there is none, then by the relay alone, and gives up after half a minute, each time (L2)", async () => {
    const { watch, is, pass, words, end } = path();
    await pass(2_000);
    for (const time of ["first", "second"]) {
      words();
      is.up = false;
      watch.broken();
      watch.broken();
      await pass(31_000);
      expect(words(), time).toEqual(["lost", "doubt", "seek", "doubt", "seek", "again", "again by the relay", "failed"]);
      is.up = true;
      watch.found();
    }
    end();
  });

  it("has patience once more where it was spent on a path that the browser held for up (L2)", async () => {
    const { watch, is, pass, words, end } = path();
    await pass(2_000);
    Object.assign(is, { flows: false, settled: false });
    await pass(60_000);
    expect(words()).toContain("failed");
    is.up = false;
    watch.broken();
    await pass(31_000);
    expect(words()).toEqual(["doubt", "seek", "again", "again by the relay", "failed"]);
    end();
  });

  it.each([
    ["fails", () => Promise.reject<number>(new Error("no statistics"))],
    ["never comes", () => new Promise<number>(() => undefined)],
  ])("goes on looking after a count that %s (L2)", async (_, counts) => {
    const { is, pass, words, end } = path();
    const { counts: before } = is;
    await pass(2_000);
    is.counts = counts;
    await pass(1_000);
    is.counts = before;
    await pass(1_000);
    expect(words()).toEqual(["flowing"]);
    is.flows = false;
    await pass(1_400);
    expect(words()).toEqual(["doubt", "seek"]);
    end();
  });

  it("misses nothing while the call is on hold (S9)", async () => {
    const { is, pass, words, end } = path();
    await pass(2_000);
    words();
    Object.assign(is, { flows: false, expects: false });
    await pass(30_000);
    is.expects = true;
    await pass(500);
    is.flows = true;
    await pass(5_000);
    expect(words()).toEqual([]);
    end();
  });

  it("says nothing more when the call is over (S4)", async () => {
    const { watch, is, pass, words, end } = path();
    await pass(2_000);
    words();
    is.flows = false;
    watch.broken();
    end();
    words();
    await pass(60_000);
    expect(words()).toEqual([]);
  });
});
