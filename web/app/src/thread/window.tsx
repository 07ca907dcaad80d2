/** The direct-message window with one person: the two call buttons at the top right, the thread, the call. */
import type { Refused } from "@ringline/client";
import type { ReactNode } from "react";
import { Button } from "react-aria-components";
import type { Kind } from "../call/kind";
import type { Shown } from "../design/avatar";
import { Avatar, Name, nameOf } from "../design/avatar";
import { CameraIcon, PhoneIcon, VerifiedIcon } from "../design/icons";
import { Again, Back, Plain } from "../design/window";
import { Presence } from "../people/row";
import { refusal } from "../words/refusal";
import { say } from "../words/words";
import "./thread.css";

export interface PersonWindowProps {
  person: Shown;
  self: boolean;
  online: boolean;
  /** A call is going on, with whomever: no second one can be placed. */
  busy: boolean;
  back(): void;
  call(kind: Kind): void;
  openProfile(): void;
  /** The call with this person, where there is one; else the thread. */
  children: ReactNode;
}

export function PersonWindow({ person, self, online, busy, back, call, openProfile, children }: PersonWindowProps) {
  const { username } = person;
  const named = person.display_name !== "";
  return (
    <main className="window" aria-label={say("Direct messages with @{username}", { username })}>
      <header className="window-head">
        <Back back={back} />
        <Button className="window-person" onPress={openProfile} isDisabled={self}>
          <span className="person-face">
            <Avatar person={person} size={42} />
            {online && <Presence />}
          </span>
          <span className="window-who">
            <span className="hidden-text">{say("Profile:")}</span>
            <span className="window-name">
              <Name person={person} /> {person.verified && <VerifiedIcon />}
            </span>
            {(named || online) && (
              <span className="window-below">
                {named && <bdi>@{username}</bdi>}
                {named && online && " · "}
                {online && say("Online")}
              </span>
            )}
          </span>
        </Button>
        <h1 className="hidden-text">{nameOf(person)}</h1>
        {!self && (
          <div className="window-calls">
            <Button className="icon-button" aria-label={say("Audio call")} isDisabled={busy} onPress={() => call("audio")}>
              <PhoneIcon />
            </Button>
            <Button className="icon-button" aria-label={say("Video call")} isDisabled={busy} onPress={() => call("video")}>
              <CameraIcon />
            </Button>
          </div>
        )}
      </header>
      {children}
    </main>
  );
}

/** Where a thread begins. */
export function Beginning({ person, self, empty }: { person: Shown; self: boolean; empty: boolean }) {
  const { username } = person;
  return (
    <div className="beginning" data-empty={empty}>
      <Avatar person={person} size={92} />
      <h2><Name person={person} /></h2>
      {person.display_name !== "" && <p className="quiet"><bdi>@{username}</bdi></p>}
      {self ? (
        <p className="quiet">{say("This is you. Share your username, and people can call you with it.")}</p>
      ) : (
        empty && <p className="quiet">{say("Write something, or call with the buttons at the top.")}</p>
      )}
    </div>
  );
}

/** The server did not say who that is. */
export function Lost({ username, why, back, again }: { username: string; why: Refused; back(): void; again(): void }) {
  const title = say("@{username} could not be looked up", { username });
  return (
    <main className="window" aria-label={title}>
      <header className="window-head">
        <Back back={back} />
      </header>
      <Plain title={title} ways={<Again again={again} />}>
        {refusal(why)}
      </Plain>
    </main>
  );
}

export function Nobody({ username, back }: { username: string; back(): void }) {
  return (
    <main className="window" aria-label={say("Nobody is called @{username}", { username })}>
      <header className="window-head">
        <Back back={back} />
      </header>
      <Plain title={say("Nobody is called @{username}", { username })}>
        {say("Check the spelling. Usernames can be changed by the people who have them.")}
      </Plain>
    </main>
  );
}
