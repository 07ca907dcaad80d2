/** Calls that did not ring: who, when, why, and what changes it. */
import type { Consent, Person, RefusedAttempts } from "@ringline/client";
import { useState } from "react";
import { Button } from "react-aria-components";
import { Avatar, Name } from "../design/avatar";
import { CameraIcon, PhoneIcon, VerifiedIcon } from "../design/icons";
import { Again, Plain, Window } from "../design/window";
import { follow, pathOf } from "../route";
import { brief, clock, sameDay } from "../words/dates";
import type { Message } from "../words/words";
import { count, say } from "../words/words";
import type { AttemptRow, Remedy } from "./attempts";
import { attemptRows, remedy } from "./attempts";
import { why } from "./reasons";
import { useReading, useWished } from "./use_consent";
import "./consent.css";

interface SilentProps {
  consent: Consent;
  setBlocked(username: string, blocked: boolean): Promise<unknown>;
  back(): void;
}

/** How one stands to who tried. "as it was" until something is chosen here. */
type Stand = "as it was" | "rings" | "blocked";

export function SilentCalls({ consent, setBlocked, back }: SilentProps) {
  const { answer, again } = useReading<RefusedAttempts>([consent], () => consent.refusedAttempts());
  const [older, setOlder] = useState<RefusedAttempts | undefined>(undefined);
  const [failed, setFailed] = useState(false);
  const next = (older ?? answer.value)?.next ?? 0;
  const rows = attemptRows([...(answer.value?.attempts ?? []), ...(older?.attempts ?? [])]);
  const more = async () => {
    setFailed(false);
    const page = await consent.refusedAttempts(next);
    setOlder({ attempts: [...(older?.attempts ?? []), ...page.attempts], next: page.next });
  };
  return (
    <Window title={say("Calls that did not ring")} back={back}>
      {answer.failed ? (
        <Plain title={say("This could not be loaded")} ways={<Again again={again} />}>
          {say("Ringline cannot be reached. Check your connection and try again.")}
        </Plain>
      ) : answer.value === undefined ? (
        <p className="plain-page quiet">{say("Loading…")}</p>
      ) : rows.length === 0 ? (
        <Plain title={say("Every call rang")}>{say("When somebody calls whom your settings do not let ring, it is shown here. They do not learn it.")}</Plain>
      ) : (
        <div className="page silent">
          <p className="quiet">{say("To them it looked as if nobody answered. They do not learn why.")}</p>
          <ul className="card-list" aria-label={say("Calls that did not ring")}>
            {rows.map((row) => (
              <SilentRow key={`${row.person.user_id} ${row.reason}`} row={row} act={(stand) => act(consent, setBlocked, row, stand)} />
            ))}
          </ul>
          {failed && (
            <p role="alert" className="could-wrong">
              {say("Some calls could not be read.")}
            </p>
          )}
          {next > 0 && (
            <Button className="button plain" onPress={() => void more().catch(() => setFailed(true))}>
              {failed ? say("Try again") : say("Show older calls")}
            </Button>
          )}
        </div>
      )}
    </Window>
  );
}


/** Brings about how one wants to stand to them. */
async function act(consent: Consent, setBlocked: SilentProps["setBlocked"], row: AttemptRow, stand: Stand): Promise<Stand> {
  const { username } = row.person;
  const way = remedy(row.reason);
  await setBlocked(username, stand === "blocked" || (stand === "as it was" && way === "unblock"));
  if (way === "unblock" || way === undefined) return stand;
  const chosen = await consent.choices(username);
  if (chosen[way] !== (stand === "rings")) await consent.choose(username, { ...chosen, [way]: stand === "rings" });
  return stand;
}

function SilentRow({ row, act }: { row: AttemptRow; act(stand: Stand): Promise<Stand> }) {
  const { person, at_ms: at, video, reason, times } = row;
  const stand = useWished<Stand>([person.user_id], () => Promise.resolve("as it was"), act, "as it was");
  const path = pathOf(person.username);
  const now = Date.now();
  return (
    <li className="silent-row">
      <a className="person" href={path} onClick={follow(path)}>
        <Avatar person={person} size={46} />
        <span className="person-text">
          <span className="person-name">
            <Name person={person} /> {person.verified && <VerifiedIcon />}
          </span>
          <span className="person-below">
            <span className="person-icon">{video ? <CameraIcon /> : <PhoneIcon />}</span>
            <span className="hidden-text">{video ? say("Video call") : say("Audio call")}</span>
            <time dateTime={new Date(at).toISOString()}>{sameDay(at, now) ? clock(at) : `${brief(at, now)}, ${clock(at)}`}</time>
            {times > 1 && <span>· {count(times, "{count} time", "{count} times")}</span>}
          </span>
          <span className="silent-why">{why(reason, false)}</span>
        </span>
      </a>
      <Ways person={person} way={remedy(reason)} stand={stand.shown ?? "as it was"} choose={(wish) => stand.set(wish)} />
      {stand.failed && (
        <p role="alert" className="could-wrong">
          {say("That did not work. Try again.")}
        </p>
      )}
    </li>
  );
}

const REMEDIES: Record<Remedy, { short: Message; whole: Message; done: Message }> = {
  unblock: { short: "Unblock", whole: "Unblock @{username}", done: "Not blocked any more" },
  favourite: { short: "Make a favourite", whole: "Make a favourite: @{username}", done: "A favourite from now on" },
  allowed: { short: "Let them call", whole: "Let them call: @{username}", done: "May call from now on" },
};

function Ways({ person: { username }, way, stand, choose }: { person: Person; way: Remedy | undefined; stand: Stand; choose(stand: Stand): void }) {
  const words = way === undefined ? undefined : REMEDIES[way];
  if (stand !== "as it was") {
    return (
      <div className="silent-ways">
        <span className="silent-done">{stand === "blocked" || words === undefined ? say("Blocked") : say(words.done)}</span>
        <Button className="link" autoFocus aria-label={say("Undo for @{username}", { username })} onPress={() => choose("as it was")}>
          {say("Undo")}
        </Button>
      </div>
    );
  }
  return (
    <div className="silent-ways">
      {way !== "unblock" && (
        <Button className="button plain small danger" aria-label={say("Block @{username}", { username })} onPress={() => choose("blocked")}>
          {say("Block")}
        </Button>
      )}
      {words !== undefined && (
        <Button className="button plain small" aria-label={say(words.whole, { username })} onPress={() => choose("rings")}>
          {say(words.short)}
        </Button>
      )}
    </div>
  );
}
