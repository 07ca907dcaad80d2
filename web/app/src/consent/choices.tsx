/** What counts for one person, whatever else is set: three things that can be turned on. */
import type { PersonChoices } from "@ringline/client";
import type { ReactNode } from "react";
import { ToggleButton } from "react-aria-components";
import { BellIcon, PhoneIcon, StarIcon } from "../design/icons";
import type { Message } from "../words/words";
import { say } from "../words/words";
import "./consent.css";

const CHOICES: [keyof PersonChoices, Message, Message, () => ReactNode][] = [
  ["favourite", "Favourite", "@{username} is a favourite", StarIcon],
  ["allowed", "May call", "@{username} may call, whoever else may", BellIcon],
  ["audio_only", "Sound only", "@{username} rings with sound only", PhoneIcon],
];

interface ChoicesProps {
  username: string;
  /** Undefined while it is on its way. */
  choices: PersonChoices | undefined;
  /** Only the signs, where the words are beside it. */
  small?: boolean;
  choose(choices: PersonChoices): void;
}

export function Choices({ username, choices, small, choose }: ChoicesProps) {
  return (
    <div className={small === true ? "person-choices small" : "person-choices"} role="group" aria-label={say("When @{username} calls", { username })}>
      {CHOICES.map(([name, word, whole, Icon]) => (
        <ToggleButton
          key={name}
          className="person-choice"
          aria-label={say(whole, { username })}
          isDisabled={choices === undefined}
          isSelected={choices?.[name] === true}
          onChange={(on) => choices !== undefined && choose({ ...choices, [name]: on })}
        >
          <Icon />
          {small !== true && <span>{say(word)}</span>}
        </ToggleButton>
      ))}
    </div>
  );
}

const MEANINGS: Record<keyof PersonChoices, Message> = {
  favourite: "Can ring in your quiet hours",
  allowed: "Rings even if not chosen above",
  audio_only: "Rings without video",
};

/** What each of them does. */
export function Legend() {
  return (
    <ul className="choice-legend">
      {CHOICES.map(([name, word, , Icon]) => (
        <li key={name}>
          <Icon />
          <span>
            <b>{say(word)}</b> <span className="quiet">{say(MEANINGS[name])}</span>
          </span>
        </li>
      ))}
    </ul>
  );
}

/** What is chosen, in words. */
export function choiceWords(choices: PersonChoices): string {
  return CHOICES.filter(([name]) => choices[name]).map(([, word]) => say(word)).join(" · ");
}
