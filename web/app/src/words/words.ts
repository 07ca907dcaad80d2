/**
 * Every sentence of the page. English is the key itself; another language is a table of the same sentences, loaded when
 * somebody reads it. That each of them has every sentence is checked by the compiler.
 */
import { useSyncExternalStore } from "react";
import type { de } from "./de";

export type Message = keyof typeof de;
export type Language = "en" | "de";
export type Catalogue = Readonly<Record<Message, string>>;
type Values = Readonly<Record<string, string | number>>;

const LOADERS: Record<Exclude<Language, "en">, () => Promise<Catalogue>> = {
  de: async () => (await import("./de")).de,
};

/** Languages that are written from right to left, for whoever adds one. */
const FROM_THE_RIGHT: readonly string[] = ["ar", "fa", "he", "ur"];

let language: Language = "en";
let catalogue: Catalogue | undefined;
const listeners = new Set<() => void>();

/** A sentence in the language of the page; `{name}` is replaced by the value of that name. */
export function say(message: Message, values?: Values): string {
  const text = catalogue?.[message] ?? message;
  if (values === undefined) return text;
  return text.replace(/\{(\w+)\}/g, (all: string, name: string) => isolated(String(values[name] ?? all)));
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const STEERING = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/**
 * A value inside a sentence. One that may read in the other direction than the sentence, or that says how to be read,
 * stands between isolates (Unicode UAX 9): the words around it stay where they are.
 */
function isolated(value: string): string {
  const turns = directionOf(language) === "rtl" || RIGHT_TO_LEFT.test(value) || STEERING.test(value);
  return turns ? `\u2068${value}\u2069` : value;
}

/** One of two sentences, by how many there are; both may say {count}. */
export function count(many: number, one: Message, more: Message): string {
  return say(new Intl.PluralRules(language).select(many) === "one" ? one : more, { count: many });
}

export function directionOf(of: string): "ltr" | "rtl" {
  return FROM_THE_RIGHT.includes(of) ? "rtl" : "ltr";
}

export function locale(): Language {
  return language;
}

/** The language with the browser's country, which says how times and dates are written. */
export function region(): string {
  return navigator.languages.find((one) => one.slice(0, 2) === language) ?? language;
}

/** The language somebody asked for, else the first of the browser's that there is. */
export function chosen(wish: Language | "auto", browser: readonly string[]): Language {
  if (wish !== "auto") return wish;
  const known = browser.map((one) => one.slice(0, 2)).find((one): one is Language => one === "en" || one in LOADERS);
  return known ?? "en";
}

/** Reads the language's sentences, then draws the page anew. */
export async function speak(wanted: Language): Promise<void> {
  if (wanted === language) return;
  catalogue = wanted === "en" ? undefined : await LOADERS[wanted]();
  language = wanted;
  document.documentElement.lang = wanted;
  document.documentElement.dir = directionOf(wanted);
  for (const listener of listeners) listener();
}

/** Draws a component, and all below it, anew when the language changes. */
export function useLanguage(): Language {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    locale,
  );
}
