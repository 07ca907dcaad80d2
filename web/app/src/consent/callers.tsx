/** Who may call, and beside each what it comes to now. */
import type { Audience, CallSettings, SampleKind } from "@ringline/client";
import { useId } from "react";
import { Button, Checkbox, CheckboxGroup, Label, Switch, ToggleButton } from "react-aria-components";
import { Box, Track } from "../design/box";
import { BellIcon, BellOffIcon, MoonIcon, PhoneIcon } from "../design/icons";
import type { Message } from "../words/words";
import { say } from "../words/words";
import { KindLine } from "./answer";
import { quietUntil } from "./quiet";
import { untilWords } from "./quiet_words";
import { whoRings } from "./reasons";
import type { Previews } from "./use_consent";
import { useNow } from "./use_consent";
import "./consent.css";

const ROWS: [Audience, SampleKind, Message, Message][] = [
  ["contacts", "contact", "My contacts", "People in your address book"],
  ["following", "following", "People I follow", "Whether or not they follow you"],
  ["verified", "verified", "Verified people", "Accounts with the verified mark"],
  ["everyone", "stranger", "Everyone", "Anyone who knows your username"],
];

export interface CallersProps {
  settings: CallSettings;
  previews: Previews;
  change(part: Partial<CallSettings>): void;
}

export function Callers({ settings, previews, change }: CallersProps) {
  const { audiences, audio_only: audioOnly } = settings;
  const setAudioOnly = (audience: Audience, on: boolean) =>
    change({ audio_only: on ? [...audioOnly, audience] : audioOnly.filter((one) => one !== audience) });
  return (
    <div className="settings-group">
      <CheckboxGroup className="settings-group" value={audiences} onChange={(wish) => change({ audiences: wish as Audience[] })}>
        <Label className="settings-title">{say("Who can call me")}</Label>
        <div className="settings-card">
          <Now settings={settings} />
          {ROWS.map(([audience, kind, name, more]) => (
            <CallerRow
              key={audience}
              audience={audience}
              words={[name, more]}
              line={(id) => <KindLine id={id} preview={previews.of(kind)} welcome={audiences.includes(audience) || audiences.includes("everyone")} />}
              isChosen={audiences.includes(audience)}
              audioOnly={audioOnly.includes(audience)}
              setAudioOnly={(on) => setAudioOnly(audience, on)}
            />
          ))}
        </div>
      </CheckboxGroup>
      {previews.failed && (
        <p role="alert" className="previews-failed">
          {say("What this means right now could not be checked.")}{" "}
          <Button className="link" onPress={previews.again}>
            {say("Try again")}
          </Button>
        </p>
      )}
      <div className="settings-card">
        <Switch className="switch settings-row" isSelected={settings.must_have_messaged} onChange={(on) => change({ must_have_messaged: on })}>
          <span className="settings-words">
            {say("Only people who have messaged me")}
            <span className="quiet">{say("Your contacts and people you follow can always call without writing first.")}</span>
          </span>
          <Track />
        </Switch>
        <Switch className="switch settings-row" isSelected={settings.always_relay} onChange={(on) => change({ always_relay: on })}>
          <span className="settings-words">
            {say("Always hide my network address")}
            <span className="quiet">
              {say("Every call then goes through our servers: it may lag a little and look less sharp. Strangers never see your address anyway.")}
            </span>
            <Relay settings={settings} previews={previews} />
          </span>
          <Track />
        </Switch>
      </div>
    </div>
  );
}

interface CallerRowProps {
  audience: Audience;
  words: [Message, Message];
  line(id: string): React.ReactNode;
  isChosen: boolean;
  audioOnly: boolean;
  setAudioOnly(on: boolean): void;
}

function CallerRow({ audience, words: [name, more], line, isChosen, audioOnly, setAudioOnly }: CallerRowProps) {
  const id = useId();
  return (
    <div className="caller">
      <Checkbox value={audience} className="checkbox caller-box" aria-describedby={id}>
        <span className="settings-words">
          {say(name)}
          <span className="quiet">{say(more)}</span>
        </span>
        <Box />
      </Checkbox>
      <div className="caller-now">
        {line(id)}
        {isChosen && (
          <ToggleButton className="chip small" aria-label={say("{who}: sound only", { who: say(name) })} isSelected={audioOnly} onChange={setAudioOnly}>
            <PhoneIcon /> {say("Sound only")}
          </ToggleButton>
        )}
      </div>
    </div>
  );
}

/** What all of it comes to at this moment, to be read before anything else. */
function Now({ settings }: { settings: CallSettings }) {
  const { audiences, quiet_hours: hours } = settings;
  const until = quietUntil(hours, useNow());
  const nobody = audiences.length === 0;
  const Icon = nobody ? BellOffIcon : until === undefined ? BellIcon : MoonIcon;
  return (
    <div className="now" data-quiet={nobody || until !== undefined}>
      <span className="now-icon">
        <Icon />
      </span>
      <p>
        <b>{nobody || until === undefined ? whoRings(settings) : untilWords(until)}</b>
        <span>{nobody ? say("You can still call others.") : until === undefined ? restWords(settings) : exceptions(settings)}</span>
      </p>
    </div>
  );
}

function restWords({ audiences, must_have_messaged: written }: CallSettings): string {
  if (audiences.includes("everyone")) return written ? say("Your contacts and people you follow need not write first.") : say("All but those you blocked.");
  return say("For anyone else your devices stay silent. To them it sounds as if nobody answered.");
}

function exceptions({ quiet_hours: { favourites, repeated } }: CallSettings): string {
  if (favourites && repeated) return say("Only favourites ring, and whoever calls twice.");
  if (favourites) return say("Only favourites ring.");
  return repeated ? say("Only whoever calls twice rings.") : say("Nobody rings.");
}

function Relay({ settings, previews }: { settings: CallSettings; previews: Previews }) {
  // Of a call that does not ring nothing is learned about its way.
  const ringing = [previews.of("contact"), previews.of("following")].filter((one) => one?.rings === true);
  const hidden = ringing.length === 0 ? settings.always_relay : ringing.every((one) => one?.relay === true);
  const words = hidden ? say("Now: nobody who calls you can see it") : say("Now: contacts and people you follow can see it in a call");
  return <span className="kind-line">{words}</span>;
}
