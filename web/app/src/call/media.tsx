/** Media elements. Remote audio has its own, which lives as long as the call: an undecodable video silences a shared one. */
import type { RefObject } from "react";
import { useEffect, useRef } from "react";
import { usePreferences } from "../preferences";
import { useDevices } from "./devices";
import { onGesture } from "./gesture";

export function Sound({ track }: { track: MediaStreamTrack | undefined }) {
  const ref = useRef<HTMLAudioElement>(null);
  const { speaker } = usePreferences();
  useEffect(() => attach(ref.current, track), [track]);
  const { speakers } = useDevices(track);
  const there = speakers.length === 0 || speakers.some((one) => one.deviceId === speaker) ? speaker : "";
  useEffect(() => {
    // Not every browser lets a page choose. A speaker that was unplugged leaves the browser's own until it is back.
    void ref.current?.setSinkId?.(there).catch(() => undefined);
  }, [there]);
  return <audio ref={ref} autoPlay data-remote="audio" />;
}

interface PictureProps {
  track: MediaStreamTrack | undefined;
  mine: boolean;
  label: string;
  /** As in a mirror: how people know themselves. */
  mirrored?: boolean;
  video?: RefObject<HTMLVideoElement | null>;
}

export function Picture({ track, mine, label, mirrored, video }: PictureProps) {
  const own = useRef<HTMLVideoElement>(null);
  const ref = video ?? own;
  useEffect(() => attach(ref.current, track), [track]);
  return (
    <video
      ref={ref}
      className={mirrored === true ? "picture mine" : "picture"}
      autoPlay
      playsInline
      muted
      aria-label={label}
      data-remote={mine ? undefined : "video"}
    />
  );
}

function attach(element: HTMLMediaElement | null, track: MediaStreamTrack | undefined): () => void {
  if (element === null) return () => undefined;
  element.srcObject = track === undefined ? null : new MediaStream([track]);
  // Where the browser holds sound back until a gesture, the next one starts it.
  const start = () => void element.play().catch(() => undefined);
  if (track !== undefined) start();
  const waking = onGesture(start);
  return () => {
    waking();
    element.srcObject = null;
  };
}
