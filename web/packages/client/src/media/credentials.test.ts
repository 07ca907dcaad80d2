import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Relay } from "../gen/ringline/v1/client_pb";
import { RelaySchema } from "../gen/ringline/v1/client_pb";
import { Credentials } from "./credentials";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const TTL_S = 600;

function relay(number: number): Relay {
  return create(RelaySchema, { urls: ["turn:relay.example"], username: `name-${number}`, credential: "c", ttlS: TTL_S });
}

/** Credentials of a call, and how often they were asked for; `answer` says what comes. */
function desk() {
  const is = { asked: 0, answer: (): Relay | undefined => relay(is.asked) };
  const ask = () => {
    is.asked += 1;
    return Promise.resolve(is.answer());
  };
  const credentials = new Credentials(ask);
  const name = () => credentials.configuration(0).iceServers?.[0]?.username;
  return { is, credentials, name };
}

describe("credentials for the relay", () => {
  it("are renewed before they expire, as long as the call lasts (L2)", async () => {
    const { is, credentials, name } = desk();
    credentials.take(relay(0));
    credentials.start();
    for (let minutes = 1; minutes <= 60; minutes++) {
      const before = is.asked;
      await vi.advanceTimersByTimeAsync(60_000);
      expect(is.asked - before).toBeLessThanOrEqual(1);
    }
    expect([is.asked, name()]).toEqual([7, "name-7"]);
    credentials.stop();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(is.asked).toBe(7);
  });

  it("are asked for again soon where they cannot be had, and those of before remain (L2)", async () => {
    const { is, credentials, name } = desk();
    credentials.take(relay(0));
    credentials.start();
    is.answer = () => undefined;
    await vi.advanceTimersByTimeAsync(TTL_S * 1000 - 1);
    expect(name()).toBe("name-0");
    expect(is.asked).toBeGreaterThan(3);
    is.answer = () => relay(100);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(name()).toBe("name-100");
    credentials.stop();
  });

  it("are asked for once, whoever wants them meanwhile", async () => {
    const { is, credentials, name } = desk();
    await Promise.all([credentials.renew(), credentials.renew(), credentials.renew()]);
    expect([is.asked, name()]).toEqual([1, "name-1"]);
    await credentials.renew();
    expect([is.asked, name()]).toEqual([2, "name-2"]);
  });

  it("are not asked for where there is no relay", async () => {
    const { is, credentials } = desk();
    credentials.take(create(RelaySchema, {}));
    credentials.start();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(is.asked).toBe(0);
  });
});
