/** The direct-message window with one person: the two call buttons at the top right, the thread, the call. */
import type { ReactNode } from "react";
import { Button } from "react-aria-components";
import type { Shown } from "../design/avatar";
import { Avatar, nameOf } from "../design/avatar";
import { BackIcon, CameraIcon, PersonAddIcon, PersonKnownIcon, PhoneIcon, VerifiedIcon } from "../design/icons";
import "./window.css";

export interface WindowActions {
  back(): void;
  call(kind: "audio" | "video"): void;
  setContact(present: boolean): void;
}

export interface WindowProps {
  person: Shown;
  contact: boolean;
  self: boolean;
  /** A call is going on, with whomever: no second one can be placed. */
  busy: boolean;
  actions: WindowActions;
  /** The call with this person, where there is one. */
  stage: ReactNode;
}

export function PersonWindow({ person, contact, self, busy, actions, stage }: WindowProps) {
  return (
    <main className="window" aria-label={`Direct messages with @${person.username}`}>
      <header className="window-head">
        <Button className="icon-button back" aria-label="Back" onPress={actions.back}>
          <BackIcon />
        </Button>
        <Avatar person={person} size={42} />
        <div className="window-who">
          <h1>
            <span>{nameOf(person)}</span> {person.verified && <VerifiedIcon />}
          </h1>
          {person.display_name !== "" && <p>@{person.username}</p>}
        </div>
        {!self && (
          <div className="window-calls">
            <Button className="icon-button" aria-label="Audio call" isDisabled={busy} onPress={() => actions.call("audio")}>
              <PhoneIcon />
            </Button>
            <Button className="icon-button" aria-label="Video call" isDisabled={busy} onPress={() => actions.call("video")}>
              <CameraIcon />
            </Button>
          </div>
        )}
      </header>
      {stage ?? <Thread person={person} contact={contact} self={self} setContact={actions.setContact} />}
    </main>
  );
}

type ThreadProps = Pick<WindowProps, "person" | "contact" | "self"> & Pick<WindowActions, "setContact">;

function Thread({ person, contact, self, setContact }: ThreadProps) {
  const username = `@${person.username}`;
  return (
    <div className="thread">
      <div className="thread-card">
        <Avatar person={person} size={92} />
        <h2>{nameOf(person)}</h2>
        {self ? (
          <p className="quiet">This is you. Share your username, and people can call you with it.</p>
        ) : (
          <>
            <p className="quiet">
              Call {username} with the buttons at the top. Messages and past calls will be shown here; that part of
              Ringline is still being built.
            </p>
            <Button className="button plain" onPress={() => setContact(!contact)}>
              <span className="button-icon">{contact ? <PersonKnownIcon /> : <PersonAddIcon />}</span>
              {contact ? "Remove from contacts" : "Add to contacts"}
            </Button>
            <p className="thread-hint">
              {contact
                ? `${username} is in your contacts and may call you, as long as your settings let contacts call.`
                : `Contacts may call you. ${username} decides in the same way who may call them.`}
            </p>
          </>
        )}
      </div>
    </div>
  );
}

export function Nobody({ username, back }: { username: string; back(): void }) {
  return (
    <main className="window">
      <header className="window-head">
        <Button className="icon-button back" aria-label="Back" onPress={back}>
          <BackIcon />
        </Button>
      </header>
      <div className="thread">
        <div className="thread-card">
          <h1>Nobody is called @{username}</h1>
          <p className="quiet">Check the spelling. Usernames can be changed by the people who have them.</p>
        </div>
      </div>
    </main>
  );
}
