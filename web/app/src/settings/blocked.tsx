/** Whom one has blocked, and taking it back. */
import type { Person } from "@ringline/client";
import { Button } from "react-aria-components";
import { Avatar, Name } from "../design/avatar";
import { say } from "../words/words";

export function Blocked({ people, unblock }: { people: Person[]; unblock(username: string): void }) {
  return (
    <section className="settings-group" aria-label={say("Blocked people")}>
      <h2 className="settings-title">{say("Blocked people")}</h2>
      <p className="quiet">{say("Their calls and messages do not reach you, and they do not learn it.")}</p>
      <ul className="settings-card">
        {people.map((person) => (
          <li key={person.username} className="settings-row settings-device">
            <Avatar person={person} size={38} />
            <span className="settings-words">
              <Name person={person} />
              {person.display_name !== "" && (
                <span className="quiet">
                  <bdi>@{person.username}</bdi>
                </span>
              )}
            </span>
            <Button
              className="button plain small"
              aria-label={say("Unblock @{username}", { username: person.username })}
              onPress={() => unblock(person.username)}
            >
              {say("Unblock")}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
