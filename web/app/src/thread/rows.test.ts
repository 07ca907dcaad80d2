import type { Entry, Pending } from "@ringline/client";
import { describe, expect, it } from "vitest";
import { threadRows } from "./rows";
import { downwards, partOf, upwards } from "./scroll";

const NOON = new Date(2026, 2, 10, 12).getTime();
const MINUTE = 60_000;

function said(number: number, at_ms: number, outgoing = false, client_id = ""): Entry {
  return { number, at_ms, message: { message_id: `m_${number}`, outgoing, text: String(number), client_id }, call: null };
}

function called(number: number, at_ms: number, missed: boolean): Entry {
  const call = { call_id: `c_${number}`, outgoing: false, asked: { audio: true, video: false }, ending: "no_answer", missed, duration_ms: 0, answered_device_id: "" } as const;
  return { number, at_ms, message: null, call };
}

const kinds = (entries: Entry[], readUpTo: number, before?: Entry) => threadRows(entries, [], before, readUpTo).map((row) => row.kind);

describe("the rows of a thread", () => {
  it("begin a day with its name, also where the entry before is not drawn", () => {
    const all = [said(1, NOON - 24 * 60 * MINUTE), said(2, NOON), said(3, NOON + MINUTE)];
    expect(kinds(all, 99)).toEqual(["day", "message", "day", "message", "message"]);
    expect(kinds(all.slice(2), 99, all[1])).toEqual(["message"]);
  });

  it("mark what is new once, before the first of the other's that was not read", () => {
    const all = [said(1, NOON), said(2, NOON, true), called(3, NOON, true), said(4, NOON)];
    expect(kinds(all, 1)).toEqual(["day", "message", "message", "unread", "call", "message"]);
    expect(kinds(all.slice(3), 1, all[2])).toEqual(["message"]);
    expect(kinds([said(1, NOON), called(2, NOON, false)], 1)).not.toContain("unread");
  });

  it("group what one person wrote at a time", () => {
    const rows = threadRows([said(1, NOON), said(2, NOON + MINUTE), said(3, NOON + 30 * MINUTE), said(4, NOON + 31 * MINUTE, true)], [], undefined, 99);
    const ends = rows.flatMap((row) => (row.kind === "message" ? [`${row.first ? "first" : ""}${row.last ? "last" : ""}`] : []));
    expect(ends).toEqual(["first", "last", "firstlast", "firstlast"]);
  });

  it("keep the key of a message when it arrives, so that nothing jumps", () => {
    const pending: Pending = { client_id: "id-1", user_id: "u_bob", username: "bob", text: "1", at_ms: NOON, progress: "sending", why: undefined };
    const [, before] = threadRows([], [pending], undefined, 99);
    const [, after] = threadRows([said(1, NOON, true, "id-1")], [], undefined, 99);
    expect(after?.key).toBe(before?.key);
  });
});

describe("the part that is drawn", () => {
  it("moves by a page and never grows beyond three", () => {
    let view = { hidden: 0, size: 60 };
    for (let step = 0; step < 10; step += 1) view = upwards(view);
    const { start, end } = partOf(10_000, view);
    expect(end - start).toBe(180);
    expect(end).toBe(10_000 - view.hidden);
    for (let step = 0; step < 20; step += 1) view = downwards(view);
    expect(partOf(10_000, view)).toEqual({ start: 9820, end: 10_000 });
  });

  it("is everything where there is little", () => {
    expect(partOf(3, { hidden: 0, size: 60 })).toEqual({ start: 0, end: 3 });
    expect(partOf(0, { hidden: 60, size: 60 })).toEqual({ start: 0, end: 0 });
  });
});
