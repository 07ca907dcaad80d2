/** The list of conversations: what the threads say, and calls that the event stream has not brought yet. */
import type { Entry, Person, Thread, Threads } from "@ringline/client";

/** One conversation in the list. */
export interface Row {
  peer: Person;
  last: Entry | null;
  unread: number;
  online: boolean;
}

export function rowsOf(threads: Threads): Row[] {
  const rows = new Map<string, Row>();
  const add = ({ peer, last, unread }: Thread) =>
    rows.set(peer.user_id, { peer, last, unread, online: threads.online.has(peer.user_id) });
  for (const thread of threads.list("inbox")) add(thread);
  for (const { peer, entry, ended_ms } of threads.ended()) {
    const thread = threads.thread(peer.user_id);
    const row = rows.get(peer.user_id);
    // A stranger's call stays among the requests, where his thread is.
    if (thread?.folder === "requests" || (row?.last?.at_ms ?? 0) >= ended_ms) continue;
    const known = row?.last?.call?.call_id === entry.call?.call_id;
    if (!known) rows.set(peer.user_id, { peer, unread: 0, online: threads.online.has(peer.user_id), ...row, last: entry });
  }
  return [...rows.values()].sort((a, b) => (b.last?.at_ms ?? 0) - (a.last?.at_ms ?? 0));
}
