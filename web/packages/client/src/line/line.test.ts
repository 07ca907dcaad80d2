import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ClientFrame, ServerFrame } from "../gen/ringline/v1/client_pb";
import { ClientFrameSchema, ServerFrameSchema } from "../gen/ringline/v1/client_pb";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { backoff } from "./backoff";
import { Refused } from "./commands";
import { endOf } from "./endings";
import { Line } from "./line";

/** The other end of a socket. */
class FakeSocket {
  binaryType = "";
  sent: ClientFrame[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;

  send(data: Uint8Array): void {
    this.sent.push(fromBinary(ClientFrameSchema, data));
  }

  close(): void {
    this.closed = true;
  }

  hear(body: ServerFrame["body"], replyTo = 0n): void {
    const bytes = toBinary(ServerFrameSchema, create(ServerFrameSchema, { replyTo, body }));
    this.onmessage?.({ data: bytes.slice().buffer });
  }

  get words(): (string | undefined)[] {
    return this.sent.map((frame) => frame.body.case);
  }
}

const welcome: ServerFrame["body"] = {
  case: "welcome",
  value: { $typeName: "ringline.v1.Welcome", serverTimeMs: 0n, calls: [], incarnation: 1n, silenceMs: 60_000 },
};
const beat: ServerFrame["body"] = { case: "beat", value: { $typeName: "ringline.v1.Beat", calls: [] } };
const goodbye = (reason: Reason, retryAfterMs = 0): ServerFrame["body"] => ({
  case: "goodbye",
  value: { $typeName: "ringline.v1.Goodbye", refused: { $typeName: "ringline.v1.Refusal", reason, sentence: "", retryAfterMs, missing: "", budget: "" } },
});

function world() {
  const sockets: FakeSocket[] = [];
  const states: string[] = [];
  const ends: (string | undefined)[] = [];
  const heard = { silent: 0 };
  const broken = { now: false };
  let minted = 0;
  const line = new Line(
    {
      url: "ws://x/v1/connect",
      instance: "instance-1",
      clientVersion: "test",
      ticket: () => Promise.resolve({ ticket: `ticket-${++minted}`, signature: new Uint8Array([1]) }),
      open: () => {
        if (broken.now) throw new DOMException("not here", "SecurityError");
        const socket = new FakeSocket();
        sockets.push(socket);
        return socket as unknown as WebSocket;
      },
      now: () => Date.now(),
      random: () => 0.5,
      mint: () => `key-${++minted}`,
    },
    {
      state: (state, why) => {
        states.push(state);
        if (state === "closed") ends.push(endOf(why));
      },
      welcome: () => undefined,
      frame: () => undefined,
      silent: () => (heard.silent += 1),
    },
  );
  return { line, sockets, states, ends, heard, broken, socket: () => sockets.at(-1) ?? new FakeSocket() };
}

/** @param tripMs how long an answer of the server takes */
async function opened(tripMs = 0) {
  const it = world();
  it.line.start();
  await vi.advanceTimersByTimeAsync(0);
  it.socket().onopen?.();
  await vi.advanceTimersByTimeAsync(tripMs);
  it.socket().hear(welcome);
  return it;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a line", () => {
  it("says hello with a fresh ticket and is open when welcomed", async () => {
    const { states, socket } = await opened();
    expect(socket().words).toEqual(["hello"]);
    expect(states).toEqual(["connecting", "open"]);
  });

  it("connects again after a loss, and carries unanswered commands over with their key", async () => {
    const { line, sockets, socket } = await opened();
    const answer = line.command({ case: "hangUp", value: { $typeName: "ringline.v1.HangUp", callId: "c_1" } });
    const key = socket().sent.at(-1)?.commandId;
    socket().onclose?.();
    await vi.advanceTimersByTimeAsync(1000);
    expect(sockets).toHaveLength(2);
    socket().onopen?.();
    socket().hear(welcome);
    const again = socket().sent.at(-1);
    expect(again?.commandId).toBe(key);
    socket().hear({ case: "done", value: { $typeName: "ringline.v1.Done" } }, again?.id);
    await answer;
  });

  it("is not sent back to a server that has shut the door", async () => {
    const { line, sockets, states, socket } = await opened();
    socket().hear(goodbye(Reason.LINE_FENCED));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
    expect(states.at(-1)).toBe("closed");
    await expect(line.command({ case: "ping", value: { $typeName: "ringline.v1.Ping" } })).rejects.toBeInstanceOf(Refused);
  });

  it("is opened again where its user wants it back", async () => {
    const { line, sockets, states, socket } = await opened();
    socket().hear(goodbye(Reason.LINE_FENCED));
    line.reopen();
    await vi.advanceTimersByTimeAsync(0);
    socket().onopen?.();
    socket().hear(welcome);
    expect(sockets).toHaveLength(2);
    expect(states.slice(-4)).toEqual(["closed", "waiting", "connecting", "open"]);
  });

  it.each([
    [Reason.LINE_FENCED, "replaced"],
    [Reason.CLIENT_TOO_OLD, "outdated"],
    [Reason.ORIGIN_DENIED, "denied"],
    [Reason.DEVICE_REVOKED, "signed-out"],
  ])("says why it stays closed: %i is %s", async (reason, end) => {
    const { ends, socket } = await opened();
    socket().hear(goodbye(reason));
    expect(ends).toEqual([end]);
  });

  it("connects again after bytes that are no frame", async () => {
    const { sockets, states, socket } = await opened();
    socket().onmessage?.({ data: new Uint8Array([255, 255, 255]).buffer });
    expect(states.at(-1)).toBe("waiting");
    await vi.advanceTimersByTimeAsync(1000);
    expect(sockets).toHaveLength(2);
  });

  it("tries again where the browser opens no socket", async () => {
    const it = world();
    it.broken.now = true;
    it.line.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(it.states.at(-1)).toBe("waiting");
    it.broken.now = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect(it.sockets).toHaveLength(1);
  });

  it("moves elsewhere when the gateway drains", async () => {
    const { sockets, socket } = await opened();
    socket().hear({ case: "reconnect", value: { $typeName: "ringline.v1.Reconnect", afterMs: 3000 } });
    await vi.advanceTimersByTimeAsync(2000);
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1500);
    expect(sockets).toHaveLength(2);
    expect(sockets[0]?.closed).toBe(true);
  });

