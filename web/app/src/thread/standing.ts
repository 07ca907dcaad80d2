/** How one stands to the person whose window is open, and changing it: shown at once, taken back where it did not work. */
import type { Session, Standing } from "@ringline/client";
import { useEffect, useState } from "react";

export interface StandingActions extends Standing {
  /** False while it is on its way. */
  known: boolean;
  /** The last change did not work. */
  failed: boolean;
  /** How often something was changed and saved. */
  changes: number;
  setContact(present: boolean): void;
  setFollows(present: boolean): void;
  setBlocked(present: boolean): void;
}

const STRANGER: Standing = { contact: false, follows: false, blocked: false };
const AGAIN_MS = 4_000;

export function useStanding(session: Session, username: string | undefined, contactsChanged: () => void): StandingActions {
  const [standing, setStanding] = useState<Standing | undefined>(undefined);
  const [failed, setFailed] = useState(false);
  const [tries, setTries] = useState(0);
  const [changes, setChanges] = useState(0);
  useEffect(() => {
    setStanding(undefined);
    setFailed(false);
  }, [session, username]);
  useEffect(() => {
    if (username === undefined || username === session.account.username) return;
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    session.standing(username).then(
      (found) => gone || setStanding(found),
      () => {
        // Nobody has to open the window again for what could not be read once.
        if (!gone) timer = setTimeout(() => setTries((one) => one + 1), AGAIN_MS);
      },
    );
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [session, username, tries]);
  const change = (part: Partial<Standing>, work: Promise<unknown>) => {
    const before = standing;
    setFailed(false);
    setStanding({ ...STRANGER, ...before, ...part });
    work.then(
      () => {
        contactsChanged();
        setChanges((one) => one + 1);
        if (before === undefined) setTries(tries + 1); // the rest of it is still to be learned
      },
      () => {
        setStanding(before);
        setFailed(true);
      },
    );
  };
  const name = username ?? "";
  return {
    ...STRANGER,
    ...standing,
    known: standing !== undefined,
    failed,
    changes,
    setContact: (contact) => change({ contact }, session.setContact(name, contact)),
    setFollows: (follows) => change({ follows }, session.setFollows(name, follows)),
    setBlocked: (blocked) => change({ blocked }, session.setBlocked(name, blocked)),
  };
}
