import type { Audience, Session } from "@ringline/client";
import { useEffect, useState } from "react";
import { Settings } from "./settings";

const FAILED = "Your settings could not be saved. They are as they were.";

export function SettingsPage({ session, back, signOut }: { session: Session; back(): void; signOut(): void }) {
  const [audiences, setAudiences] = useState<Audience[] | undefined>(undefined);
  const [notice, setNotice] = useState<string | undefined>(undefined);
  useEffect(() => {
    session.audiences().then(setAudiences, () => setNotice("Your settings could not be loaded."));
  }, [session]);
  const save = (wanted: Audience[]) => {
    const before = audiences;
    setAudiences(wanted);
    setNotice(undefined);
    session.setAudiences(wanted).then(setAudiences, () => {
      setAudiences(before);
      setNotice(FAILED);
    });
  };
  return (
    <Settings
      me={session.account}
      audiences={audiences}
      notice={notice}
      back={back}
      setAudiences={save}
      signOut={signOut}
    />
  );
}
