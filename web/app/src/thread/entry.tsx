/** One row of a thread. */
import type { CallEntry, Entry, Pending } from "@ringline/client";
import { Reason } from "@ringline/client";
import { Button } from "react-aria-components";
import { callOutcome, callTitle } from "../calls/title";
import { CameraIcon, ClockIcon, IncomingIcon, MissedIcon, OutgoingIcon, PhoneIcon, WarnIcon } from "../design/icons";
import type { Kind } from "../call/kind";
import { clock, day } from "../words/dates";
import { say } from "../words/words";
import { Text } from "./text";
import type { MessageRow, ThreadRow } from "./rows";

export interface EntryActions {
  /** Calls back. */
  call(kind: Kind): void;
  retry(clientId: string): void;
  discard(clientId: string): void;
}

interface EntryProps {
  row: ThreadRow;
  ownDevice: string;
  /** A call is going on: nobody can be called. */
  busy: boolean;
  actions: EntryActions;
}

export function ThreadEntry({ row, ownDevice, busy, actions }: EntryProps) {
  switch (row.kind) {
    case "day":
      return (
        <li className="day" data-key={row.key}>
          <span>{day(row.at, Date.now())}</span>
        </li>
      );
    case "unread":
      return (
        <li className="unread-mark" data-key={row.key} data-unread>
          <span>{say("New")}</span>
        </li>
      );
    case "call":
      return <CallRow key={row.key} name={row.key} entry={row.entry} ownDevice={ownDevice} busy={busy} call={actions.call} />;
    case "message":
      return <Bubble row={row} actions={actions} />;
  }
}

function Bubble({ row, actions }: { row: MessageRow; actions: EntryActions }) {
  const { outgoing, first, last, pending, text, at } = row;
  return (
    <li className="said" data-key={row.key} data-outgoing={outgoing} data-first={first} data-last={last} data-progress={pending?.progress}>
      <div className="bubble">
        <span className="hidden-text">{outgoing ? say("You:") : ""}</span>
        <span className="bubble-text" dir="auto">
          <Text>{text}</Text>
        </span>
        <span className="bubble-time">
          {pending === undefined ? "" : <ProgressIcon pending={pending} />}
          <time dateTime={new Date(at).toISOString()}>{clock(at)}</time>
        </span>
      </div>
      {pending?.progress === "failed" && <Failed pending={pending} actions={actions} />}
    </li>
  );
}

function ProgressIcon({ pending }: { pending: Pending }) {
  if (pending.progress === "failed") return <WarnIcon />;
  const words = pending.progress === "waiting" ? say("Waiting for a connection") : say("Sending");
  return (
    <>
      <ClockIcon />
      <span className="hidden-text">{words}</span>
    </>
  );
}

function Failed({ pending, actions }: { pending: Pending; actions: EntryActions }) {
  const limited = pending.why === Reason.LIMITED;
  return (
    <div className="failed">
      <span>{limited ? say("Not sent: too many messages in a short time.") : say("Not sent.")}</span>
      <Button className="link" onPress={() => actions.retry(pending.client_id)}>
        {say("Try again")}
      </Button>
      <Button className="link" onPress={() => actions.discard(pending.client_id)}>
        {say("Delete")}
      </Button>
    </div>
  );
}

interface CallRowProps {
  name: string;
  entry: Entry;
  ownDevice: string;
  busy: boolean;
  call(kind: Kind): void;
}

function CallRow({ name, entry, ownDevice, busy, call }: CallRowProps) {
  const past = entry.call;
  if (past === null) return null;
  const outcome = callOutcome(past, ownDevice);
  const about = [clock(entry.at_ms), outcome].filter((one) => one !== undefined).join(" · ");
  return (
    <li className="called" data-key={name} data-outgoing={past.outgoing}>
      <Button
        className={past.missed ? "called-card missed" : "called-card"}
        isDisabled={busy}
        onPress={() => call(past.asked.video ? "video" : "audio")}
      >
        <span className="called-icon">
          <CallIcon call={past} />
        </span>
        <span className="called-words">
          <b>{callTitle(past)}</b> <span>{about}</span>
        </span>{" "}
        <span className="hidden-text">{say("Call back")}</span>
        <span className="called-back">{past.asked.video ? <CameraIcon /> : <PhoneIcon />}</span>
      </Button>
    </li>
  );
}

export function CallIcon({ call }: { call: CallEntry }) {
  if (call.missed) return <MissedIcon />;
  return call.outgoing ? <OutgoingIcon /> : <IncomingIcon />;
}
