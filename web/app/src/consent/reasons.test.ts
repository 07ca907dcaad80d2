import type { Audience } from "@ringline/client";
import { describe, expect, it } from "vitest";
import { attemptRows, remedy } from "./attempts";
import { outcomeOfKind, whoRings, why } from "./reasons";

const preview = (rings: boolean, reason: string, audio_only = false) => ({ rings, audio_only, relay: true, reason });

describe("the reason of a verdict", () => {
  it("is said in words, the nearest that there are", () => {
    expect(why("audience.contacts", true)).toBe("They are in your contacts.");
    expect(why("quiet_hours.by_weekday", false)).toBe("In your quiet hours.");
    expect(why("not_entitled.video", false)).toBe("They cannot call you at the moment.");
  });

  it("that this page does not know is a general sentence, and never the name of a rule", () => {
    expect(why("phase_of_the_moon", true)).toBe("Your settings let this call ring.");
    expect(why("constructor", false)).toBe("Your settings do not let this call ring.");
    expect(why("", false)).toBe("Your settings do not let this call ring.");
  });

  it("does not tell who blocked one from who may not call at all", () => {
    const words = ["blocking", "not_entitled.audio", "unknown"].map((reason) => why(reason, false));
    expect(new Set(words).size).toBe(1);
  });

  it("is the service's own where neither of the two settled it", () => {
    expect(why("operator", false)).toBe("The service did not let this call through.");
  });

  it("of a kind of people says what would change it", () => {
    expect(outcomeOfKind(preview(true, "audience.contacts"), true)).toBe("Rings, with video");
    expect(outcomeOfKind(preview(true, "audience.contacts", true), true)).toBe("Rings, sound only");
    expect(outcomeOfKind(preview(false, "quiet_hours"), true)).toBe("Silent: quiet hours");
    expect(outcomeOfKind(preview(false, "must_have_messaged"), true)).toBe("Rings after a message");
    expect(outcomeOfKind(preview(false, "must_have_messaged"), false)).toBe("Does not ring");
    expect(outcomeOfKind(preview(false, "audience.none"), false)).toBe("Does not ring");
  });
});

describe("who may ring", () => {
  it("is one sentence", () => {
    const said = (audiences: Audience[], must_have_messaged = false) => whoRings({ audiences, must_have_messaged });
    expect(said([])).toBe("Nobody can ring you");
    expect(said(["following"])).toBe("People you follow can ring you");
    expect(said(["verified", "contacts", "following"])).toBe("Your contacts, people you follow, and verified accounts can ring you");
    expect(said(["contacts", "everyone"])).toBe("Everyone can ring you");
    expect(said(["contacts", "verified"], true)).toBe("Your contacts and verified accounts that have written to you can ring you");
    expect(said(["everyone"], true)).toBe("Everyone who has written to you can ring you");
  });
});

describe("attempts that did not ring", () => {
  const person = (user_id: string) => ({ user_id, username: user_id, display_name: "", verified: false });
  const attempt = (who: string, at_ms: number, reason: string) => ({ person: person(who), at_ms, video: false, reason });

  it("of one person for one reason are one row, the newest first", () => {
    const rows = attemptRows([attempt("bob", 1, "quiet_hours"), attempt("cy", 2, "audience.none"), attempt("bob", 3, "quiet_hours"), attempt("bob", 0, "blocked")]);
    expect(rows.map((row) => [row.person.username, row.reason, row.at_ms, row.times])).toEqual([
      ["bob", "quiet_hours", 3, 2],
      ["cy", "audience.none", 2, 1],
      ["bob", "blocked", 0, 1],
    ]);
  });

  it("offer what would let them ring, and nothing where it would not", () => {
    expect(["audience.none", "must_have_messaged", "quiet_hours", "blocked"].map(remedy)).toEqual(["allowed", "allowed", "favourite", "unblock"]);
    expect(["operator", "budget.rings"].map(remedy)).toEqual([undefined, undefined]);
  });
});
