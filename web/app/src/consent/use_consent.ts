/** What the screens read and save of who may ring. */
import type { CallSettings, Consent, PersonChoices, Preview, Sample, SampleKind } from "@ringline/client";
import { useEffect, useMemo, useReducer, useState } from "react";
import { quietUntil } from "./quiet";
import { Reading, Wished } from "./wished";

export const KINDS: readonly SampleKind[] = ["contact", "following", "verified", "stranger"];
const LOOK_MS = 15_000;
/** Somebody who turns several things at a time asks once. */
const PAUSE_MS = 120;

function useRedraw(): () => void {
  return useReducer((count: number) => count + 1, 0)[1];
}

/** Once more when the network is back. */
function useBackOnline(again: () => void, lost: boolean): void {
  useEffect(() => {
    if (!lost) return;
    addEventListener("online", again);
    return () => removeEventListener("online", again);
  }, [again, lost]);
}

/**
 * @param about what it belongs to: read anew when it is another one
 * @param known what was read already
 */
export function useWished<T>(about: readonly unknown[], read: () => Promise<T>, save: (wish: T) => Promise<T>, known?: T): Wished<T> {
  const redraw = useRedraw();
  const wished = useMemo(() => new Wished(read, save, redraw, known), [redraw, ...about]);
  useEffect(() => {
    if (wished.shown === undefined) void wished.load();
  }, [wished]);
  const again = useMemo(() => () => void wished.load(), [wished]);
  useBackOnline(again, wished.lost);
  return wished;
}

/** The answer to what is asked, again with every change of `about`, and when somebody comes back to the page. */
export function useReading<T>(about: readonly unknown[], work: (() => Promise<T>) | undefined): { answer: Reading<T>; again(): void } {
  const redraw = useRedraw();
  const answer = useMemo(() => new Reading<T>(redraw), [redraw]);
  const [tries, setTries] = useState(0);
  const again = useMemo(() => () => setTries((one) => one + 1), []);
  useEffect(() => {
    if (work === undefined) return;
    const timer = setTimeout(() => void answer.read(work), answer.value === undefined ? 0 : PAUSE_MS);
    return () => clearTimeout(timer);
  }, [answer, tries, ...about]);
  useEffect(() => {
    const look = () => document.visibilityState === "visible" && again();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [again]);
  useBackOnline(again, answer.failed);
  return { answer, again };
}

/** The time, looked at often enough for a clock that shows minutes. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), LOOK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export interface Previews {
  of(kind: SampleKind): Preview | undefined;
  failed: boolean;
  again(): void;
}

/** What settings, saved or only wished, mean now for anybody of each kind. */
export function usePreviews(consent: Consent, settings: CallSettings | undefined): Previews {
  const now = useNow();
  const isQuiet = settings !== undefined && quietUntil(settings.quiet_hours, now) !== undefined;
  const samples = KINDS.map((kind): Sample => ({ kind }));
  const work = settings === undefined ? undefined : () => consent.preview(samples, settings);
  const { answer, again } = useReading([consent, JSON.stringify(settings), isQuiet], work);
  return { of: (kind) => answer.value?.[KINDS.indexOf(kind)], failed: answer.failed, again };
}

export interface PersonRinging {
  choices: Wished<PersonChoices>;
  preview: Preview | undefined;
  failed: boolean;
  again(): void;
}

/**
 * What is chosen for one person, and whether they could ring now.
 *
 * @param stamp changes with everything else that may change the answer
 * @param changed called when something was saved
 * @param draft settings that are wished, where those in force may be older
 */
export function usePersonRinging(consent: Consent, username: string, stamp: string, changed?: () => void, draft?: CallSettings): PersonRinging {
  const [saved, setSaved] = useState(0);
  const choices = useWished<PersonChoices>(
    [consent, username],
    () => consent.choices(username),
    async (wish) => {
      const done = await consent.choose(username, wish);
      setSaved((one) => one + 1);
      changed?.();
      return done;
    },
  );
  const { answer, again } = useReading([consent, username, stamp, saved], () => consent.preview([{ username }], draft));
  const both = () => {
    again();
    if (choices.lost) void choices.load();
  };
  return { choices, preview: answer.value?.[0], failed: answer.failed, again: both };
}
