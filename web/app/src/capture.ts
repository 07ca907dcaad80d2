/** Where microphone and camera come from. */
import type { Capture } from "@ringline/client";
import { DeviceCapture } from "@ringline/client";
import { rest } from "./gateway";
import { preferences } from "./preferences";

const KEY = "ringline.media";

/**
 * `?media=test`, kept for the tab: a tone and a moving picture instead of devices. Not where people rely on the server:
 * a link must not make somebody's calls mute.
 */
export async function captureFor(username: string): Promise<Capture> {
  const asked = new URLSearchParams(location.search).get("media");
  if (asked !== null) sessionStorage.setItem(KEY, asked);
  if ((asked ?? sessionStorage.getItem(KEY)) !== "test") return new DeviceCapture(preferences);
  try {
    if ((await rest.environment()) !== "production") {
      const { SyntheticCapture, hertzOf } = await import("@ringline/client/media-test");
      return new SyntheticCapture(hertzOf(username), `@${username}`);
    }
  } catch {
    // Whether it may be is not known: then it may not.
  }
  return new DeviceCapture(preferences);
}
