/** Who one is, who may call and write, which devices are signed in, and how the page looks and sounds. */
import type { Account, Audience, Device, Person } from "@ringline/client";
import type { ReactNode } from "react";
import { Button } from "react-aria-components";
import { Again, Window } from "../design/window";
import { say } from "../words/words";
import { AudienceGroup } from "./audience";
import { Blocked } from "./blocked";
import { Devices } from "./devices";
import { Appearance, Sounds } from "./device_wishes";
import { Equipment } from "./equipment";
import { ProfileForm } from "./profile";
import "./settings.css";

export interface SettingsProps {
  account: Account;
  /** Who may ring, and when. */
  calling: ReactNode;
  /** These are undefined while they are on their way. */
  writers: Audience[] | undefined;
  devices: Device[] | undefined;
  blocked: Person[] | undefined;
  ownDevice: string;
  notice: string | undefined;
  /** Something could not be read; undefined where all is there. */
  again: (() => void) | undefined;
  actions: {
    back(): void;
    signOut(): void;
    change(part: { display_name?: string; searchable?: boolean }): void;
    rename(username: string): Promise<string | undefined>;
    revoke(deviceId: string): void;
    unblock(username: string): void;
    setWriters(audiences: Audience[]): void;
  };
}

export function Settings({ account, calling, writers, devices, blocked, ownDevice, notice, again, actions }: SettingsProps) {
  return (
    <Window title={say("Settings")} back={actions.back}>
      <div className="settings">
        {notice !== undefined && (
          <p role="alert" className="notice">
            {notice}
          </p>
        )}
        {again !== undefined && (
          <div role="alert" className="notice settings-lost">
            <p>{say("Your settings could not be loaded.")}</p>
            <Again again={again} />
          </div>
        )}
        <ProfileForm account={account} change={actions.change} rename={actions.rename} />
        {calling}
        {writers !== undefined && (
          <AudienceGroup
            title={say("Who can message me")}
            words={
              writers.length === 0
                ? say("Only people you have written to can write to you now.")
                : say("Messages of people you do not know wait among the requests, without a sound.")
            }
            value={writers}
            change={actions.setWriters}
          />
        )}
        {blocked !== undefined && blocked.length > 0 && <Blocked people={blocked} unblock={actions.unblock} />}
        <Equipment username={account.username} />
        <Appearance />
        <Sounds />
        {devices !== undefined && <Devices devices={devices} ownDevice={ownDevice} revoke={actions.revoke} />}
        <Button className="button plain danger settings-leave" onPress={actions.signOut}>
          {say("Sign out")}
        </Button>
      </div>
    </Window>
  );
}
