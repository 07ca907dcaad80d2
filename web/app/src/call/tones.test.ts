import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Bell } from "./bell";
import { Tones } from "./tones";

const { locks } = navigator;
const EVENTS = ["addEventListener", "removeEventListener", "dispatchEvent"] as const;

/** As much of an AudioContext as tones use. Held back, it asks for patience: resume() has no answer until it is let go. */
class FakeContext extends EventTarget {
  state: AudioContextState = "suspended";
  currentTime = 0;
  readonly destination = {};
  /** When each oscillator was told to start, on the clock of the context. */
  readonly struck: number[] = [];
  /** How many were told so while it did not run. */
  piled = 0;
  /** Outputs that lead to the speaker at full volume. */
  open = 0;
  private waiting: (() => void)[] = [];

  constructor(public held = false) {
    super();
  }

  resume(): Promise<void> {
    if (this.state === "running") return Promise.resolve();
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      if (!this.held) queueMicrotask(() => this.become("running"));
    });
  }

  become(state: AudioContextState): void {
    if (this.state === state) return;
    this.state = state;
    if (state === "running") for (const resolve of this.waiting.splice(0)) resolve();
    this.dispatchEvent(new Event("statechange"));
  }

  createGain(): unknown {
    const ramp = () => undefined;
    const gain = { value: 1, setValueAtTime: ramp, linearRampToValueAtTime: ramp, exponentialRampToValueAtTime: ramp };
    const fade = (to: number) => {
      if (to === 0) this.open--;
    };
    return {
      gain: { ...gain, setTargetAtTime: fade },
      connect: (to: unknown) => {
        if (to === this.destination) this.open++;
        return to;
      },
      disconnect: () => undefined,
    };
  }

  createOscillator(): unknown {
    return {
      frequency: { value: 440 },
      connect: (to: unknown) => to,
      start: (at: number) => {
        if (this.state !== "running") this.piled++;
        this.struck.push(at);
      },
      stop: () => undefined,
    };
  }
}

/** A page of the browser profile. */
function page(held = false, bell = new Bell(locks)): { tones: Tones; context: FakeContext } {
  const context = new FakeContext(held);
  return { tones: new Tones(bell, () => context as unknown as AudioContext), context };
}

async function after(ms: number): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await locks.query();
  await vi.advanceTimersByTimeAsync(ms);
  for (let turn = 0; turn < 5; turn++) await locks.query();
}

describe("what a call sounds like", () => {
  const pages: ReturnType<typeof page>[] = [];
  const opens = (held = false) => {
    const opened = page(held);
    pages.push(opened);
    return opened;
  };
  const sounding = () => pages.map(({ context }) => context.open);

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    const target = new EventTarget();
    for (const name of EVENTS) vi.stubGlobal(name, target[name].bind(target));
  });
  afterEach(async () => {
    for (const { tones } of pages) tones.play("none");
    expect(pages.map(({ context }) => context.piled)).toEqual(pages.map(() => 0));
    pages.length = 0;
    await after(0);
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("is one ring in all pages of a browser profile (L1)", async () => {
    const [one, two] = [opens(), opens()];
    for (const { tones } of [one, two]) tones.play("ring");
    await after(10_000);
    expect(sounding()).toEqual([1, 0]);
    one.tones.play("none");
    await after(2000);
    expect(sounding()).toEqual([0, 1]);
  });

  it("is over in the moment the ring is, and nothing is struck after it (L1, L3)", async () => {
    const { tones, context } = opens();
    tones.play("ring");
    await after(4000);
    const { length } = context.struck;
    expect(length).toBeGreaterThan(0);
    tones.play("none");
    expect(sounding()).toEqual([0]);
    await after(60_000);
    expect(context.struck).toHaveLength(length);
  });

  it("is nothing while the browser holds it back, and one ring when a gesture lets it go (L1)", async () => {
    const { tones, context } = opens(true);
    tones.play("ring");
    await after(20_000);
    expect(context.struck).toEqual([]);
    context.held = false;
    dispatchEvent(new Event("keydown"));
    await after(0);
    const melody = context.struck.length;
    await after(2600);
    expect(context.struck).toHaveLength(2 * melody);
  });

  it("is nothing after the end, when a gesture comes too late (L1, L3)", async () => {
    const { tones, context } = opens(true);
    tones.play("ring");
    tones.note();
    await after(5000);
    tones.play("none");
    context.become("running");
    dispatchEvent(new Event("keydown"));
    await after(10_000);
    expect(context.struck).toEqual([]);
  });

  it("is left by a page that is not heard to one that is", async () => {
    const [mute, heard] = [opens(true), opens()];
    mute.tones.play("ring");
    await after(3000);
    heard.tones.play("ring");
    await after(0);
    expect(sounding()).toEqual([0, 1]);
    mute.context.become("running");
    await after(10_000);
    expect(sounding()).toEqual([0, 1]);
    heard.context.become("suspended");
    await after(2000);
    expect(sounding()).toEqual([1, 0]);
  });

  it("is each page's own for whoever calls, and while another call waits", async () => {
    const [one, two, three] = [opens(), opens(), opens()];
    one.tones.play("ring");
    two.tones.play("ringback");
    three.tones.play("waiting");
    await after(0);
    expect(sounding()).toEqual([1, 1, 1]);
    // Two short beeps of two partials each, and the next ones five seconds later.
    expect(three.context.struck).toHaveLength(4);
    await after(4900);
    expect(three.context.struck).toHaveLength(4);
    await after(100);
    expect(three.context.struck).toHaveLength(8);
  });

  it("is not begun anew by the same sound", async () => {
    const { tones, context } = opens();
    tones.play("ringback");
    await after(0);
    const { length } = context.struck;
    tones.play("ringback");
    await after(0);
    expect(context.struck).toHaveLength(length);
  });

  it("is two soft notes when a message comes", async () => {
    const { tones, context } = opens();
    tones.note();
    await after(0);
    expect(context.struck).toHaveLength(4);
    await after(2000);
    context.become("suspended");
    context.become("running");
    expect(context.struck).toHaveLength(4);
  });
});
