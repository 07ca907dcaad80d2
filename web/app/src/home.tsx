/** Everything somebody who is signed in sees: the people, the window that is open, and the call, wherever they are. */
import type { Person, Ringline, Session } from "@ringline/client";
import { lazy, useCallback, useEffect, useReducer, useState } from "react";
import { Announcer } from "./announcer";
import type { Face } from "./call/face";
import type { Kind } from "./call/kind";
import { CallLayer, useCallLayer } from "./call/layer";
import { ringWords } from "./call/others";
import { CallsPage } from "./calls/page";
import { Later } from "./design/boundary";
import { Requests } from "./people/requests";
import { EndNote } from "./end";
import { rowsOf } from "./people/rows";
import { Sidebar } from "./people/sidebar";
import { go, useRoute } from "./route";
import { NothingOpen, Shell } from "./shell";
import { PersonPage } from "./thread/page";
import { useRingline } from "./use_ringline";
import { isNobody } from "./words/refusal";
import { say } from "./words/words";

const SettingsPage = lazy(() => import("./settings/page"));
const SilentPage = lazy(() => import("./settings/silent_page"));

export function Home({ session, left }: { session: Session; left(notice?: string): void }) {
  const route = useRoute();
  const ringline = useRingline(session);
  const { contacts, reload } = useContacts(session, ringline?.line === "open");
  const open = route.at === "person" ? route.username.toLowerCase() : "";
  const layer = useCallLayer(ringline, open);
  useEnd(ringline, session, left);
  useTitle(layer.title, ringline?.threads.state.unread ?? 0);
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const back = () => go("/");
  const place = (username: string, kind: Kind) => {
    ringline?.place(username, { audio: true, video: kind === "video" });
    go(`/@${encodeURIComponent(username)}`);
  };
  const requests = ringline?.threads.list("requests") ?? [];
  return (
    <>
      <Shell
        open={route.at !== "home"}
        sidebar={<People session={session} ringline={ringline} contacts={contacts} open={open} />}
      >
        {route.at === "home" && <NothingOpen />}
        {route.at === "requests" && (
          <Requests rows={requests.map((one) => ({ ...one, online: false }))} loading={ringline?.threads.loaded !== true} back={back} />
        )}
        {route.at === "calls" && ringline !== undefined && (
          <CallsPage ringline={ringline} ownDevice={session.deviceId} busy={layer.busy} call={place} back={back} />
        )}
        {route.at === "settings" && (
          <Later key="settings">
            <SettingsPage session={session} changed={redraw} back={back} signOut={() => signOut(session, left)} />
          </Later>
        )}
        {route.at === "silent" && (
          <Later key="silent">
            <SilentPage session={session} back={() => go("/settings")} />
          </Later>
        )}
        {route.at === "person" && (
          <PersonPage
            key={route.username}
            session={session}
            ringline={ringline}
            username={route.username}
            contacts={contacts}
            contactsChanged={reload}
            busy={layer.busy}
            stage={layer.stage}
            call={place}
            back={back}
          />
        )}
      </Shell>
      <CallLayer layer={layer} />
      {ringline?.end !== undefined && <EndNote end={ringline.end} takeOver={() => ringline.takeOver()} />}
      <Announcer arrival={arrivalOf(ringline)} ring={called(layer.ring?.face)} waiting={called(layer.waiting?.face)} />
    </>
  );
}

interface PeopleProps {
  session: Session;
  ringline: Ringline | undefined;
  contacts: Person[];
  open: string;
}

function People({ session, ringline, contacts, open }: PeopleProps) {
  const threads = ringline?.threads;
  const rows = threads === undefined ? [] : rowsOf(threads);
  const peers = [...rows.map((row) => row.peer), ...contacts];
  const watched = [...peers.filter((one) => one.username === open), ...peers].map((one) => one.user_id).join(" ");
  useEffect(() => threads?.online.watch(watched.split(" ").filter((one) => one !== "")), [threads, watched]);
  return (
    <Sidebar
      me={session.account}
      contacts={contacts}
      rows={rows}
      requests={threads?.state.requests ?? 0}
      hasRequests={(threads?.list("requests").length ?? 0) > 0}
      online={(userId) => threads?.online.has(userId) === true}
      open={open}
      offline={ringline?.line === "waiting" || (threads?.failed === true && !threads.loaded)}
      loading={threads?.loaded !== true}
      find={(query) => find(session, query)}
      more={() => void threads?.older("inbox")}
    />
  );
}

/** @param online read anew with each connection: what could not be read without one is there then */
function useContacts(session: Session, online: boolean): { contacts: Person[]; reload(): void } {
  const [contacts, setContacts] = useState<Person[]>([]);
  const reload = useCallback(() => {
    session.contacts().then(setContacts, () => undefined);
  }, [session]);
  useEffect(reload, [reload, online]);
  return { contacts, reload };
}

/** The server has signed this device out. A page that is too old, or was replaced, ends nothing but itself. */
function useEnd(ringline: Ringline | undefined, session: Session, left: (notice?: string) => void): void {
  const end = ringline?.end;
  useEffect(() => {
    const leave = () => void session.forget().catch(() => undefined).then(() => left(say("You were signed out on this device. Sign in again.")));
    if (end === "signed-out") return leave();
    // Another page goes on as this line. It may, unless the device was signed out meanwhile.
    if (end === "replaced") session.holds().then((holds) => holds || leave(), () => undefined);
  }, [end, session, left]);
}

/** What the browser cannot forget any more is of no use to anybody: the device is signed out all the same. */
function signOut(session: Session, done: () => void): void {
  void session.signOut().catch(() => undefined).then(done);
}

function arrivalOf(ringline: Ringline | undefined) {
  const arrived = ringline?.threads.arrived;
  if (arrived === undefined) return undefined;
  const { thread, entry } = arrived;
  return { id: `${thread.peer.username} ${entry.number}`, from: thread.peer, text: entry.message?.text ?? "" };
}

function called(face: Face | undefined) {
  return face === undefined ? undefined : { id: face.key, words: ringWords(face) };
}

/** People who opted in to be found, and whoever has exactly this username. Rejects with Refused where nobody can say. */
async function find(session: Session, query: string): Promise<Person[]> {
  const [exact, found] = await Promise.allSettled([session.profile(query), session.search(query.replace(/^@+/, ""))]);
  const people = [...settled(exact), ...settled(found).flat()];
  const lost = [exact, found].find((one) => one.status === "rejected" && !isNobody(one.reason));
  if (people.length === 0 && lost?.status === "rejected") throw lost.reason;
  return people.filter((one, index) => people.findIndex((other) => other.user_id === one.user_id) === index);
}

function settled<T>(one: PromiseSettledResult<T>): T[] {
  return one.status === "fulfilled" ? [one.value] : [];
}

function useTitle(call: string | undefined, unread: number): void {
  const title = call ?? (unread > 0 ? `(${unread}) Ringline` : "Ringline");
  useEffect(() => {
    document.title = title;
  }, [title]);
}
