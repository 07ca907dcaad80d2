import { Reason, Refused } from "@ringline/client";
import { describe, expect, it } from "vitest";
import { soon } from "../words/dates";
import { sentenceOf, worthAgain } from "./refused";

const NOON = new Date(2026, 4, 13, 12, 0).getTime(); // a Wednesday
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const entitled = (reason: Reason, missing: string) => sentenceOf(new Refused(reason, "for a developer", 0, missing), "bob", NOON);
const limited = (budget: string, wait: number) => sentenceOf(new Refused(Reason.LIMITED, "for a developer", wait, "", budget), "bob", NOON);

describe("a caller who is not entitled", () => {
  it("reads what is missing", () => {
    expect(entitled(Reason.NOT_ENTITLED_VIDEO, "plus")).toBe("Video needs Plus. You can still talk.");
    expect(entitled(Reason.NOT_ENTITLED_AUDIO, "pro")).toBe("Placing calls needs Pro.");
    expect(entitled(Reason.NOT_ENTITLED_AUDIO, "one-day")).toBe("Your account is new. You can place calls when it is a day old.");
    expect(entitled(Reason.NOT_ENTITLED_VIDEO, "switched_off")).toBe("Video is switched off for everyone at the moment. You can still talk.");
  });

  it("reads a key that this page has no words for as the service's own word", () => {
    expect(entitled(Reason.NOT_ENTITLED_AUDIO, "beta-2")).toBe("Your account cannot place calls. The reason that the service gives: beta-2");
    expect(entitled(Reason.NOT_ENTITLED_AUDIO, "constructor")).toBe("Your account cannot place calls. The reason that the service gives: constructor");
  });

  it("reads nothing that is no such key", () => {
    for (const odd of ["", "<b>now</b>", "Call +1 555", "x".repeat(41)]) {
      expect(entitled(Reason.NOT_ENTITLED_VIDEO, odd)).toBe("Your account cannot send video. You can still talk.");
    }
  });
});

describe("what is offered after a refusal", () => {
  it("would not be refused again", () => {
    const after = (reason: Reason, wait = 0) => worthAgain(new Refused(reason, "", wait), "video");
    expect(after(Reason.NOT_ENTITLED_VIDEO)).toBe("audio");
    expect([Reason.NOT_ENTITLED_AUDIO, Reason.SUSPENDED, Reason.SELF, Reason.USER_NOT_FOUND].map((reason) => after(reason))).toEqual([undefined, undefined, undefined, undefined]);
    expect([after(Reason.LIMITED, 20_000), after(Reason.LIMITED, HOUR)]).toEqual(["video", undefined]);
    expect([after(Reason.UNAVAILABLE), worthAgain(undefined, "audio")]).toEqual(["video", "audio"]);
  });
});

describe("a caller whose calls are used up", () => {
  it("reads which they are and when there are more", () => {
    const time = soon(NOON + HOUR, NOON);
    expect(limited("pair", HOUR)).toBe(`You rang @bob several times, and nobody answered. You can call again from ${time}.`);
    expect(limited("strangers", HOUR)).toContain(`from ${time}, and people who know you at any time`);
    expect(limited("new_account", 6 * HOUR)).toContain(`Others from ${soon(NOON + 6 * HOUR, NOON)}.`);
    expect(limited("places", 20_000)).toBe("You placed many calls within a minute. Try again in a minute.");
  });

  it("reads of a limit without a name no more than the time", () => {
    expect(limited("", HOUR)).toBe(`You placed many calls in a short time. You can call again from ${soon(NOON + HOUR, NOON)}.`);
    expect(limited("constructor", 2000)).toBe("You placed many calls in a short time. Try again a little later.");
  });

  it("reads a time that is not too early, with the day where it is not today's", () => {
    expect(soon(NOON + 1, NOON)).toBe(soon(NOON + MINUTE, NOON));
    expect(soon(NOON + DAY, NOON)).toMatch(/^Thursday, 12/);
    expect(soon(NOON + 7 * DAY, NOON)).toMatch(/^May 20, 12|^20 May, 12/);
  });
});