  it("notices a silent server within 13 s while a call is live", async () => {
    const { line, sockets, heard } = await opened();
    line.live = true;
    await vi.advanceTimersByTimeAsync(12_000);
    expect(heard.silent).toBe(0);
    await vi.advanceTimersByTimeAsync(1000);
    expect(heard.silent).toBe(1);
    expect(sockets.length).toBeGreaterThan(1);
  });

  it("opens a new socket at once when the network changed", async () => {
    const { line, sockets } = await opened();
    line.renew();
    await vi.advanceTimersByTimeAsync(0);
    expect(sockets).toHaveLength(2);
  });
});

describe("a line in doubt", () => {
  it("takes a server that does not answer for gone, and opens another socket (L2)", async () => {
    const { line, sockets, socket } = await opened(40);
    line.probe(1000);
    expect(socket().words.at(-1)).toBe("ping");
    await vi.advanceTimersByTimeAsync(750);
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(500);
    expect(sockets).toHaveLength(2);
  });

  it("takes a server that always answers late for slow and not for gone (L2)", async () => {
    const { line, sockets, socket } = await opened(800);
    for (const tripMs of [1500, 2300, 4000, 0, 4000]) {
      line.probe(1000);
      await vi.advanceTimersByTimeAsync(tripMs);
      expect(sockets[0]?.closed).toBe(false);
      socket().hear(beat);
    }
    line.probe(1000);
    await vi.advanceTimersByTimeAsync(13_000);
    expect(sockets.length, "it is gone at last").toBeGreaterThan(1);
  });

  it("comes back no sooner than the server wants", async () => {
    const { line, sockets, socket } = await opened();
    socket().hear(goodbye(Reason.OVERLOADED, 5000));
    for (let doubts = 0; doubts < 9; doubts += 1) {
      line.probe(1000);
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1500);
    expect(sockets).toHaveLength(2);
  });

  it("gives a slow server more time with each try, and does not come back at once (L2)", async () => {
    const { line, sockets } = world();
    line.start();
    const waits: number[] = [];
    for (let tries = 1; tries <= 5; tries += 1) {
      await vi.advanceTimersByTimeAsync(0);
      expect(sockets).toHaveLength(tries);
      const before = Date.now();
      while (!sockets[tries - 1]?.closed) await vi.advanceTimersByTimeAsync(250);
      waits.push(Date.now() - before);
      while (sockets.length === tries) {
        await vi.advanceTimersByTimeAsync(250);
        expect(Date.now() - before, "it comes back").toBeLessThan(60_000);
      }
      expect(Date.now() - before - (waits.at(-1) ?? 0), "and not at once").toBeGreaterThanOrEqual(200 * 2 ** (tries - 1));
    }
    expect(waits).toEqual([6000, 12_000, 24_000, 24_000, 24_000]);
  });

  it("is tried soon where it waited long already, and forgets none of its failures (L2)", async () => {
    const { line, sockets, socket } = await opened();
    const fail = async () => {
      socket().onclose?.();
      const before = sockets.length;
      for (let waits = 0; waits < 100 && sockets.length === before; waits += 1) await vi.advanceTimersByTimeAsync(250);
    };
    for (let failures = 0; failures < 7; failures += 1) await fail();
    const tries = sockets.length;
    socket().onclose?.();
    line.probe(1000);
    await vi.advanceTimersByTimeAsync(500);
    expect(sockets).toHaveLength(tries + 1);
    socket().onclose?.();
    await vi.advanceTimersByTimeAsync(5000);
    expect(sockets, "without a doubt it waits as long as before").toHaveLength(tries + 1);
  });
});

describe("the wait before connecting again", () => {
  it("grows, has a ceiling, and is spread from zero", () => {
    expect(backoff(0, 0)).toBe(0);
    expect(backoff(0, 0.999)).toBeLessThanOrEqual(400);
    expect(backoff(3, 0.999)).toBeGreaterThan(3000);
    expect(backoff(50, 0.999)).toBeLessThanOrEqual(15_000);
  });
});
