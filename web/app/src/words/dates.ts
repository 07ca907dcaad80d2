/** Days, times and lengths in the words of the page's language. */
import { region, say } from "./words";

const DAY_MS = 86_400_000;

export function clock(at: number): string {
  // Where a day has 24 hours, "0:29" would read like a length.
  const { hour12 } = new Intl.DateTimeFormat(region(), { hour: "numeric" }).resolvedOptions();
  return new Date(at).toLocaleTimeString(region(), { hour: hour12 === true ? "numeric" : "2-digit", minute: "2-digit" });
}

export function sameDay(one: number, other: number): boolean {
  return new Date(one).toDateString() === new Date(other).toDateString();
}

/** "Today", "Yesterday", a weekday of this week, else the date. */
export function day(at: number, now: number): string {
  if (sameDay(at, now)) return say("Today");
  if (sameDay(at, now - DAY_MS)) return say("Yesterday");
  const date = new Date(at);
  if (now - at < 6 * DAY_MS && at < now) return date.toLocaleDateString(region(), { weekday: "long" });
  const year = date.getFullYear() === new Date(now).getFullYear() ? {} : ({ year: "numeric" } as const);
  return date.toLocaleDateString(region(), { weekday: "short", day: "numeric", month: "long", ...year });
}

/** A moment to come, in whole minutes and not before it: the time today, with the day otherwise. */
export function soon(at: number, now: number): string {
  const date = new Date(Math.ceil(at / 60_000) * 60_000);
  const time = clock(date.getTime());
  if (sameDay(date.getTime(), now)) return time;
  const isNear = date.getTime() - now < 6 * DAY_MS;
  const when = date.toLocaleDateString(region(), isNear ? { weekday: "long" } : { day: "numeric", month: "long" });
  return `${when}, ${time}`;
}

/** For a narrow column: the time today, else the day. */
export function brief(at: number, now: number): string {
  if (sameDay(at, now)) return clock(at);
  if (sameDay(at, now - DAY_MS)) return say("Yesterday");
  const date = new Date(at);
  if (now - at < 6 * DAY_MS && at < now) return date.toLocaleDateString(region(), { weekday: "short" });
  return date.toLocaleDateString(region(), { day: "numeric", month: "numeric", year: "2-digit" });
}

/** The length of a call, for reading: "12 s", "4 min 10 s", "1 h 5 min". */
export function length(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return say("{seconds} s", { seconds });
  if (minutes < 60) return say("{minutes} min {seconds} s", { minutes, seconds: seconds % 60 });
  return say("{hours} h {minutes} min", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}
