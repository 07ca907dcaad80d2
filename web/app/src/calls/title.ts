/** A call that is over, in a few words. */
import type { CallEntry } from "@ringline/client";
import { length } from "../words/dates";
import type { Message } from "../words/words";
import { say } from "../words/words";

interface Kinds {
  audio: Message;
  video: Message;
}

const OUTGOING: Kinds = { audio: "Outgoing audio call", video: "Outgoing video call" };
const INCOMING: Kinds = { audio: "Incoming audio call", video: "Incoming video call" };
const MISSED: Kinds = { audio: "Missed audio call", video: "Missed video call" };

export function callTitle(call: CallEntry): string {
  const kinds = call.missed ? MISSED : call.outgoing ? OUTGOING : INCOMING;
  return say(call.asked.video ? kinds.video : kinds.audio);
}

/** What became of it; undefined where the title says it all. */
export function callOutcome(call: CallEntry, ownDevice: string): string | undefined {
  if (call.missed) return call.ending === "busy" ? say("You were in another call") : undefined;
  const elsewhere = call.answered_device_id !== "" && call.answered_device_id !== ownDevice;
  if (call.duration_ms > 0) {
    const long = length(call.duration_ms);
    return elsewhere ? say("{length}, answered on another device", { length: long }) : long;
  }
  switch (call.ending) {
    case "cancelled":
      return say("Cancelled");
    case "declined":
      return say("Declined");
    case "no_answer":
      return say("No answer");
    case "busy":
      return say("Busy");
    case "lost":
    case "media_failed":
      return say("Connection lost");
    case "by_operator":
      return say("Ended by the operator");
    case "hung_up":
      return elsewhere || !call.outgoing ? say("Answered on another device") : undefined;
  }
}
