/** Reads and saves what the settings show. What cannot be saved goes back to what it was, and says so. */
import type { Account, Audience, Device, Person, Session } from "@ringline/client";
import { Reason, Refused } from "@ringline/client";
import { useEffect, useState } from "react";
import { refusal } from "../words/refusal";
import { say } from "../words/words";
import { Settings } from "./settings";

interface Props {
  session: Session;
  /** The account is shown elsewhere too. */
  changed(): void;
  back(): void;
  signOut(): void;
}

const RENAMING = { [Reason.LIMITED]: "You have changed your username often. Wait some days, then try again." } as const;

export default function SettingsPage({ session, changed, back, signOut }: Props) {
  const [account, setAccount] = useState<Account>(session.account);
  const [callers, setCallers] = useState<Audience[] | undefined>(undefined);
  const [writers, setWriters] = useState<Audience[] | undefined>(undefined);
  const [devices, setDevices] = useState<Device[] | undefined>(undefined);
  const [blocked, setBlocked] = useState<Person[] | undefined>(undefined);
  const [notice, setNotice] = useState<string | undefined>(undefined);
  const [lost, setLost] = useState(false);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    setLost(false);
    const fail = () => setLost(true);
    session.audiences().then(setCallers, fail);
    session.messageAudiences().then(setWriters, fail);
    session.devices().then(setDevices, fail);
    session.blocked().then(setBlocked, fail);
    session.me().then(setAccount, fail);
  }, [session, tries]);

  // Also what another device has made of it.
  useEffect(() => setAccount(session.account), [session.account]);

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
  /** Answers why not, in words. */
  const rename = async (username: string) => {
    try {
      await session.rename(username);
    } catch (error) {
      return error instanceof Refused ? refusal(error, RENAMING) : say("That did not work. Try again.");
    }
    changed();
    return undefined;
  };
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
      again={lost ? () => setTries(tries + 1) : undefined}
      actions={{
        back,
        signOut,
        change,
        rename,
        revoke,
        unblock,
        setCallers: (wish) => save(wish, callers, setCallers, session.setAudiences(wish)),
        setWriters: (wish) => save(wish, writers, setWriters, session.setMessageAudiences(wish)),
      }}
    />
  );
}
