/** How the call does and who speaks, looked at while somebody sees it. */
import type { Quality } from "@ringline/client";
import { useEffect, useState } from "react";
import type { Message } from "../words/words";

/** Asked of a running call; the gallery makes them up. */
export interface Signs {
  theySpeak(): Promise<boolean>;
  quality(): Promise<Quality | undefined>;
}

const LISTEN_MS = 200;
/** Between two words nobody has stopped speaking. */
const BREATH_MS = 700;
const QUALITY_MS = 2_500;

export const QUALITY_WORDS: Record<Quality, Message> = {
  good: "Good connection",
  fair: "Unsteady connection",
  poor: "Weak connection",
};

export function useSpeaking(signs: Signs, live: boolean): boolean {
  const [speaking, setSpeaking] = useState(false);
  useEffect(() => {
    if (!live) return setSpeaking(false);
    let heardAt = 0;
    let gone = false;
    const show = (now: boolean) => {
      if (now) heardAt = Date.now();
      if (!gone) setSpeaking(Date.now() - heardAt < BREATH_MS);
    };
    const timer = setInterval(() => void signs.theySpeak().then(show, () => undefined), LISTEN_MS);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [live]);
  return speaking;
}

export function useQuality(signs: Signs, live: boolean): Quality | undefined {
  const [quality, setQuality] = useState<Quality | undefined>(undefined);
  useEffect(() => {
    if (!live) return setQuality(undefined);
    let gone = false;
    const look = () => void signs.quality().then((now) => gone || setQuality(now), () => undefined);
    look();
    const timer = setInterval(look, QUALITY_MS);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [live]);
  return quality;
}

/** True once something has been so for a while: a hiccup is not worth a word. */
export function useLasting(now: boolean, ms: number): boolean {
  const [lasting, setLasting] = useState(false);
  useEffect(() => {
    if (!now) return setLasting(false);
    const timer = setTimeout(() => setLasting(true), ms);
    return () => clearTimeout(timer);
  }, [now, ms]);
  return now && lasting;
}
