/** The line of a session for as long as it is shown; redraws with each change of it. */
import type { Capture, Session } from "@ringline/client";
import { DeviceCapture, Ringline } from "@ringline/client";
import { useEffect, useState, useSyncExternalStore } from "react";
import { Tones } from "./call/tones";

export const CLIENT_VERSION = "web/0.1.0";

export function useRingline(session: Session): Ringline | undefined {
  const [ringline, setRingline] = useState<Ringline | undefined>(undefined);
  useEffect(() => {
    let current: Ringline | undefined;
    let gone = false;
    const tones = new Tones();
    void captureFor(session).then((capture) => {
      if (gone) return;
      current = new Ringline({ session, base: "", clientVersion: CLIENT_VERSION, capture });
      const made = current;
      made.subscribe(() => tones.play(made.sound));
      setRingline(made);
      void made.start();
    });
    return () => {
      gone = true;
      tones.play("none");
      current?.stop();
      setRingline(undefined);
    };
  }, [session]);
  useSyncExternalStore(ringline?.subscribe ?? never, ringline?.snapshot ?? zero);
  return ringline;
}

const never = () => () => undefined;
const zero = () => 0;
const KEY = "ringline.media";

/** `?media=test`, kept for the tab: a tone and a moving picture instead of devices. */
async function captureFor(session: Session): Promise<Capture> {
  const asked = new URLSearchParams(location.search).get("media");
  if (asked !== null) sessionStorage.setItem(KEY, asked);
  if ((asked ?? sessionStorage.getItem(KEY)) !== "test") return new DeviceCapture();
  const { SyntheticCapture, hertzOf } = await import("@ringline/client/media-test");
  const { username } = session.account;
  return new SyntheticCapture(hertzOf(username), `@${username}`);
}
