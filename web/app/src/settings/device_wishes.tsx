/** What is kept on this device alone: how the page looks, and what it sounds like. */
import type { ReactNode } from "react";
import { Label, Radio, RadioGroup, Switch } from "react-aria-components";
import { Track } from "../design/box";
import type { Preferences, Theme } from "../preferences";
import { prefer, usePreferences } from "../preferences";
import type { Message } from "../words/words";
import { say } from "../words/words";

const THEMES: [Theme, Message][] = [
  ["system", "Like the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export function Appearance() {
  const { theme, language } = usePreferences();
  return (
    <section className="settings-group" aria-label={say("Appearance")}>
      <h2 className="settings-title">{say("Appearance")}</h2>
      <div className="settings-card">
        <RadioGroup className="settings-row settings-choice" value={theme} onChange={(value) => prefer({ theme: value as Theme })}>
          <Label>{say("Colours")}</Label>
          <Choices>
            {THEMES.map(([value, words]) => (
              <Radio key={value} value={value} className="choice">
                {say(words)}
              </Radio>
            ))}
          </Choices>
        </RadioGroup>
        <RadioGroup
          className="settings-row settings-choice"
          value={language}
          onChange={(value) => prefer({ language: value as Preferences["language"] })}
        >
          <Label>{say("Language")}</Label>
          <Choices>
            <Radio value="auto" className="choice">
              {say("Automatic")}
            </Radio>
            <Radio value="en" className="choice">
              <span lang="en">English</span>
            </Radio>
            <Radio value="de" className="choice">
              <span lang="de">Deutsch</span>
            </Radio>
          </Choices>
        </RadioGroup>
      </div>
    </section>
  );
}

function Choices({ children }: { children: ReactNode }) {
  return <div className="choices">{children}</div>;
}

export function Sounds() {
  const { ring, messageSound } = usePreferences();
  return (
    <section className="settings-group" aria-label={say("Sounds")}>
      <h2 className="settings-title">{say("Sounds")}</h2>
      <div className="settings-card">
        <Switch className="switch settings-row" isSelected={ring} onChange={(value) => prefer({ ring: value })}>
          <span className="settings-words">
            {say("Ring on this device")}
            <span className="quiet">{say("Without it a call is only shown.")}</span>
          </span>
          <Track />
        </Switch>
        <Switch className="switch settings-row" isSelected={messageSound} onChange={(value) => prefer({ messageSound: value })}>
          <span className="settings-words">{say("A soft note for new messages")}</span>
          <Track />
        </Switch>
      </div>
    </section>
  );
}
