/** What the server refused about an account or a lookup, in the words of the page's language. */
import { Reason, Refused } from "@ringline/client";
import type { Message } from "./words";
import { say } from "./words";

type Sentences = Partial<Record<Reason, Message>>;

const SENTENCES: Sentences = {
  [Reason.USERNAME_TAKEN]: "That username is taken.",
  [Reason.USERNAME_RESERVED]: "That username cannot be had.",
  [Reason.USERNAME_LOOKALIKE]: "That username looks too much like somebody else's.",
  [Reason.USERNAME_INVALID]: "A username has letters, digits, dots and underscores, and begins with a letter.",
  [Reason.PASSWORD_WEAK]: "That password is too short or too common.",
  [Reason.CREDENTIALS_WRONG]: "Username and password do not belong together.",
  [Reason.SIGN_UP_CLOSED]: "New accounts cannot be made here at the moment.",
  [Reason.LIMITED]: "You looked for many people in a short time. Wait a moment, then try again.",
  [Reason.UNAVAILABLE]: "Ringline cannot be reached. Check your connection and try again.",
};

/** The server says that nobody has this username, or could have it. */
export function isNobody(why: unknown): boolean {
  return why instanceof Refused && (why.reason === Reason.USER_NOT_FOUND || why.reason === Reason.USERNAME_INVALID);
}

/** @param here what some reasons mean where it was asked */
export function refusal(why: Refused, here: Sentences = {}): string {
  return say(here[why.reason] ?? SENTENCES[why.reason] ?? "That did not work. Try again.");
}
