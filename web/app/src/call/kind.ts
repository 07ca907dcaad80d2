/** Audio or video, and the devices for it. */
import type { Preferences } from "../preferences";

/** What somebody calls with. */
export type Kind = "audio" | "video";

/** What somebody chose of the microphones and cameras there are. */
export type DeviceChoice = Partial<Pick<Preferences, "microphone" | "camera" | "facing">>;
