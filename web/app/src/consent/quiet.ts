/** Quiet hours on the clock of the person's time zone. What counts is what the server says; this is for saying until when. */
import type { QuietHours, QuietSpan } from "@ringline/client";

const DAY = 1440;
const WEEK = 7 * DAY;
const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** A minute of the week, Monday 00:00 being the first. */
export interface WeekMinute {
  /** 1 is Monday. */
  weekday: number;
  /** "07:00" */
  time: string;
  /** Days from now: 0 is today. */
  ahead: number;
}

/** Where the week is now: quiet until then; undefined where it is not quiet; "always" where it never ends. */
export function quietUntil(hours: QuietHours, now: number): WeekMinute | "always" | undefined {
  const at = minuteOfWeek(now, hours.time_zone);
  const quiet = covered(hours.spans);
  if (quiet[at] !== true) return undefined;
  for (let ahead = 1; ahead < WEEK; ahead += 1) if (quiet[(at + ahead) % WEEK] !== true) return pointOf(at, ahead);
  return "always";
}

/** When it becomes quiet next; undefined where it is quiet already, or never. */
export function quietFrom(hours: QuietHours, now: number): WeekMinute | undefined {
  const at = minuteOfWeek(now, hours.time_zone);
  const quiet = covered(hours.spans);
  if (quiet[at] === true) return undefined;
  for (let ahead = 1; ahead < WEEK; ahead += 1) if (quiet[(at + ahead) % WEEK] === true) return pointOf(at, ahead);
  return undefined;
}

/** The time zone of this browser. */
export function ownTimeZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** A day's first quiet hours: what most people mean. */
export function firstSpan(): QuietSpan {
  return { weekdays: [1, 2, 3, 4, 5, 6, 7], from: "22:00", to: "07:00" };
}

function pointOf(at: number, ahead: number): WeekMinute {
  const minute = (at + ahead) % WEEK;
  const two = (number: number) => String(number).padStart(2, "0");
  const time = `${two(Math.floor((minute % DAY) / 60))}:${two(minute % 60)}`;
  return { weekday: Math.floor(minute / DAY) + 1, time, ahead: Math.floor(((at % DAY) + ahead) / DAY) };
}

function covered(spans: QuietSpan[]): boolean[] {
  const quiet = new Array<boolean>(WEEK).fill(false);
  for (const { weekdays, from, to } of spans) {
    const [begin, end] = [minutes(from), minutes(to)];
    const length = end > begin ? end - begin : end + DAY - begin;
    for (const weekday of weekdays) quiet.fill(true, (weekday - 1) * DAY + begin, (weekday - 1) * DAY + begin + length);
    // What begins on Sunday may end on Monday, at the beginning of the same week.
    const over = weekdays.includes(7) ? 6 * DAY + begin + length - WEEK : 0;
    if (over > 0) quiet.fill(true, 0, over);
  }
  return quiet;
}

function minutes(time: string): number {
  const [hour = 0, minute = 0] = time.split(":").map(Number);
  return hour * 60 + minute;
}

function minuteOfWeek(now: number, timeZone: string): number {
  const parts = format(timeZone).formatToParts(now);
  const of = (type: string) => parts.find((part) => part.type === type)?.value ?? "0";
  return WEEKDAYS.indexOf(of("weekday")) * DAY + Number(of("hour")) * 60 + Number(of("minute"));
}

function format(timeZone: string): Intl.DateTimeFormat {
  const options = { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
  try {
    return new Intl.DateTimeFormat("en", { ...options, timeZone: timeZone === "" ? ownTimeZone() : timeZone });
  } catch {
    return new Intl.DateTimeFormat("en", options); // a zone that the server knows and this browser does not
  }
}
