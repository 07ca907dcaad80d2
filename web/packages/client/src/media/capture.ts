/** Microphone and camera, one prompt where possible, and an honest word about what is missing. */
import type { Kind } from "./peer";

export type Why = "denied" | "missing" | "taken";

/** Microphone or camera cannot be had; the call goes on with what there is. */
export interface Problem {
  kind: Kind;
  why: Why;
  /** Only the one that was chosen: the one before goes on. */
  kept?: true;
}

export interface Captured {
  tracks: Partial<Record<Kind, MediaStreamTrack>>;
  problems: Problem[];
}

/** Where tracks come from: the devices of this machine, or the synthetic ones of ?media=test. */
export interface Capture {
  /**
   * What cannot be had is a problem in the answer; it never rejects.
   *
   * @param device taken instead of the one that is wished for
   */
  get(kinds: Kind[], device?: string): Promise<Captured>;
}

/** Which devices somebody wants; "" leaves it to the browser. */
export interface DeviceWishes {
  microphone: string;
  camera: string;
  /** Which camera of a phone. */
  facing: "user" | "environment";
}

const CONSTRAINTS: Record<Kind, MediaTrackConstraints> = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } },
};

export class DeviceCapture implements Capture {
  /** @param wishes asked each time: they change during a call */
  constructor(private readonly wishes: () => DeviceWishes) {}

  async get(kinds: Kind[], device?: string): Promise<Captured> {
    const wishes = device === undefined ? this.wishes() : { ...this.wishes(), microphone: device, camera: device };
    if (kinds.length === 2) {
      const both = await ask(kinds, wishes);
      if (both.problems.length === 0) return both;
    }
    const found: Captured = { tracks: {}, problems: [] };
    for (const kind of kinds) {
      const one = await ask([kind], wishes);
      Object.assign(found.tracks, one.tracks);
      found.problems.push(...one.problems);
    }
    return found;
  }
}

async function ask(kinds: Kind[], wishes: DeviceWishes): Promise<Captured> {
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (devices === undefined) return { tracks: {}, problems: kinds.map((kind) => ({ kind, why: "missing" })) };
  const constraints: MediaStreamConstraints = {};
  for (const kind of kinds) constraints[kind] = { ...CONSTRAINTS[kind], ...wished(kind, wishes) };
  try {
    const stream = await devices.getUserMedia(constraints);
    const tracks: Captured["tracks"] = {};
    for (const track of stream.getTracks()) tracks[track.kind as Kind] = track;
    return { tracks, problems: [] };
  } catch (error) {
    const chosen = kinds.length === 1 && (wishes.microphone !== "" || wishes.camera !== "");
    // A device that was unplugged is no reason to have none. Of two, each is asked for by itself: the other may be there.
    if (chosen && nameOf(error) === "OverconstrainedError") return ask(kinds, { ...wishes, microphone: "", camera: "" });
    const why = whyOf(error);
    return { tracks: {}, problems: kinds.map((kind) => ({ kind, why })) };
  }
}

/** "Exact": Chromium gives the default device where another one is only "ideal". */
function wished(kind: Kind, wishes: DeviceWishes): MediaTrackConstraints {
  const deviceId = kind === "audio" ? wishes.microphone : wishes.camera;
  if (deviceId !== "") return { deviceId: { exact: deviceId } };
  return kind === "video" ? { facingMode: wishes.facing } : {};
}

function whyOf(error: unknown): Why {
  const name = nameOf(error);
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  return name === "NotReadableError" || name === "AbortError" ? "taken" : "missing";
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}
