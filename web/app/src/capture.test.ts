import { DeviceCapture } from "@ringline/client";
import { SyntheticCapture } from "@ringline/client/media-test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { captureFor } from "./capture";

function page(search: string, config: () => Promise<Response>): void {
  const kept = new Map<string, string>();
  vi.stubGlobal("location", { search });
  vi.stubGlobal("sessionStorage", { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value) });
  vi.stubGlobal("fetch", config);
}

const says = (environment: string) => () => Promise.resolve(Response.json({ environment }));

describe("?media=test", () => {
  afterEach(() => void vi.unstubAllGlobals());

  it("gives a tone and a picture for development and tests", async () => {
    for (const environment of ["dev", "test"]) {
      page("?media=test", says(environment));
      expect(await captureFor("ada")).toBeInstanceOf(SyntheticCapture);
    }
  });

  it("is not heeded where people rely on the server, or it cannot be asked", async () => {
    for (const config of [says("production"), () => Promise.reject(new TypeError("no network"))]) {
      page("?media=test", config);
      expect(await captureFor("ada")).toBeInstanceOf(DeviceCapture);
    }
  });

  it("is nobody's but who asks for it", async () => {
    page("", says("dev"));
    expect(await captureFor("ada")).toBeInstanceOf(DeviceCapture);
  });
});
