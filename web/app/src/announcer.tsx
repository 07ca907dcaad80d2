/** What happens out of sight, for who listens to the page: a message, once, and who calls, once. */
import { useEffect, useState } from "react";
import { nameOf } from "./design/avatar";
import { say } from "./words/words";

export interface Arrival {
  /** Names the message: the same one is read out once. */
  id: string;
  from: { username: string; display_name: string; verified: boolean };
  text: string;
}

/** Names the call and says who calls. */
interface Called {
  id: string;
  words: string;
}

interface AnnouncerProps {
  arrival: Arrival | undefined;
  /** Undefined where nobody calls. */
  ring: Called | undefined;
  /** Somebody calls while one talks. */
  waiting: Called | undefined;
}

export function Announcer({ arrival, ring, waiting }: AnnouncerProps) {
  const [message, setMessage] = useState({ id: "", words: "" });
  const [caller, setCaller] = useState("");
  useEffect(() => {
    if (arrival === undefined) return;
    setMessage({ id: arrival.id, words: say("{name} writes: {text}", { name: nameOf(arrival.from), text: arrival.text }) });
  }, [arrival?.id]);
  // On a page that has the focus the dialog of the ring takes it, and is read out by that: twice would be once too often.
  useEffect(() => setCaller(ring === undefined || document.hasFocus() ? "" : ring.words), [ring?.id]);
  return (
    // The attribute keeps it audible while a dialog hides the rest of the page.
    <div className="hidden-text" data-live-announcer="true">
      {/* An element for each message: the same words once more are a change too. */}
      <div aria-live="polite">
        <p key={message.id}>{message.words}</p>
      </div>
      <div aria-live="polite">{waiting?.words}</div>
      <div aria-live="assertive">{caller}</div>
    </div>
  );
}
