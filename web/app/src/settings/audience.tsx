/** Any combination of the people who may do something. */
import type { Audience } from "@ringline/client";
import { Checkbox, CheckboxGroup, Label } from "react-aria-components";
import { Box } from "../design/box";
import type { Message } from "../words/words";
import { say } from "../words/words";

const WORDS: [Audience, Message, Message | undefined][] = [
  ["contacts", "My contacts", "People in your address book"],
  ["following", "People I follow", undefined],
  ["verified", "Verified people", "Accounts with the verified mark"],
  ["everyone", "Everyone", "Anyone who knows your username"],
];

interface AudienceGroupProps {
  title: string;
  words: string;
  value: Audience[];
  change(audiences: Audience[]): void;
}

export function AudienceGroup({ title, words, value, change }: AudienceGroupProps) {
  return (
    <CheckboxGroup className="settings-group" value={value} onChange={(wish) => change(wish as Audience[])}>
      <Label className="settings-title">{title}</Label>
      <p className="quiet">{words}</p>
      <div className="settings-card">
        {WORDS.map(([audience, name, more]) => (
          <Checkbox key={audience} value={audience} className="checkbox settings-row">
            <span className="settings-words">
              {say(name)}
              {more !== undefined && <span className="quiet">{say(more)}</span>}
            </span>
            <Box />
          </Checkbox>
        ))}
      </div>
    </CheckboxGroup>
  );
}
