/** What a caller reads where the server refused a call, or a camera: what is missing, or until when it has to wait. */
import { Reason, type Refused } from "@ringline/client";
import { soon } from "../words/dates";
import type { Message } from "../words/words";
import { say } from "../words/words";

const SENTENCES: Partial<Record<Reason, Message>> = {
  [Reason.NOT_ENTITLED_AUDIO]: "Your account cannot place calls.",
  [Reason.NOT_ENTITLED_VIDEO]: "Your account cannot send video. You can still talk.",
  [Reason.KIND_NOT_ADMITTED]: "Video is not possible in this call.",
  [Reason.ALREADY_IN_CALL]: "You are in another call already, perhaps on another device.",
  [Reason.SUSPENDED]: "Your account cannot place this call for now. Whoever runs this service has decided so.",
  [Reason.LIMITED]: "You placed many calls in a short time. Try again a little later.",
  [Reason.OVERLOADED]: "Ringline is very busy. Try again in a moment.",
  [Reason.UNAVAILABLE]: "Ringline cannot be reached. Check your connection and try again.",
  [Reason.USER_NOT_FOUND]: "Nobody has that username.",
  [Reason.SELF]: "That is you.",
};

/** Names of tiers that operators use. */
const PLANS: Partial<Record<string, string>> = { plus: "Plus", pro: "Pro", premium: "Premium", business: "Business", team: "Team" };

interface Lacks {
  audio: Message;
  video: Message;
}

/** By what the operator's rules say is missing. The last two are of the server itself (services/policy/operator_word.py). */
const LACKS: Partial<Record<string, Lacks>> = {
  verified: { audio: "Placing calls needs a verified account.", video: "Video needs a verified account. You can still talk." },
  contact: { audio: "You can only call people in your contacts.", video: "Video needs the other person in your contacts. You can still talk." },
  "one-day": { audio: "Your account is new. You can place calls when it is a day old.", video: "Your account is new. You can send video when it is a day old. You can still talk." },
  "one-week": { audio: "Your account is new. You can place calls when it is a week old.", video: "Your account is new. You can send video when it is a week old. You can still talk." },
  switched_off: { audio: "Calls are switched off for everyone at the moment.", video: "Video is switched off for everyone at the moment. You can still talk." },
  rules_failed: { audio: "Calls are not possible at the moment.", video: "Video is not possible at the moment. You can still talk." },
};
const PLAN: Lacks = { audio: "Placing calls needs {plan}.", video: "Video needs {plan}. You can still talk." };
const OTHER: Lacks = { audio: "Your account cannot place calls. The reason that the service gives: {reason}", video: "Your account cannot send video. You can still talk. The reason that the service gives: {reason}" };
const KEY = /^[a-z0-9_-]{1,40}$/;

/** By the ring budget that is used up (docs/ring-budget.md). */
const BUDGETS: Partial<Record<string, Message>> = {
  pair: "You rang @{username} several times, and nobody answered. You can call again from {time}.",
  strangers: "You rang many people who do not know you. You can ring others like them from {time}, and people who know you at any time.",
  new_account: "Your account is new. Until you have talked with somebody, you can only ring people who have you in their contacts, follow you or wrote to you. Others from {time}.",
};

/** Shorter waits are said without a time. */
const LONG_MS = 60_000;

/**
 * @param username who was called
 * @param at when it was refused, in Unix milliseconds
 * @returns undefined where the status says it all
 */
export function sentenceOf(refused: Refused, username: string, at: number): string | undefined {
  const { reason, missing, budget, retryAfterMs } = refused;
  if (reason === Reason.ANSWERED_ELSEWHERE || reason === Reason.CALL_ENDED || reason === Reason.TOO_LATE) return undefined;
  if (reason === Reason.NOT_ENTITLED_AUDIO || reason === Reason.NOT_ENTITLED_VIDEO) {
    const lacking = lack(missing, reason === Reason.NOT_ENTITLED_AUDIO ? "audio" : "video");
    if (lacking !== undefined) return lacking;
  }
  const time = soon(at + retryAfterMs, at);
  if (reason === Reason.LIMITED && retryAfterMs > 0) {
    const message = Object.hasOwn(BUDGETS, budget) ? BUDGETS[budget] : undefined;
    if (message !== undefined) return say(message, { username, time });
    if (budget === "places") return say("You placed many calls within a minute. Try again in a minute.");
    if (retryAfterMs > LONG_MS) return say("You placed many calls in a short time. You can call again from {time}.", { time });
  }
  if (reason === Reason.SUSPENDED && retryAfterMs > 0) return say("Your account cannot place this call until {time}. Whoever runs this service has decided so.", { time });
  return say(SENTENCES[reason] ?? "That did not work. Try again.");
}

/** With what the same call would be worth another try; undefined where it would be refused again. */
export function worthAgain(refused: Refused | undefined, asked: keyof Lacks): keyof Lacks | undefined {
  switch (refused?.reason) {
    case Reason.NOT_ENTITLED_VIDEO:
      return "audio";
    case Reason.LIMITED:
      return refused.retryAfterMs > LONG_MS ? undefined : asked;
    case Reason.NOT_ENTITLED_AUDIO:
    case Reason.SUSPENDED:
    case Reason.USER_NOT_FOUND:
    case Reason.SELF:
      return undefined;
    default:
      return asked;
  }
}

function lack(missing: string, kind: keyof Lacks): string | undefined {
  const plan = Object.hasOwn(PLANS, missing) ? PLANS[missing] : undefined;
  if (plan !== undefined) return say(PLAN[kind], { plan });
  const known = Object.hasOwn(LACKS, missing) ? LACKS[missing] : undefined;
  if (known !== undefined) return say(known[kind]);
  return KEY.test(missing) ? say(OTHER[kind], { reason: missing }) : undefined;
}
