/** Who can call me, and leaving. */
import type { Audience } from "@ringline/client";
import { Button, Checkbox, CheckboxGroup, Label } from "react-aria-components";
import { Box } from "../account/codes";
import type { Shown } from "../design/avatar";
import { Avatar, nameOf } from "../design/avatar";
import { BackIcon } from "../design/icons";
import "./settings.css";

const WORDS: [Audience, string, string][] = [
  ["contacts", "My contacts", "People in your address book"],
  ["following", "People I follow", ""],
  ["verified", "Verified people", "Accounts with the verified mark"],
  ["everyone", "Everyone", "Anyone who knows your username"],
];

export interface SettingsProps {
  me: Shown;
  /** undefined while they are on their way */
  audiences: Audience[] | undefined;
  notice: string | undefined;
  back(): void;
  setAudiences(audiences: Audience[]): void;
  signOut(): void;
}

export function Settings({ me, audiences, notice, back, setAudiences, signOut }: SettingsProps) {
  return (
    <main className="window" aria-label="Settings">
      <header className="window-head">
        <Button className="icon-button back" aria-label="Back" onPress={back}>
          <BackIcon />
        </Button>
        <div className="window-who">
          <h1>Settings</h1>
        </div>
      </header>
      <div className="settings">
        <section className="settings-me">
          <Avatar person={me} size={64} />
          <div>
            <h2>{nameOf(me)}</h2>
            <p className="quiet">@{me.username}</p>
          </div>
        </section>
        {notice !== undefined && (
          <p role="alert" className="notice">
            {notice}
          </p>
        )}
        {audiences !== undefined && (
          <CheckboxGroup className="settings-group" value={audiences} onChange={(value) => setAudiences(value as Audience[])}>
            <Label className="settings-title">Who can call me</Label>
            <p className="quiet">
              {audiences.length === 0
                ? "Nobody can call you now. You can still call others."
                : "For everybody else your phone seems to ring unanswered. They do not learn why."}
            </p>
            <div className="settings-card">
              {WORDS.map(([audience, name, more]) => (
                <Checkbox key={audience} value={audience} className="checkbox settings-row">
                  <span className="settings-words">
                    {name}
                    {more !== "" && <span className="quiet">{more}</span>}
                  </span>
                  <Box />
                </Checkbox>
              ))}
            </div>
          </CheckboxGroup>
        )}
        <Button className="button plain settings-leave" onPress={signOut}>
          Sign out
        </Button>
      </div>
    </main>
  );
}
