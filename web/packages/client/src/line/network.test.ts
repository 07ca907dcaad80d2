import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watchNetwork } from "./network";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function browser(type?: string) {
  const window = new EventTarget();
  const connection: EventTarget & { type?: string } = new EventTarget();
  if (type !== undefined) connection.type = type;
  const said: string[] = [];
  const leave = new AbortController();
  const later = (ms: number, work: () => void) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  };
  const listener = { changed: () => said.push("changed"), doubt: () => said.push("doubt") };
  watchNetwork({ window, connection, later }, listener, leave.signal);
  const hear = (...words: string[]) => {
    for (const word of words) (word === "change" ? connection : window).dispatchEvent(new Event(word));
    vi.advanceTimersByTime(1_000);
    return said.splice(0);
  };
  return { connection, hear, leave };
}

describe("what the browser says of the network", () => {
  it("is one word, however many it makes of it (L5)", () => {
    const { hear } = browser();
    expect(hear("offline", "change", "change", "online", "change", "change")).toEqual(["changed"]);
    expect(hear("online")).toEqual(["changed"]);
  });

  it("is only a doubt where it may have measured another speed", () => {
    const { hear } = browser();
    expect(hear("change")).toEqual(["doubt"]);
    expect(hear("change", "change")).toEqual(["doubt"]);
  });

  it("is a change where the kind of network is another (L5)", () => {
    const { connection, hear } = browser("wifi");
    expect(hear("change")).toEqual(["doubt"]);
    connection.type = "cellular";
    expect(hear("change")).toEqual(["changed"]);
    expect(hear("change")).toEqual(["doubt"]);
  });

  it("is nobody's business when the page has left", () => {
    const { hear, leave } = browser();
    leave.abort();
    expect(hear("online", "change")).toEqual([]);
  });
});
