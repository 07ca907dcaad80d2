/** Could somebody ring now, and for whom something of their own was chosen. */
import type { CallSettings, ChosenPerson, Consent, Person, PersonChoices } from "@ringline/client";
import { Refused } from "@ringline/client";
import { useState } from "react";
import { Button, Form, Input, Label, TextField } from "react-aria-components";
import { Avatar, Name } from "../design/avatar";
import { VerifiedIcon } from "../design/icons";
import { isNobody, refusal } from "../words/refusal";
import { say } from "../words/words";
import { Answer } from "./answer";
import { Choices, choiceWords, Legend } from "./choices";
import { usePersonRinging, useReading, useWished } from "./use_consent";
import "./consent.css";

interface PeopleProps {
  consent: Consent;
  /** Rejects with Refused where nobody has that username, or nobody can say. */
  find(username: string): Promise<Person>;
  /** As they are wished: the answers hang on them. */
  settings: CallSettings;
}

export function PeopleChoices({ consent, find, settings }: PeopleProps) {
  const { answer, again } = useReading([consent], () => consent.people());
  return (
    <section className="settings-group" aria-label={say("Favourites and exceptions")}>
      <h2 className="settings-title">{say("Favourites and exceptions")}</h2>
      <Legend />
      <div className="settings-card">
        <Could consent={consent} find={find} settings={settings} changed={again} />
        {answer.failed && (
          <div role="alert" className="settings-row">
            <p className="quiet">{say("Your favourites and exceptions could not be loaded.")}</p>
            <Button className="button plain small" onPress={again}>
              {say("Try again")}
            </Button>
          </div>
        )}
        <ul>
          {answer.value?.map((one) => (
            <ChosenRow key={`${one.person.user_id} ${choiceWords(one)}`} consent={consent} one={one} />
          ))}
        </ul>
      </div>
    </section>
  );
}

/** Who has no choice any more stays in the list for as long as it is looked at: a slip is put right where it was made. */
function ChosenRow({ consent, one: { person, ...chosen } }: { consent: Consent; one: ChosenPerson }) {
  const { username } = person;
  const choices = useWished<PersonChoices>([consent, username], () => Promise.resolve(chosen), (wish) => consent.choose(username, wish), chosen);
  const shown = choices.shown ?? chosen;
  return (
    <li className="settings-row settings-device">
      <Avatar person={person} size={38} />
      <span className="settings-words grow">
        <Name person={person} />
        {choices.failed ? (
          <span role="alert" className="wrong-words">
            {say("That did not work. Try again.")}
          </span>
        ) : (
          <span className="quiet">{choiceWords(shown) || say("Like everybody else")}</span>
        )}
      </span>
      <Choices small username={username} choices={shown} choose={(wish) => choices.set(wish)} />
    </li>
  );
}

function Could({ consent, find, settings, changed }: PeopleProps & { changed(): void }) {
  const [typed, setTyped] = useState("");
  const [found, setFound] = useState<Person | undefined>(undefined);
  const [wrong, setWrong] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const username = typed.trim().replace(/^@+/, "");
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    if (busy || username === "") return;
    setBusy(true);
    setWrong(undefined);
    await find(username).then(setFound, (error: unknown) => {
      setFound(undefined);
      setWrong(isNobody(error) ? say("Nobody is called @{username}", { username }) : error instanceof Refused ? refusal(error) : say("That did not work. Try again."));
    });
    setBusy(false);
  };
  return (
    <div className="could">
      <Form className="could-form" onSubmit={(event) => void submit(event)}>
        <TextField className="field" value={typed} onChange={setTyped} maxLength={40} autoComplete="off">
          <Label>{say("Could they ring me now?")}</Label>
          <span className="at-input">
            <span aria-hidden="true">@</span>
            <Input autoCapitalize="none" autoCorrect="off" spellCheck={false} placeholder={say("username")} />
          </span>
        </TextField>
        <Button className="button" type="submit" isDisabled={username === ""} data-busy={busy}>
          {say("Find out")}
        </Button>
      </Form>
      <p role="alert" className="could-wrong">
        {wrong}
      </p>
      {found !== undefined && <PersonCard key={found.user_id} consent={consent} person={found} settings={settings} changed={changed} />}
    </div>
  );
}

function PersonCard({ consent, person, settings, changed }: { consent: Consent; person: Person; settings: CallSettings; changed(): void }) {
  const { choices, preview, failed, again } = usePersonRinging(consent, person.username, JSON.stringify(settings), changed, settings);
  return (
    <div className="could-found">
      <div className="could-person">
        <Avatar person={person} size={46} />
        <span className="settings-words">
          <span className="could-name">
            <Name person={person} /> {person.verified && <VerifiedIcon />}
          </span>
          <span className="quiet">
            <bdi>@{person.username}</bdi>
          </span>
        </span>
      </div>
      <Answer preview={preview} failed={failed} again={again} />
      <Choices username={person.username} choices={choices.shown} choose={(wish) => choices.set(wish)} />
      {choices.failed && (
        <p role="alert" className="could-wrong">
          {say("That did not work. Try again.")}
        </p>
      )}
    </div>
  );
}
