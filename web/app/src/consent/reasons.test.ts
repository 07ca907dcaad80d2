import { describe, expect, it } from "vitest";
import { attemptRows } from "./attempts";
import { outcomeOfKind, whoRings, why } from "./reasons";

const preview = (rings: boolean, reason: string, audio_only = false) => ({ rings, audio_only, relay: true, reason });

describe("the reason of a verdict", () => {
  it("is said in words, the nearest that there are", () => {
    expect(why("audience.contacts", true)).toBe("They are in your contacts.");
    expect(why("quiet_hours.by_weekday", false)).toBe("It is in your quiet hours.");
    expect(why("not_entitled.video", false)).toBe("They cannot call you at the moment.");
  });

  it("that this page does not know is a general sentence, and never the name of a rule", () => {
    expect(why("phase_of_the_moon", true)).toBe("Your settings let them call you.");
    expect(why("constructor", false)).toBe("Your settings do not let them call you now.");
    expect(why("", false)).toBe("Your settings do not let them call you now.");
  });

  it("does not tell who blocked one from who may not call at all", () => {
    const words = ["blocking", "not_entitled.audio", "operator.tier", "unknown"].map((reason) => why(reason, false));
    expect(new Set(words).size).toBe(1);
  });

  it("of a kind of people says what would change it", () => {
    expect(outcomeOfKind(preview(true, "audience.contacts"))).toBe("Rings now, with video");
    expect(outcomeOfKind(preview(true, "audience.contacts", true))).toBe("Rings now, sound only");
    expect(outcomeOfKind(preview(false, "quiet_hours"))).toBe("Does not ring in your quiet hours");
    expect(outcomeOfKind(preview(false, "must_have_messaged"))).toBe("Rings once they have written to you");
    expect(outcomeOfKind(preview(false, "audience.none"))).toBe("Does not ring");
  });
});

describe("who may ring", () => {
  it("is one sentence", () => {
    expect(whoRings([])).toBe("Nobody can ring you");
    expect(whoRings(["following"])).toBe("People you follow can ring you");
    expect(whoRings(["verified", "contacts", "following"])).toBe("Your contacts, people you follow, and verified accounts can ring you");
    expect(whoRings(["contacts", "everyone"])).toBe("Everyone can ring you");
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
});
