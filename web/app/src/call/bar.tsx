/** A call that goes on while the person looks at another page, or that ended before its window was opened. */
import { Button } from "react-aria-components";
import { Avatar, nameOf } from "../design/avatar";
import { HangUpIcon } from "../design/icons";
import type { Face } from "./face";
import { CallStatus } from "./status";
import "./bar.css";

export interface BarActions {
  open(): void;
  hangUp(): void;
  dismiss(): void;
}

export function CallBar({ face, actions }: { face: Face; actions: BarActions }) {
  const over = face.state === "ended";
  return (
    <section className="call-bar" aria-label={`Call with @${face.peer.username}`}>
      <Button className="call-bar-open" aria-label={`Open @${face.peer.username}`} onPress={actions.open}>
        <Avatar person={face.peer} size={36} />
        <span className="call-bar-name">{nameOf(face.peer)}</span>
      </Button>
      <CallStatus face={face} />
      {face.refused !== undefined && <p className="call-bar-refused">{face.refused}</p>}
      {over ? (
        <Button className="call-bar-close" onPress={actions.dismiss}>
          Close
        </Button>
      ) : (
        <Button className="control hang-up call-bar-hang-up" aria-label="Hang up" onPress={actions.hangUp}>
          <HangUpIcon />
        </Button>
      )}
    </section>
  );
}
