/** What stands below one another in a thread: days, the mark of what is new, messages in groups, calls. */
import type { Entry, Pending } from "@ringline/client";
import { sameDay } from "../words/dates";

export interface MessageRow {
  kind: "message";
  key: string;
  at: number;
  text: string;
  outgoing: boolean;
  /** The first, and the last, of a few that one person wrote at a time. */
  first: boolean;
  last: boolean;
  /** Undefined where it has arrived. */
  pending: Pending | undefined;
}

export type ThreadRow =
  | { kind: "day"; key: string; at: number }
  | { kind: "unread"; key: string }
  | { kind: "call"; key: string; entry: Entry }
  | MessageRow;

const TOGETHER_MS = 4 * 60_000;

/**
 * @param before the entry before the first of these, which are a part of the thread
 * @param readUpTo entries of the other above this number were new when the window was opened
 */
export function threadRows(entries: Entry[], pending: Pending[], before: Entry | undefined, readUpTo: number): ThreadRow[] {
  const rows: ThreadRow[] = [];
  let at = before?.at_ms;
  let marked = before !== undefined && isNew(before, readUpTo);
  for (const entry of entries) {
    if (at === undefined || !sameDay(at, entry.at_ms)) rows.push({ kind: "day", key: `day ${entry.at_ms}`, at: entry.at_ms });
    at = entry.at_ms;
    if (!marked && isNew(entry, readUpTo)) {
      marked = true;
      rows.push({ kind: "unread", key: "unread" });
    }
    rows.push(rowOf(entry));
  }
  for (const one of pending) {
    if (at === undefined || !sameDay(at, one.at_ms)) rows.push({ kind: "day", key: `day ${one.at_ms}`, at: one.at_ms });
    at = one.at_ms;
    rows.push({ kind: "message", key: one.client_id, at, text: one.text, outgoing: true, first: true, last: true, pending: one });
  }
  return grouped(rows);
}

function isNew(entry: Entry, readUpTo: number): boolean {
  return entry.number > readUpTo && (entry.message?.outgoing === false || entry.call?.missed === true);
}

function rowOf(entry: Entry): ThreadRow {
  const { message, call, at_ms: at, number } = entry;
  if (message === null) return { kind: "call", key: call?.call_id ?? String(number), entry };
  // The same key as while it was on its way: nothing jumps when it arrives.
  const key = message.client_id === "" ? message.message_id : message.client_id;
  return { kind: "message", key, at, text: message.text, outgoing: message.outgoing, first: true, last: true, pending: undefined };
}

function grouped(rows: ThreadRow[]): ThreadRow[] {
  return rows.map((row, index) => {
    if (row.kind !== "message") return row;
    return { ...row, first: !together(rows[index - 1], row), last: !together(row, rows[index + 1]) };
  });
}

function together(one: ThreadRow | undefined, other: ThreadRow | undefined): boolean {
  if (one?.kind !== "message" || other?.kind !== "message") return false;
  return one.outgoing === other.outgoing && Math.abs(other.at - one.at) < TOGETHER_MS;
}
