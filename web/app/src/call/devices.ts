/** Microphones, cameras and speakers of this machine, as they are plugged in and out. */
import { useEffect, useState } from "react";

export interface Devices {
  microphones: MediaDeviceInfo[];
  cameras: MediaDeviceInfo[];
  speakers: MediaDeviceInfo[];
}

const NONE: Devices = { microphones: [], cameras: [], speakers: [] };

/** @param again changes when names may have become readable: before a permission, devices have none */
export function useDevices(again?: unknown): Devices {
  const [devices, setDevices] = useState(NONE);
  useEffect(() => {
    const media = navigator.mediaDevices as MediaDevices | undefined;
    if (media?.enumerateDevices === undefined) return;
    let gone = false;
    const show = (all: MediaDeviceInfo[]) => {
      if (gone) return;
      const of = (kind: MediaDeviceKind) => all.filter((one) => one.kind === kind && one.deviceId !== "");
      setDevices({ microphones: of("audioinput"), cameras: of("videoinput"), speakers: of("audiooutput") });
    };
    // A browser that tells nothing has its own way of choosing.
    const look = () => void media.enumerateDevices().then(show, () => undefined);
    look();
    media.addEventListener("devicechange", look);
    return () => {
      gone = true;
      media.removeEventListener("devicechange", look);
    };
  }, [again]);
  return devices;
}
