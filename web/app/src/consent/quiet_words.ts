/** Times of the week in words. */
import { region, say } from "../words/words";
import type { WeekMinute } from "./quiet";

/** "07:00", or "7:00 AM" where people write it so. */
export function timeWords(time: string): string {
  const [hour = 0, minute = 0] = time.split(":").map(Number);
  const options = { hour: "numeric", minute: "2-digit" } as const;
  const { hour12 } = new Intl.DateTimeFormat(region(), options).resolvedOptions();
  const written = { ...options, hour: hour12 === true ? "numeric" : "2-digit" } as const;
  return new Date(2024, 0, 1, hour, minute).toLocaleTimeString(region(), written);
}

/** @param weekday 1 is Monday */
export function weekdayWords(weekday: number, width: "short" | "long"): string {
  return new Date(2024, 0, weekday).toLocaleDateString(region(), { weekday: width });
}

export function untilWords(until: WeekMinute | "always"): string {
  if (until === "always") return say("Always quiet");
  const time = timeWords(until.time);
  if (until.ahead <= 1) return say("Quiet now until {time}", { time });
  return say("Quiet now until {weekday}, {time}", { weekday: weekdayWords(until.weekday, "long"), time });
}

export function fromWords(from: WeekMinute): string {
  const time = timeWords(from.time);
  if (from.ahead === 0) return say("Begins today at {time}", { time });
  if (from.ahead === 1) return say("Begins tomorrow at {time}", { time });
  return say("Begins on {weekday} at {time}", { weekday: weekdayWords(from.weekday, "long"), time });
}
