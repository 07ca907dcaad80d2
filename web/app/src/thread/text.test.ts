import { describe, expect, it } from "vitest";
import { partsOf } from "./text";

const addresses = (text: string) => partsOf(text).flatMap((part) => (part.isAddress ? [part.words] : []));

describe("addresses in what somebody wrote", () => {
  it.each([
    ["see https://example.org/a?b=c#d, please", ["https://example.org/a?b=c#d"]],
    ["(http://example.org).", ["http://example.org"]],
    ["two: https://a.example https://b.example!", ["https://a.example", "https://b.example"]],
    ["javascript:alert(1) and ftp://example.org", []],
    ["no address", []],
  ])("are found without what follows them: %s", (text, found) => {
    expect(addresses(text)).toEqual(found);
  });

  it("leave every letter where it was", () => {
    const text = "a https://example.org/ö b\nhttps://example.org.";
    expect(partsOf(text).map((part) => part.words).join("")).toBe(text);
  });
});
