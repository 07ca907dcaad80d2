/** The rules of a verdict in the words of people. A newer server may have rules that this page has never heard of. */
import type { Audience, CallSettings, Preview } from "@ringline/client";
import type { Message } from "../words/words";
import { locale, say } from "../words/words";

/**
 * By the name of the rule, or its beginning up to a dot. What hangs on the caller alone, or on whom they block, is not told
 * apart: that is theirs.
 */
const WHY: Partial<Record<string, Message>> = {
  self: "That is you.",
  user_not_found: "Nobody has that username.",
  blocked: "You blocked them.",
  blocking: "They cannot call you at the moment.",
  not_entitled: "They cannot call you at the moment.",
  caller: "They cannot call you at the moment.",
  operator: "The service did not let this call through.",
  unknown: "They cannot call you at the moment.",
  limited: "There were too many calls in a short time.",
  budget: "There were too many calls in a short time.",
  ringing: "There were too many calls in a short time.",
  person: "You chose that for them.",
  "person.allowed": "You allowed them to call.",
  allowed: "You allowed them to call.",
  "person.favourite": "They are one of your favourites.",
  "person.audio_only": "You let them ring with sound only.",
  favourite: "They are one of your favourites.",
  favourites: "They are one of your favourites.",
  repeated: "It would be the second call in three minutes.",
  quiet_hours: "In your quiet hours.",
  "quiet_hours.favourite": "They are one of your favourites.",
  "quiet_hours.favourites": "They are one of your favourites.",
  "quiet_hours.repeated": "It would be the second call in three minutes.",
  must_have_messaged: "They have never written to you.",
  messaged: "They have never written to you.",
  audience: "Not among those who can call you.",
  "audience.contacts": "They are in your contacts.",
  "audience.following": "You follow them.",
  "audience.verified": "They have the verified mark.",
  "audience.everyone": "You let everyone call you.",
  "audience.none": "Not among those who can call you.",
};

/** Why a call of somebody rings, or does not. */
export function why(reason: string, rings: boolean): string {
  const parts = reason.split(".");
  for (let many = parts.length; many > 0; many -= 1) {
    const name = parts.slice(0, many).join(".");
    const message = Object.hasOwn(WHY, name) ? WHY[name] : undefined;
    if (message !== undefined) return say(message);
  }
  return rings ? say("Your settings let this call ring.") : say("Your settings do not let this call ring.");
}

/** Whether it rings, in a few words. */
export function outcome({ rings, audio_only: audioOnly }: Preview): string {
  if (!rings) return say("Does not ring now");
  return audioOnly ? say("Rings now, sound only") : say("Rings now, with video");
}

/**
 * The same of anybody of a kind, and what would change it where that is no audience.
 *
 * @param welcome they are among those who may call
 */
export function outcomeOfKind(preview: Preview, welcome: boolean): string {
  const { rings, reason } = preview;
  if (rings) return preview.audio_only ? say("Rings, sound only") : say("Rings, with video");
  if (reason.startsWith("quiet_hours")) return say("Silent: quiet hours");
  if (welcome && reason.includes("messaged")) return say("Rings after a message");
  return say("Does not ring");
}

const THEM: Record<Exclude<Audience, "everyone">, Message> = {
  contacts: "your contacts",
  following: "people you follow",
  verified: "verified accounts",
};

/** Who may call, as one sentence. */
export function whoRings({ audiences, must_have_messaged: written }: Pick<CallSettings, "audiences" | "must_have_messaged">): string {
  if (audiences.includes("everyone")) return written ? say("Everyone who has written to you can ring you") : say("Everyone can ring you");
  const there = (["contacts", "following", "verified"] as const).filter((one) => audiences.includes(one));
  const them = there.map((one) => (one === "verified" && written ? say("verified accounts that have written to you") : say(THEM[one])));
  if (them.length === 0) return say("Nobody can ring you");
  const people = new Intl.ListFormat(locale(), { type: "conjunction" }).format(them);
  const sentence = say("{people} can ring you", { people });
  return sentence.charAt(0).toLocaleUpperCase(locale()) + sentence.slice(1);
}
