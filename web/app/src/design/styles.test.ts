import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "..");
const SHEETS = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".css"));
/** Properties that mean one side of the screen, where the page may be written from either. */
const PHYSICAL = /(?:^|[;{\s])(?:(?:margin|padding|border)-(?:left|right)[\w-]*|left|right)\s*:|(?:float|text-align|clear)\s*:\s*(?:left|right)/;
/** One's own picture goes to the corner of the screen that somebody drags it to. */
const EXCEPT = /\.self\b/;

describe("style sheets", () => {
  it.each(SHEETS)("know the beginning and the end of a line, not left and right: %s", (path) => {
    const rules = readFileSync(join(ROOT, path), "utf8").match(/[^{}]+\{[^{}]*\}/g) ?? [];
    const sided = rules.filter((rule) => PHYSICAL.test(rule.slice(rule.indexOf("{"))) && !EXCEPT.test(rule));
    expect(sided).toEqual([]);
  });
});
