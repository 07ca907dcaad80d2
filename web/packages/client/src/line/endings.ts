/** Why a line stays closed: what it would take to open it again is not more tries. */
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Refused } from "./commands";

/**
 * signed-out: this device opens no door any more. replaced: another page has this line, and may be asked to give it
 * back. outdated: this page is too old for the server. denied: pages of this address may not connect.
 */
export type LineEnd = "signed-out" | "replaced" | "outdated" | "denied";

/** Not PROOF_INVALID: a clock that is wrong is put right. */
const ENDS: Partial<Record<Reason, LineEnd>> = {
  [Reason.TOKEN_INVALID]: "signed-out",
  [Reason.USER_NOT_FOUND]: "signed-out",
  [Reason.DEVICE_NOT_FOUND]: "signed-out",
  [Reason.DEVICE_REVOKED]: "signed-out",
  [Reason.LINE_FENCED]: "replaced",
  [Reason.CLIENT_TOO_OLD]: "outdated",
  [Reason.ORIGIN_DENIED]: "denied",
};

/** Undefined where another try may help. */
export function endOf(why: unknown): LineEnd | undefined {
  return why instanceof Refused ? ENDS[why.reason] : undefined;
}
