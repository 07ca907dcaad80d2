import { describe, expect, it } from "vitest";
import { de } from "./de";
import { chosen, count, say } from "./words";

const holes = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();

describe("the sentences of the page", () => {
  it.each(Object.entries(de))("have the same holes in both languages: %s", (english, german) => {
    expect(holes(german)).toEqual(holes(english));
    expect(german.trim()).not.toBe("");
  });

  it("are filled in, with no word of a person taken for a hole", () => {
    expect(say("Message to @{username}", { username: "{name}" })).toBe("Message to @{name}");
    expect(count(1, "{count} new request", "{count} new requests")).toBe("1 new request");
    expect(count(3, "{count} new request", "{count} new requests")).toBe("3 new requests");
  });

  it("keep a name that is written from right to left from turning the words around it", () => {
    expect(say("Message to @{username}", { username: "نور" })).toBe("Message to @\u2068نور\u2069");
    expect(say("{name} writes: {text}", { name: "Bob", text: "\u202etfel" })).toBe("Bob writes: \u2068\u202etfel\u2069");
    expect(say("Message to @{username}", { username: "bob_2" })).toBe("Message to @bob_2");
  });

  it("are in the language that was chosen, or the first of the browser's that there is", () => {
    expect(chosen("auto", ["fr-FR", "de-AT", "en"])).toBe("de");
    expect(chosen("auto", ["fr"])).toBe("en");
    expect(chosen("en", ["de"])).toBe("en");
  });
});
