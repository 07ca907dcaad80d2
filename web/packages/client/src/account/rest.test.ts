import { describe, expect, it } from "vitest";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Rest } from "./rest";

const answer = (body: string, status = 200, headers: Record<string, string> = {}) => () => Promise.resolve(new Response(body, { status, headers }));

describe("a request", () => {
  it("is given up where no answer comes", async () => {
    const rest = new Rest("", (_, { signal }) => new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason))), 5);
    await expect(rest.ask("GET", "/v1/me")).rejects.toMatchObject({ reason: Reason.UNAVAILABLE });
  });

  it("is given up where the answer stops half-way", async () => {
    const halves = (signal: AbortSignal | null | undefined) =>
      new ReadableStream({ start: (stream) => signal?.addEventListener("abort", () => stream.error(signal.reason)) });
    const rest = new Rest("", (_, { signal }) => Promise.resolve(new Response(halves(signal))), 5);
    await expect(rest.ask("GET", "/v1/me")).rejects.toMatchObject({ reason: Reason.UNAVAILABLE });
  });

  it("is refused, and breaks nothing, where somebody else answers", async () => {
    await expect(new Rest("", answer("<html>Sign in to the Wi-Fi</html>")).ask("GET", "/")).rejects.toMatchObject({ reason: Reason.UNAVAILABLE });
    await expect(new Rest("", answer("Bad gateway", 502)).ask("GET", "/")).rejects.toMatchObject({ reason: Reason.UNAVAILABLE });
  });

  it("tells when another try is welcome, in whatever form that is written", async () => {
    const limited = JSON.stringify({ reason: "limited" });
    const after = (value: string) => new Rest("", answer(limited, 429, { "Retry-After": value })).ask("GET", "/");
    await expect(after("7")).rejects.toMatchObject({ reason: Reason.LIMITED, retryAfterMs: 7000 });
    await expect(after("Wed, 21 Oct 2026 07:28:00 GMT")).rejects.toMatchObject({ retryAfterMs: 0 });
  });
});
