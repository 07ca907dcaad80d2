/** The people one can call: who is in the address book, who called lately, and anybody by exact username. */
import { useEffect, useState } from "react";
import { Button, Input, SearchField } from "react-aria-components";
import { Avatar, nameOf } from "../design/avatar";
import type { Shown } from "../design/avatar";
import { Mark, MissedIcon, PhoneIcon, SearchIcon, SettingsIcon, VerifiedIcon } from "../design/icons";
import { go, pathOf } from "../route";
import "./sidebar.css";

/** Lookups are counted: one when somebody pauses, not one a letter. */
const PAUSE_MS = 300;

/** A call of the last 24 hours. */
export interface RecentCall {
  id: string;
  peer: Shown;
  missed: boolean;
  incoming: boolean;
  at: number;
}

export interface SidebarProps {
  me: Shown;
  contacts: Shown[];
  recent: RecentCall[];
  /** Username of the window that is open; "" where none is. */
  open: string;
  offline: boolean;
  find(query: string): Promise<Shown[]>;
}

export function Sidebar({ me, contacts, recent, open, offline, find }: SidebarProps) {
  const [query, setQuery] = useState("");
  const [found, setFound] = useState<Shown[] | undefined>(undefined);
  const wanted = query.trim();
  useEffect(() => {
    setFound(undefined);
    if (wanted.length < 2) return;
    let gone = false;
    const timer = setTimeout(() => void find(wanted).then((people) => gone || setFound(people)), PAUSE_MS);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
    // `find` is another function with each drawing; what is typed decides.
  }, [wanted]);
  return (
    <nav className="sidebar" aria-label="People">
      <header className="sidebar-head">
        <span className="brand">
          <Mark /> Ringline
        </span>
        <Button className="icon-button" aria-label="Settings" onPress={() => go("/settings")}>
          <SettingsIcon />
        </Button>
      </header>
      <SearchField
        className="search"
        aria-label="Find somebody by @username"
        value={query}
        onChange={setQuery}
        onSubmit={(text) => text.trim() !== "" && go(pathOf(text.trim()))}
      >
        <SearchIcon />
        <Input placeholder="Find @username" autoCapitalize="none" autoCorrect="off" spellCheck={false} />
      </SearchField>
      {offline && <p className="sidebar-offline">No connection. Trying again…</p>}
      <div className="sidebar-lists">
        {query.trim() === "" ? (
          <>
            <List title="Recent calls" people={recent.slice(0, 5).map((call) => ({ person: call.peer, call }))} open={open} />
            <List title="Contacts" people={contacts.map((person) => ({ person }))} open={open} />
            {contacts.length === 0 && recent.length === 0 && <NobodyYet />}
          </>
        ) : (
          <Found query={query.trim()} found={found} open={open} />
        )}
      </div>
      <footer className="sidebar-me">
        <Avatar person={me} size={34} />
        <span>
          Your username is <b>@{me.username}</b>
        </span>
      </footer>
    </nav>
  );
}

function NobodyYet() {
  return <p className="sidebar-empty">Nobody here yet. Type the username of somebody you know; that is all it takes to call.</p>;
}

function Found({ query, found, open }: { query: string; found: Shown[] | undefined; open: string }) {
  if (query.length < 2) return <p className="sidebar-empty">Type at least two characters.</p>;
  if (found === undefined) return <p className="sidebar-empty">Looking…</p>;
  if (found.length === 0) return <p className="sidebar-empty">Nobody is called “{query.replace(/^@+/, "")}”.</p>;
  return <List title="Found" people={found.map((person) => ({ person }))} open={open} />;
}

interface Entry {
  person: Shown;
  call?: RecentCall;
}

function List({ title, people, open }: { title: string; people: Entry[]; open: string }) {
  if (people.length === 0) return null;
  return (
    <section aria-label={title}>
      <h2 className="list-title">{title}</h2>
      <ul>
        {people.map(({ person, call }) => (
          <li key={call?.id ?? person.username}>
            <a
              className="person"
              href={pathOf(person.username)}
              aria-current={person.username === open ? "page" : undefined}
              onClick={(event) => {
                if (event.metaKey || event.ctrlKey) return;
                event.preventDefault();
                go(pathOf(person.username));
              }}
            >
              <Avatar person={person} size={44} />
              <span className="person-text">
                <span className="person-name">
                  <span>{nameOf(person)}</span> {person.verified && <VerifiedIcon />}
                </span>
                {call === undefined ? (
                  <span className="person-below">{person.display_name === "" ? "" : `@${person.username}`}</span>
                ) : (
                  <CallLine call={call} />
                )}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function CallLine({ call }: { call: RecentCall }) {
  const time = new Date(call.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const words = call.missed ? "Missed call" : call.incoming ? "Incoming call" : "Outgoing call";
  return (
    <span className={call.missed ? "person-below missed" : "person-below"}>
      <span className="person-icon">{call.missed ? <MissedIcon /> : <PhoneIcon />}</span>
      {words} · {time}
    </span>
  );
}
