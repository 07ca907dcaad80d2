import { afterEach, describe, expect, it, vi } from "vitest";
import { DeviceCapture } from "./capture";

/** A machine with these devices; without an exact wish it gives the first of a kind. */
function machine(devices: Record<"audio" | "video", string[]>): void {
  const getUserMedia = async (constraints: MediaStreamConstraints) => {
    const tracks = (["audio", "video"] as const).flatMap((kind) => {
      const asked = constraints[kind];
      if (typeof asked !== "object") return [];
      const exact = (asked.deviceId as { exact: string } | undefined)?.exact;
      const label = devices[kind].find((one) => exact === undefined || one === exact);
      if (label === undefined) throw Object.assign(new Error(), { name: exact === undefined ? "NotFoundError" : "OverconstrainedError" });
      return [{ kind, label }];
    });
    return { getTracks: () => tracks };
  };
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia } });
}

const capture = (microphone: string, camera: string) => new DeviceCapture(() => ({ microphone, camera, facing: "user" }));

describe("a microphone and a camera that were chosen", () => {
  afterEach(() => void vi.unstubAllGlobals());

  it("are not both given up where one of them was unplugged", async () => {
    machine({ audio: ["built in"], video: ["of the lid", "on the desk"] });
    const { tracks, problems } = await capture("headset", "on the desk").get(["audio", "video"]);
    expect([tracks.audio?.label, tracks.video?.label]).toEqual(["built in", "on the desk"]);
    expect(problems).toEqual([]);
  });

  it("leave one where there is no other of a kind", async () => {
    machine({ audio: [], video: ["of the lid", "on the desk"] });
    const { tracks, problems } = await capture("headset", "on the desk").get(["audio", "video"]);
    expect(tracks.video?.label).toBe("on the desk");
    expect(problems).toEqual([{ kind: "audio", why: "missing" }]);
  });
});
