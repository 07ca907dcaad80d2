/** Media elements. Remote audio has its own, which lives as long as the call: an undecodable video silences a shared one. */
import { useEffect, useRef } from "react";

export function Sound({ track }: { track: MediaStreamTrack | undefined }) {
  const ref = useRef<HTMLAudioElement>(null);
  useEffect(() => attach(ref.current, track), [track]);
  return <audio ref={ref} autoPlay data-remote="audio" />;
}

export function Picture({ track, mine, label }: { track: MediaStreamTrack | undefined; mine: boolean; label: string }) {
  const ref = useRef<HTMLVideoElement>(null);
  useEffect(() => attach(ref.current, track), [track]);
  return (
    <video
      ref={ref}
      className={mine ? "picture mine" : "picture"}
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
  addEventListener("pointerdown", start);
  return () => {
    removeEventListener("pointerdown", start);
    element.srcObject = null;
  };
}
