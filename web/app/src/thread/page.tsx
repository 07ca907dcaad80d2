/** `/@bob`: looks up who that is, then shows the window. */
import type { Person, Session } from "@ringline/client";
import { Reason, Refused } from "@ringline/client";
import type { ReactNode } from "react";
import { useEffect, useState } from "react";
import { Nobody, PersonWindow } from "./window";

interface Props {
  session: Session;
  username: string;
  contacts: Person[];
  contactsChanged(): void;
  busy: boolean;
  stage: ReactNode;
  call(username: string, kind: "audio" | "video"): void;
  back(): void;
}

export function PersonPage({ session, username, contacts, contactsChanged, busy, stage, call, back }: Props) {
  const known = contacts.find((one) => one.username === username.toLowerCase());
  const [found, setFound] = useState<Person | "nobody" | undefined>(undefined);
  useEffect(() => {
    let gone = false;
    session.profile(username).then(
      (person) => gone || setFound(person),
      (error: unknown) => {
        const nobody = error instanceof Refused && error.reason !== Reason.UNAVAILABLE;
        if (!gone && nobody) setFound("nobody");
      },
    );
    return () => {
      gone = true;
    };
  }, [session, username]);

  const person = found ?? known;
  if (person === "nobody") return <Nobody username={username} back={back} />;
  if (person === undefined) return <main className="window" aria-busy="true" />;
  return (
    <PersonWindow
      person={person}
      contact={contacts.some((one) => one.username === person.username)}
      self={person.username === session.account.username}
      busy={busy}
      stage={stage}
      actions={{
        back,
        call: (kind) => call(person.username, kind),
        setContact: (present) => void session.setContact(person.username, present).finally(contactsChanged),
      }}
    />
  );
}
