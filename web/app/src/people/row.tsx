/** One person in a list, and what was last between the two. */
import type { Entry } from "@ringline/client";
import type { ReactNode } from "react";
import { callTitle } from "../calls/title";
import type { Shown } from "../design/avatar";
import { Avatar, Name } from "../design/avatar";
import { CameraIcon, MissedIcon, PhoneIcon, VerifiedIcon } from "../design/icons";
import { follow, pathOf } from "../route";
import { brief } from "../words/dates";
import { say } from "../words/words";
import type { Row } from "./rows";

interface PersonLinkProps {
  person: Shown;
  online?: boolean;
  chosen: boolean;
  below: ReactNode;
  aside?: ReactNode;
}

export function PersonLink({ person, online, chosen, below, aside }: PersonLinkProps) {
  const path = pathOf(person.username);
  return (
    <a className="person" href={path} aria-current={chosen ? "page" : undefined} onClick={follow(path)}>
      <span className="person-face">
        <Avatar person={person} size={48} />
        {online === true && <Presence />}
      </span>
      <span className="person-text">
        <span className="person-name">
          <Name person={person} /> {person.verified && <VerifiedIcon />}
          {online === true && <span className="hidden-text">{say("Online")}</span>}
        </span>
        {below}
      </span>
      {aside}
    </a>
  );
}

/** The dot; in words it is said beside the name. */
export function Presence() {
  return <span className="presence" aria-hidden="true" />;
}

/** Name, and the username where the name does not say it. */
export function PlainRow({ person, online, chosen }: { person: Shown; online?: boolean; chosen: boolean }) {
  const below = <span className="person-below">{person.display_name === "" ? "" : <bdi>@{person.username}</bdi>}</span>;
  return <PersonLink person={person} online={online === true} chosen={chosen} below={below} />;
}

export function ConversationRow({ row, chosen }: { row: Row; chosen: boolean }) {
  const { peer, last, unread, online } = row;
  const aside = (
    <span className="person-aside">
      {last !== null && <time dateTime={new Date(last.at_ms).toISOString()}>{brief(last.at_ms, Date.now())}</time>}
      {unread > 0 && <Badge many={unread} />}
    </span>
  );
  return (
    <PersonLink
      person={peer}
      online={online}
      chosen={chosen}
      below={last === null ? null : <LastEntry entry={last} unread={unread > 0} />}
      aside={aside}
    />
  );
}

export function Badge({ many }: { many: number }) {
  return (
    <span className="badge">
      <span aria-hidden="true">{many > 99 ? "99+" : many}</span>
      <span className="hidden-text">{say("{count} unread", { count: many })}</span>
    </span>
  );
}

function LastEntry({ entry, unread }: { entry: Entry; unread: boolean }) {
  const { message, call } = entry;
  const classes = ["person-below", unread ? "fresh" : "", unread && call?.missed === true ? "missed" : ""].join(" ");
  if (call !== null) {
    const Icon = call.missed ? MissedIcon : call.asked.video ? CameraIcon : PhoneIcon;
    return (
      <span className={classes}>
        <span className="person-icon">
          <Icon />
        </span>
        <span className="person-last">{callTitle(call)}</span>
      </span>
    );
  }
  return (
    <span className={classes}>
      <span className="person-last">
        {message?.outgoing === true && <span className="quiet">{say("You:")} </span>}
        <bdi>{message?.text}</bdi>
      </span>
    </span>
  );
}
