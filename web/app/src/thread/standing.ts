/** How one stands to the person whose window is open, and changing it: shown at once, taken back where it did not work. */
import type { Session, Standing } from "@ringline/client";
import { useEffect, useState } from "react";

export interface StandingActions extends Standing {
  /** False while it is on its way. */
  known: boolean;
  setContact(present: boolean): void;
  setFollows(present: boolean): void;
  setBlocked(present: boolean): void;
}

const STRANGER: Standing = { contact: false, follows: false, blocked: false };

export function useStanding(session: Session, username: string | undefined, contactsChanged: () => void): StandingActions {
  const [standing, setStanding] = useState<Standing | undefined>(undefined);
  useEffect(() => {
    setStanding(undefined);
    if (username === undefined || username === session.account.username) return;
    let gone = false;
    session.standing(username).then(
      (found) => gone || setStanding(found),
      () => undefined,
    );
    return () => {
      gone = true;
    };
  }, [session, username]);
  const change = (part: Partial<Standing>, work: Promise<unknown>) => {
    const before = standing;
    setStanding({ ...STRANGER, ...before, ...part });
    work.then(contactsChanged, () => setStanding(before));
  };
  const name = username ?? "";
  return {
    ...STRANGER,
    ...standing,
    known: standing !== undefined,
    setContact: (contact) => change({ contact }, session.setContact(name, contact)),
    setFollows: (follows) => change({ follows }, session.setFollows(name, follows)),
    setBlocked: (blocked) => change({ blocked }, session.setBlocked(name, blocked)),
  };
}
