/** The thread itself: as much of it as is drawn, and the way to more. */
import type { Entry, Pending } from "@ringline/client";
import type { ReactNode } from "react";
import { useEffect } from "react";
import { Button } from "react-aria-components";
import { DownIcon } from "../design/icons";
import { say } from "../words/words";
import type { EntryActions } from "./entry";
import { ThreadEntry } from "./entry";
import { threadRows } from "./rows";
import { useScroll } from "./scroll";

export interface ThreadViewProps {
  entries: Entry[];
  pending: Pending[];
  readUpTo: number;
  ownDevice: string;
  busy: boolean;
  /** There is more above than was read. */
  more: boolean;
  loading: boolean;
  /** It could not be read; it is tried again. */
  failed: boolean;
  /** Why it cannot be read any more. */
  missing?: string | undefined;
  /** At the very top, where the thread begins; alone where there is nothing yet. */
  beginning: ReactNode;
  actions: EntryActions & { older(): void; seen(number: number): void };
}

export function ThreadView({ entries, pending, readUpTo, ownDevice, busy, more, loading, failed, missing, beginning, actions }: ThreadViewProps) {
  const { box, part, atEnd, scrolled, toEnd } = useScroll(entries.length, { more, loading, older: actions.older }, pending.length);
  // A call that the event stream has not brought yet has no number: nothing can be read up to it.
  const newest = entries.findLast((one) => one.number > 0)?.number ?? 0;
  useEffect(() => {
    const look = () => {
      if (atEnd && newest > 0 && document.visibilityState === "visible") actions.seen(newest);
    };
    look();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [atEnd, newest]);
  useEffect(() => {
    if (pending.length > 0) toEnd();
  }, [pending.length]);
  const drawn = entries.slice(part.start, part.end);
  const rows = threadRows(drawn, part.end === entries.length ? pending : [], entries[part.start - 1], readUpTo);
  const whole = part.start === 0 && !more;
  return (
    <div className="thread-frame">
      <div className="thread" ref={box} onScroll={scrolled} tabIndex={0} role="region" aria-label={say("Messages and calls")}>
        {missing !== undefined && <p className="thread-more">{missing}</p>}
        {missing === undefined && (whole && !failed ? beginning : <p className="thread-more">{failed ? say("No connection. Trying again…") : say("Loading…")}</p>)}
        <ol className="thread-rows">
          {rows.map((row) => (
            <ThreadEntry key={row.key} row={row} ownDevice={ownDevice} busy={busy} actions={actions} />
          ))}
        </ol>
      </div>
      {!atEnd && entries.length > 0 && (
        <Button className="to-end" aria-label={say("Go to the newest")} onPress={toEnd}>
          <DownIcon />
        </Button>
      )}
    </div>
  );
}
