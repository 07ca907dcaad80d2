/** Who somebody is, and how one wants to stand to them. */
import type { Consent } from "@ringline/client";
import { useState } from "react";
import { Button, Dialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import type { Shown } from "../design/avatar";
import { Avatar, Name } from "../design/avatar";
import { Answer } from "../consent/answer";
import { Choices } from "../consent/choices";
import { usePersonRinging } from "../consent/use_consent";
import { BlockIcon, CloseIcon, FlagIcon, FollowIcon, PersonAddIcon, PersonKnownIcon, TrashIcon, VerifiedIcon } from "../design/icons";
import { say } from "../words/words";
import type { StandingActions } from "./standing";
import "../design/sheet.css";

interface ProfileProps {
  person: Shown;
  standing: StandingActions;
  consent: Consent;
  close(): void;
  report(): void;
  /** Undefined where there is no thread to remove. */
  remove: (() => void) | undefined;
}

export function Profile({ person, standing, consent, close, report, remove }: ProfileProps) {
  const { username } = person;
  return (
    <ModalOverlay className="sheet-overlay" isOpen isDismissable onOpenChange={(open) => open || close()}>
      <Modal className="sheet">
        <Dialog className="sheet-dialog">
          <Button className="icon-button sheet-close" aria-label={say("Close")} onPress={close}>
            <CloseIcon />
          </Button>
          <div className="sheet-person">
            <Avatar person={person} size={88} />
            <Heading slot="title">
              <Name person={person} /> {person.verified && <VerifiedIcon />}
            </Heading>
            {person.display_name !== "" && <p className="quiet"><bdi>@{username}</bdi></p>}
          </div>
          <Ringing person={person} standing={standing} consent={consent} />
          <Ways person={person} standing={standing} report={report} remove={remove} />
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

/** Whether they could ring now, and what one chose for them. */
function Ringing({ person, standing, consent }: Pick<ProfileProps, "person" | "standing" | "consent">) {
  const { username } = person;
  const { choices, preview, failed, again } = usePersonRinging(consent, username, String(standing.changes));
  return (
    <div className="sheet-ringing">
      <Answer preview={preview} failed={failed} again={again} />
      <Choices username={username} choices={choices.shown} choose={(wish) => choices.set(wish)} />
      {(choices.failed || choices.lost) && (
        <p role="alert" className="could-wrong">
          {choices.failed ? say("That did not work. Try again.") : say("Your choices for this person could not be loaded.")}
        </p>
      )}
    </div>
  );
}

function Ways({ person, standing, report, remove }: Omit<ProfileProps, "close" | "consent">) {
  const [asked, setAsked] = useState<"block" | "remove" | undefined>(undefined);
  const { contact, follows, blocked, known } = standing;
  const { username } = person;
  if (asked === "block") {
    const words = say("Block @{username}? Their calls and messages will not reach you. They do not learn it.", { username });
    return <Confirm words={words} act={say("Block")} no={() => setAsked(undefined)} yes={() => (standing.setBlocked(true), setAsked(undefined))} />;
  }
  if (asked === "remove" && remove !== undefined) {
    const words = say("Delete this conversation? It is deleted for you; @{username} keeps theirs.", { username });
    return <Confirm words={words} act={say("Delete")} no={() => setAsked(undefined)} yes={remove} />;
  }
  return (
    <div className="sheet-ways">
      {standing.failed && (
        <p role="alert" className="notice">
          {say("That did not work. Try again.")}
        </p>
      )}
      <Button className="sheet-way" isDisabled={!known} onPress={() => standing.setContact(!contact)}>
        {contact ? <PersonKnownIcon /> : <PersonAddIcon />}
        {contact ? say("Remove from contacts") : say("Add to contacts")}
      </Button>
      <Button className="sheet-way" isDisabled={!known} onPress={() => standing.setFollows(!follows)}>
        <FollowIcon />
        {follows ? say("Unfollow") : say("Follow")}
      </Button>
      {remove !== undefined && (
        <Button className="sheet-way" onPress={() => setAsked("remove")}>
          <TrashIcon />
          {say("Delete conversation")}
        </Button>
      )}
      <Button className="sheet-way" onPress={report}>
        <FlagIcon />
        {say("Report")}
      </Button>
      {/* Nobody has to wait for a list before they may block: to do it twice does no harm. */}
      <Button className="sheet-way danger" onPress={() => (blocked ? standing.setBlocked(false) : setAsked("block"))}>
        <BlockIcon />
        {blocked ? say("Unblock") : say("Block")}
      </Button>
    </div>
  );
}

function Confirm({ words, act, yes, no }: { words: string; act: string; yes(): void; no(): void }) {
  return (
    <div className="sheet-confirm">
      <p>{words}</p>
      <Button className="button danger-fill wide" onPress={yes} autoFocus>
        {act}
      </Button>
      <Button className="button plain wide" onPress={no}>
        {say("Cancel")}
      </Button>
    </div>
  );
}
