/** Reads and saves what the settings show. What cannot be saved goes back to what it was, and says so. */
import type { Account, Audience, Device, Person, Session } from "@ringline/client";
import { Consent, Reason, Refused } from "@ringline/client";
import { useEffect, useMemo, useState } from "react";
import { CallSection } from "../consent/section";
import { useWished } from "../consent/use_consent";
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
  const [writers, setWriters] = useState<Audience[] | undefined>(undefined);
  const [devices, setDevices] = useState<Device[] | undefined>(undefined);
  const [blocked, setBlocked] = useState<Person[] | undefined>(undefined);
  const [notice, setNotice] = useState<string | undefined>(undefined);
  const [lost, setLost] = useState(false);
  const [tries, setTries] = useState(0);
  const consent = useMemo(() => new Consent(session), [session]);
  const calls = useWished([consent], () => consent.settings(), (wish) => consent.set(wish));
  useEffect(() => {
    setLost(false);
    const fail = () => setLost(true);
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
  const again = () => {
    if (calls.lost) void calls.load();
    if (lost) setTries(tries + 1);
  };
  return (
    <Settings
      account={account}
      calling={<CallSection consent={consent} calls={calls} find={(username) => session.profile(username)} />}
      writers={writers}
      devices={devices}
      blocked={blocked}
      ownDevice={session.deviceId}
      notice={notice}
      again={lost || calls.lost ? again : undefined}
      actions={{
        back,
        signOut,
        change,
        rename,
        revoke,
        unblock,
        setWriters: (wish) => save(wish, writers, setWriters, session.setMessageAudiences(wish)),
      }}
    />
  );
}
