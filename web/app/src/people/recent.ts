/** Calls of the last 24 hours, as a line in the list of people. */
import type { Call } from "@ringline/client";
import { Ending, Role } from "@ringline/client";
import type { RecentCall } from "./sidebar";

const NOT_MISSED: ReadonlySet<Ending> = new Set([
  Ending.DECLINED,
  Ending.DECLINED_ELSEWHERE,
  Ending.ANSWERED_ELSEWHERE,
]);

export function recentOf(calls: Call[]): RecentCall[] {
  return calls.flatMap((call) => {
    if (call.peer === undefined) return [];
    const incoming = call.role === Role.CALLEE;
    const { username, displayName, verified } = call.peer;
    return [
      {
        id: call.callId,
        peer: { username, display_name: displayName, verified },
        incoming,
        missed: incoming && call.answeredAtMs === 0n && !NOT_MISSED.has(call.ending),
        at: Number(call.placedAtMs),
      },
    ];
  });
}
