/** What stands above the composer, or in its place. */
import { Button } from "react-aria-components";
import type { Shown } from "../design/avatar";
import { nameOf } from "../design/avatar";
import { say } from "../words/words";

interface RequestNoteProps {
  person: Shown;
  /** What was wished last did not work. */
  failed: boolean;
  accept(): void;
  remove(): void;
  block(): void;
  report(): void;
}

export function RequestNote({ person, failed, accept, remove, block, report }: RequestNoteProps) {
  return (
    <section className="note" aria-label={say("Request")}>
      <p>{say("{name} is not known to you. They do not learn that you have seen this, until you accept or write back.", { name: nameOf(person) })}</p>
      {failed && (
        <p role="alert" className="note-failed">
          {say("That did not work. Try again.")}
        </p>
      )}
      <div className="note-ways">
        <Button className="button plain danger" onPress={report}>
          {say("Report")}
        </Button>
        <Button className="button plain danger" onPress={block}>
          {say("Block")}
        </Button>
        <Button className="button plain" onPress={remove}>
          {say("Delete")}
        </Button>
        <Button className="button" onPress={accept}>
          {say("Accept")}
        </Button>
      </div>
    </section>
  );
}

export function BlockedNote({ person, unblock }: { person: Shown; unblock(): void }) {
  return (
    <section className="note" aria-label={say("Blocked")}>
      <p>{say("You blocked @{username}. They cannot call or write to you, and they do not learn it.", { username: person.username })}</p>
      <div className="note-ways">
        <Button className="button plain" onPress={unblock}>
          {say("Unblock")}
        </Button>
      </div>
    </section>
  );
}
