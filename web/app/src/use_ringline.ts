/** The line of a session for as long as it is shown; redraws with each change of it. */
import type { Capture, Session } from "@ringline/client";
import { Ringline } from "@ringline/client";
import { useEffect, useState, useSyncExternalStore } from "react";
import { captureFor } from "./capture";
import { Bell } from "./call/bell";
import { Tones } from "./call/tones";
import { preferences } from "./preferences";

export const CLIENT_VERSION = "web/0.1.0";

export function useRingline(session: Session): Ringline | undefined {
  const [ringline, setRingline] = useState<Ringline | undefined>(undefined);
  useEffect(() => {
    let current: Ringline | undefined;
    let gone = false;
    const tones = new Tones(new Bell(navigator.locks), () => new AudioContext());
    const begin = (capture: Capture) => {
      if (gone) return;
      current = new Ringline({ session, base: "", clientVersion: CLIENT_VERSION, capture });
      const made = current;
      let heard: unknown;
      made.subscribe(() => {
        const calls = made.sound === "ring" || made.sound === "waiting";
        tones.play(calls && !preferences().ring ? "none" : made.sound);
        const { arrived } = made.threads;
        // Whoever reads along needs no sound.
        if (arrived !== heard && preferences().messageSound && !document.hasFocus()) tones.note();
        heard = arrived;
      });
      setRingline(made);
      return made.start();
    };
    // Without storage or locks nobody has come this far: the door says so.
    captureFor(session.account.username).then(begin).catch(() => undefined);
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
