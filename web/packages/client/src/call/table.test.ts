import fc from "fast-check";
import { describe, expect, it } from "vitest";
import table from "./table.json";
import type { Input, State } from "./table";
import { mediaOf, step } from "./table";

const states = Object.keys(table.states) as State[];
const inputs = table.inputs as Input[];
/** A view that says: this line is in the call. */
const BOUND: ReadonlySet<Input> = new Set<Input>(["view.bound", "view.holding", "view.held"]);
const rows = table.states as Record<string, { on: Record<string, { to: string; send?: string }>; ignored: string[] }>;

describe("the client's call table", () => {
  it("has every input of every state exactly once (S15)", () => {
    for (const state of states) {
      const row = rows[state];
      const cells = [...Object.keys(row?.on ?? {}), ...(row?.ignored ?? [])].sort();
      expect(cells, state).toEqual([...inputs].sort());
    }
  });

  it("leads only to states and sends only words that exist", () => {
    for (const row of Object.values(rows)) {
      for (const cell of Object.values(row.on)) {
        expect(states).toContain(cell.to);
        if (cell.send !== undefined) expect(table.sends).toContain(cell.send);
      }
    }
  });

  it("opens media only after the user's gesture and the server's word (S1)", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...inputs), { maxLength: 30 }), (events) => {
        let state: State = "new";
        let bound = false;
        let wanted = false;
        for (const input of events) {
          const next = step(state, input);
          if (BOUND.has(input)) bound ||= !next.ignored;
          if (input === "user.place" || input === "user.answer") wanted ||= !next.ignored;
          // A view is only called calling or bound when this line's user consented: view.ts.
          if (input === "view.calling" || BOUND.has(input)) wanted ||= state === "new";
          state = next.state;
          if (mediaOf(state) === "open") expect(bound && wanted).toBe(true);
          if (mediaOf(state) === "prepared") expect(wanted).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("stays silent from the user's hold to his own word, whatever comes between (S9)", () => {
    fc.assert(
      fc.property(fc.constantFrom(...states), fc.array(fc.constantFrom(...inputs), { maxLength: 30 }), (from, events) => {
        let state = step(from, "user.hold").state;
        fc.pre(state === "holding");
        for (const input of events.filter((one) => one !== "user.resume")) {
          state = step(state, input).state;
          expect(["silent", "none"]).toContain(mediaOf(state));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("is silent as soon as it sees that the other side holds, and until it sees otherwise (S9)", () => {
    for (const state of states.filter((one) => mediaOf(one) === "open")) {
      expect(mediaOf(step(state, "view.held").state), state).toBe("silent");
    }
    for (const input of inputs.filter((one) => one !== "view.bound")) {
      expect(mediaOf(step("held", input).state), input).not.toBe("open");
    }
  });

  it("never leaves the end (S4)", () => {
    for (const input of inputs) expect(step("ended", input).state).toBe("ended");
  });

  it("lets the person hang up or decline in every state in which something happens", () => {
    for (const state of states.filter((s) => !["new", "ended", "silenced", "cancelling"].includes(s))) {
      const ways = ["user.hang_up", "user.decline"].map((input) => step(state, input as Input));
      expect(ways.some((way) => !way.ignored), state).toBe(true);
    }
  });
});
