/** Reads and saves what the settings show. What cannot be saved goes back to what it was, and says so. */
import type { Account, Audience, Device, Person, Session } from "@ringline/client";
import { useEffect, useState } from "react";
import { say } from "../words/words";
import { Settings } from "./settings";

export default function SettingsPage({ session, back, signOut }: { session: Session; back(): void; signOut(): void }) {
  const [account, setAccount] = useState<Account>(session.account);
  const [callers, setCallers] = useState<Audience[] | undefined>(undefined);
  const [writers, setWriters] = useState<Audience[] | undefined>(undefined);
  const [devices, setDevices] = useState<Device[] | undefined>(undefined);
  const [blocked, setBlocked] = useState<Person[] | undefined>(undefined);
  const [notice, setNotice] = useState<string | undefined>(undefined);
  useEffect(() => {
    const lost = () => setNotice(say("Your settings could not be loaded."));
    session.audiences().then(setCallers, lost);
    session.messageAudiences().then(setWriters, lost);
    session.devices().then(setDevices, lost);
    session.blocked().then(setBlocked, lost);
    session.me().then(setAccount, lost);
  }, [session]);

  /** Shows the wish at once, and what it became. */
  const save = <T,>(wish: T, before: T, show: (value: T) => void, work: Promise<T>) => {
    setNotice(undefined);
    show(wish);
    work.then(show, () => {
      show(before);
      setNotice(say("Your settings could not be saved. They are as they were."));
    });
  };
  const change = (part: { display_name?: string; searchable?: boolean }) =>
    save({ ...account, ...part }, account, setAccount, session.changeProfile(part));
  const revoke = (deviceId: string) => {
    const before = devices;
    save(devices?.filter((one) => one.device_id !== deviceId), before, setDevices, session.revoke(deviceId).then(() => session.devices()));
  };
  const unblock = (username: string) => {
    const done = session.setBlocked(username, false).then(() => session.blocked());
    save(blocked?.filter((one) => one.username !== username), blocked, setBlocked, done);
  };
  return (
    <Settings
      account={account}
      callers={callers}
      writers={writers}
      devices={devices}
      blocked={blocked}
      ownDevice={session.deviceId}
      notice={notice}
      actions={{
        back,
        signOut,
        change,
        revoke,
        unblock,
        setCallers: (wish) => save(wish, callers, setCallers, session.setAudiences(wish)),
        setWriters: (wish) => save(wish, writers, setWriters, session.setMessageAudiences(wish)),
      }}
    />
  );
}
