/** The left side: conversations, who is in the address book, and anybody by exact username. */
import type { Person } from "@ringline/client";
import { Reason, Refused } from "@ringline/client";
import { useEffect, useRef, useState } from "react";
import { Button, Input, SearchField } from "react-aria-components";
import type { Shown } from "../design/avatar";
import { Avatar } from "../design/avatar";
import { HistoryIcon, InboxIcon, Mark, SearchIcon, SettingsIcon } from "../design/icons";
import { Again } from "../design/window";
import { follow, go, pathOf } from "../route";
import { refusal } from "../words/refusal";
import type { Message } from "../words/words";
import { count, say } from "../words/words";
import type { Row } from "./rows";
import { Badge, ConversationRow, PlainRow } from "./row";
import "./sidebar.css";

/** Lookups are counted: one when somebody pauses, not one a letter. */
const PAUSE_MS = 300;
/** Pixels before the end of the list at which the next page is read. */
const NEAR = 400;

export interface SidebarProps {
  me: Shown;
  contacts: Person[];
  rows: Row[];
  /** Requests that were not looked at. */
  requests: number;
  hasRequests: boolean;
  online(userId: string): boolean;
  /** Username of the window that is open; "" where none is. */
  open: string;
  offline: boolean;
  /** The list is still on its way. */
  loading: boolean;
  find(query: string): Promise<Person[]>;
  more(): void;
}

export function Sidebar(props: SidebarProps) {
  const { me, offline, find } = props;
  const [query, setQuery] = useState("");
  const wanted = query.trim();
  const [found, again] = useFound(wanted, find);
  const lists = useRef<HTMLDivElement>(null);
  const near = () => {
    const box = lists.current;
    if (box !== null && box.scrollHeight - box.scrollTop - box.clientHeight < NEAR) props.more();
  };
  return (
    <nav className="sidebar" aria-label={say("People")}>
      <Head />
      <SearchField
        className="search"
        aria-label={say("Find somebody by @username")}
        value={query}
        onChange={setQuery}
        onSubmit={(text) => text.trim() !== "" && go(pathOf(text.trim()))}
      >
        <SearchIcon />
        <Input placeholder={say("Find @username")} autoCapitalize="none" autoCorrect="off" spellCheck={false} />
      </SearchField>
      {offline && <p className="sidebar-offline">{say("No connection. Trying again…")}</p>}
      <div className="sidebar-lists" ref={lists} onScroll={near}>
        {wanted === "" ? <Lists {...props} /> : <Found query={wanted} found={found} again={again} open={props.open} />}
      </div>
      <footer className="sidebar-me">
        <Avatar person={me} size={34} />
        <span>
          {say("Your username is")} <b dir="auto">@{me.username}</b>
        </span>
      </footer>
    </nav>
  );
}

function Head() {
  return (
    <header className="sidebar-head">
      <span className="brand">
        <Mark /> Ringline
      </span>
      <span className="sidebar-doors">
        <Button className="icon-button" aria-label={say("Call history")} onPress={() => go("/calls")}>
          <HistoryIcon />
        </Button>
        <Button className="icon-button" aria-label={say("Settings")} onPress={() => go("/settings")}>
          <SettingsIcon />
        </Button>
      </span>
    </header>
  );
}

/** Who was found, or why that cannot be said; and looking once more. */
function useFound(wanted: string, find: SidebarProps["find"]): [Person[] | Refused | undefined, () => void] {
  const [found, setFound] = useState<Person[] | Refused | undefined>(undefined);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    setFound(undefined);
    if (wanted.length < 2) return;
    let gone = false;
    const lost = (error: unknown) => gone || setFound(error instanceof Refused ? error : new Refused(Reason.UNAVAILABLE, String(error)));
    const timer = setTimeout(() => void find(wanted).then((people) => gone || setFound(people), lost), PAUSE_MS);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
    // `find` is another function with each drawing; what is typed decides.
  }, [wanted, tries]);
  return [found, () => setTries(tries + 1)];
}

function Lists({ rows, contacts, requests, hasRequests, open, online, loading }: SidebarProps) {
  const others = contacts.filter((one) => rows.every((row) => row.peer.user_id !== one.user_id));
  if (loading && rows.length === 0 && others.length === 0) return <p className="sidebar-empty" aria-busy="true" />;
  return (
    <>
      {hasRequests && <RequestsDoor unread={requests} />}
      {rows.length > 0 && (
        <List title="Conversations">
          {rows.map((row) => (
            <li key={row.peer.user_id}>
              <ConversationRow row={row} chosen={row.peer.username === open} />
            </li>
          ))}
        </List>
      )}
      <People title="Contacts" people={others} open={open} online={online} />
      {rows.length === 0 && others.length === 0 && !hasRequests && (
        <p className="sidebar-empty">{say("Nobody here yet. Type the username of somebody you know; that is all it takes to call.")}</p>
      )}
    </>
  );
}

function RequestsDoor({ unread }: { unread: number }) {
  return (
    <a className="person requests-door" href="/requests" onClick={follow("/requests")}>
      <span className="requests-mark">
        <InboxIcon />
      </span>
      <span className="person-text">
        <span className="person-name">{say("Requests")}</span>
        <span className="person-below">
          {unread === 0 ? say("People you do not know") : count(unread, "{count} new request", "{count} new requests")}
        </span>
      </span>
      {unread > 0 && <Badge many={unread} />}
    </a>
  );
}

interface FoundProps {
  query: string;
  found: Person[] | Refused | undefined;
  again(): void;
  open: string;
}

function Found({ query, found, again, open }: FoundProps) {
  if (query.length < 2) return <p className="sidebar-empty">{say("Type at least two characters.")}</p>;
  if (found === undefined) return <p className="sidebar-empty">{say("Looking…")}</p>;
  if (found instanceof Refused) {
    return (
      <div role="alert" className="sidebar-lost">
        <p>{refusal(found)}</p>
        <Again again={again} />
      </div>
    );
  }
  if (found.length > 0) return <People title="Found" people={found} open={open} />;
  return <p className="sidebar-empty">{say("Nobody is called “{query}”.", { query: query.replace(/^@+/, "") })}</p>;
}

interface PeopleProps {
  title: Message;
  people: Person[];
  open: string;
  online?(userId: string): boolean;
}

function People({ title, people, open, online }: PeopleProps) {
  if (people.length === 0) return null;
  return (
    <List title={title}>
      {people.map((person) => (
        <li key={person.username}>
          <PlainRow person={person} online={online?.(person.user_id) === true} chosen={person.username === open} />
        </li>
      ))}
    </List>
  );
}

function List({ title, children }: { title: Message; children: React.ReactNode }) {
  return (
    <section aria-label={say(title)}>
      <h2 className="list-title">{say(title)}</h2>
      <ul>{children}</ul>
    </section>
  );
}
