/** Attempts that did not ring, one row for each person and reason. */
import type { RefusedAttempt } from "@ringline/client";

export interface AttemptRow extends RefusedAttempt {
  /** How often, the newest of which is shown. */
  times: number;
}

/** The newest first, whatever the order in which they came. */
export function attemptRows(attempts: readonly RefusedAttempt[]): AttemptRow[] {
  const rows = new Map<string, AttemptRow>();
  for (const one of [...attempts].sort((a, b) => b.at_ms - a.at_ms)) {
    const key = `${one.person.user_id} ${one.reason}`;
    const row = rows.get(key);
    if (row === undefined) rows.set(key, { ...one, times: 1 });
    else row.times += 1;
  }
  return [...rows.values()];
}

export type Remedy = "unblock" | "favourite" | "allowed";

/** Rules, by their beginning, that nothing of what one says about a person changes. */
const BEYOND = ["operator", "switch", "budget"];

/**
 * What lets them ring the next time: being a favourite goes through quiet hours, being allowed does not. Undefined where it is not
 * in one's hand.
 */
export function remedy(reason: string): Remedy | undefined {
  if (BEYOND.includes(reason.split(".")[0] ?? "")) return undefined;
  if (reason === "blocked") return "unblock";
  return reason.startsWith("quiet_hours") ? "favourite" : "allowed";
}
