/** All of who may ring, for the settings: each change is shown at once, and what it comes to is asked for meanwhile. */
import type { CallSettings, Consent, Person } from "@ringline/client";
import { Button } from "react-aria-components";
import { NextIcon, BellOffIcon } from "../design/icons";
import { follow } from "../route";
import { say } from "../words/words";
import { Callers } from "./callers";
import { PeopleChoices } from "./people";
import { Quiet } from "./quiet_hours";
import { usePreviews } from "./use_consent";
import type { Wished } from "./wished";

interface CallSectionProps {
  consent: Consent;
  calls: Wished<CallSettings>;
  find(username: string): Promise<Person>;
}

export function CallSection({ consent, calls, find }: CallSectionProps) {
  const settings = calls.shown;
  const previews = usePreviews(consent, settings);
  if (settings === undefined) return null; // that it could not be read is said at the top of the page
  const change = (part: Partial<CallSettings>) => calls.set({ ...settings, ...part });
  return (
    <>
      {calls.failed && (
        <div role="alert" className="notice settings-lost">
          <p>{say("Your settings could not be saved. They are as they were.")}</p>
          <Button className="button plain" onPress={() => calls.again()}>
            {say("Try again")}
          </Button>
        </div>
      )}
      <Callers settings={settings} previews={previews} change={change} />
      <Quiet hours={settings.quiet_hours} change={(quiet_hours) => change({ quiet_hours })} />
      <PeopleChoices consent={consent} find={find} settings={settings} />
      <div className="settings-group">
        <div className="settings-card">
          <a className="settings-row door" href="/settings/silent" onClick={follow("/settings/silent")}>
            <span className="row-icon">
              <BellOffIcon />
            </span>
            <span className="settings-words grow">
              {say("Calls that did not ring")}
              <span className="quiet">{say("Who tried, why it was silent, and changing it")}</span>
            </span>
            <NextIcon />
          </a>
        </div>
      </div>
    </>
  );
}
