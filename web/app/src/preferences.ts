/** What somebody likes on this device: colours, language, sounds. Kept here and told nobody. */
import { useSyncExternalStore } from "react";
import type { Language } from "./words/words";
import { chosen, speak } from "./words/words";

export type Theme = "system" | "light" | "dark";

export interface Preferences {
  theme: Theme;
  language: Language | "auto";
  ring: boolean;
  messageSound: boolean;
  /** Devices by id; "" leaves it to the browser. */
  microphone: string;
  camera: string;
  speaker: string;
  /** Which camera of a phone; every call begins with the one that shows oneself. */
  facing: "user" | "environment";
}

const KEY = "ringline.preferences";
const DEFAULTS: Preferences = {
  theme: "system", language: "auto", ring: true, messageSound: true, microphone: "", camera: "", speaker: "", facing: "user",
};
const GROUNDS = { light: "#f5f3ee", dark: "#0e1514" };

const listeners = new Set<() => void>();
let current: Preferences = load();

export function preferences(): Preferences {
  return current;
}

export function prefer(part: Partial<Preferences>): void {
  current = { ...current, ...part };
  localStorage.setItem(KEY, JSON.stringify(current));
  void settle();
  for (const listener of listeners) listener();
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    preferences,
  );
}

/** Brings the page in line with what is liked; answers when the language is there. */
export function settle(): Promise<void> {
  const { theme, language } = current;
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
    const own = meta.media.includes("dark") ? "dark" : "light";
    meta.content = GROUNDS[theme === "system" ? own : theme];
  }
  // A catalogue that cannot be read leaves the page in the language that it has.
  return speak(chosen(language, navigator.languages)).catch(() => undefined);
}

function load(): Preferences {
  try {
    return { ...DEFAULTS, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Preferences>), facing: "user" };
  } catch {
    return DEFAULTS;
  }
}
