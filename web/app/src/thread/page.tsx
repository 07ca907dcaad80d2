/** `/@bob`: looks up who that is, then shows the window with the thread or the call. */
import type { Person, Ringline, Session } from "@ringline/client";
import { Consent, Reason, Refused } from "@ringline/client";
import type { ReactNode } from "react";
import { lazy, useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Kind } from "../call/kind";
import { isNobody } from "../words/refusal";
import { LaterSheet } from "../design/boundary";
import { say } from "../words/words";
import { Composer } from "./composer";
import { BlockedNote, RequestNote } from "./notes";
import { useStanding } from "./standing";
import { ThreadView } from "./view";
import { Beginning, Lost, Nobody, PersonWindow } from "./window";

const loadProfile = () => import("./profile");
const loadReport = () => import("../consent/report");
const Profile = lazy(async () => ({ default: (await loadProfile()).Profile }));
const ReportSheet = lazy(async () => ({ default: (await loadReport()).ReportSheet }));

interface Props {
  session: Session;
  ringline: Ringline | undefined;
  username: string;
  contacts: Person[];
  contactsChanged(): void;
  busy: boolean;
  stage: ReactNode;
  call(username: string, kind: Kind): void;
  back(): void;
}

export function PersonPage(props: Props) {
  const { session, ringline, username, contacts, busy, stage, call, back } = props;
  const threads = ringline?.threads;
  const named = contacts.find((one) => one.username === username.toLowerCase()) ?? threads?.named(username.toLowerCase())?.peer;
  const [found, again] = usePerson(session, username, named !== undefined);
  // Who is shown stays the same one, whatever he is called meanwhile.
  const shown = useRef<Person | undefined>(undefined);
  shown.current ??= named ?? (found instanceof Refused ? undefined : found);
  const thread = shown.current === undefined ? undefined : threads?.thread(shown.current.user_id);
  const person = thread?.peer ?? shown.current ?? found;
  const [sheet, setSheet] = useState<"profile" | "report" | undefined>(undefined);
  const consent = useMemo(() => new Consent(session), [session]);
  useEffect(() => {
    // The first page does without them; they are there before somebody has pressed a button, and where the network is gone.
    for (const load of [loadProfile, loadReport]) void load().catch(() => undefined);
  }, []);
  // By id: a name that was given up may be somebody else's.
  const self = !(person instanceof Refused) && person?.user_id === session.account.user_id;
  const standing = useStanding(session, self || person instanceof Refused ? undefined : person?.username, props.contactsChanged);
  if (isNobody(person)) return <Nobody username={username} back={back} />;
  if (person instanceof Refused) return <Lost username={username} why={person} back={back} again={again} />;
  if (person === undefined) return <main className="window" aria-busy="true" />;
  return (
    <PersonWindow
      person={person}
      self={self}
      online={threads?.online.has(person.user_id) === true}
      busy={busy}
      back={back}
      call={(kind) => call(person.username, kind)}
      openProfile={() => setSheet("profile")}
    >
      {stage ??
        (ringline === undefined ? null : (
          <Thread person={person} self={self} ringline={ringline} ownDevice={session.deviceId} busy={busy} call={call} standing={standing} gone={back} report={() => setSheet("report")} />
        ))}
      <LaterSheet key={sheet}>
        {sheet === "profile" && (
          <Profile
            person={person}
            standing={standing}
            consent={consent}
            close={() => setSheet(undefined)}
            report={() => setSheet("report")}
            remove={thread === undefined ? undefined : () => void threads?.remove(person).then(back, () => undefined)}
          />
        )}
        {sheet === "report" && (
          <ReportSheet
            person={person}
            entries={threads?.entries(person.user_id) ?? []}
            consent={consent}
            blocked={standing.blocked}
            didBlock={() => standing.setBlocked(true)}
            close={() => setSheet(undefined)}
          />
        )}
      </LaterSheet>
    </PersonWindow>
  );
}

interface ThreadProps {
  person: Person;
  self: boolean;
  ringline: Ringline;
  ownDevice: string;
  busy: boolean;
  call(username: string, kind: Kind): void;
  standing: ReturnType<typeof useStanding>;
  gone(): void;
  report(): void;
}

function Thread({ person, self, ringline, ownDevice, busy, call, standing, gone, report }: ThreadProps) {
  const { threads } = ringline;
  const { user_id: userId, username } = person;
  const conversation = threads.conversation(person);
  const thread = threads.thread(userId);
  const readUpTo = useRef<number | undefined>(undefined);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (self) return;
    conversation.enter();
    return () => conversation.leave();
  }, [conversation, self]);
  const older = useCallback(() => void conversation.older(), [conversation]);
  if (conversation.loaded) readUpTo.current ??= (thread?.unread ?? 0) > 0 ? thread?.read : Number.POSITIVE_INFINITY;
  const entries = threads.entries(userId);
  const pending = threads.pending(userId);
  const blank = !self && !conversation.loaded && !conversation.failed && !conversation.nobody && entries.length === 0;
  return (
    <>
      <ThreadView
        entries={entries}
        pending={pending}
        readUpTo={readUpTo.current ?? Number.POSITIVE_INFINITY}
        ownDevice={ownDevice}
        busy={busy}
        more={conversation.more}
        loading={conversation.loading}
        failed={conversation.failed}
        missing={conversation.nobody ? say("Nobody is called @{username}", { username }) : undefined}
        beginning={blank ? <p className="thread-more" /> : <Beginning person={person} self={self} empty={entries.length + pending.length === 0} />}
        actions={{
          older,
          seen: (number) => threads.read(person, number),
          call: (kind) => call(username, kind),
          retry: (clientId) => threads.retry(clientId),
          discard: (clientId) => threads.discard(clientId),
        }}
      />
      {thread?.folder === "requests" && !standing.blocked && (
        <RequestNote
          person={person}
          failed={failed || standing.failed}
          accept={() => (setFailed(false), void threads.accept(person).catch(() => setFailed(true)))}
          remove={() => (setFailed(false), void threads.remove(person).then(gone, () => setFailed(true)))}
          block={() => standing.setBlocked(true)}
          report={report}
        />
      )}
      {standing.blocked && <BlockedNote person={person} unblock={() => standing.setBlocked(false)} />}
      {!self && !standing.blocked && <Composer key={userId} owner={ownDevice} username={username} send={(text) => threads.send(person, text)} />}
    </>
  );
}

/** Who has this username, or why that cannot be said; and looking once more. */
function usePerson(session: Session, username: string, known: boolean): [Person | Refused | undefined, () => void] {
  const [found, setFound] = useState<Person | Refused | undefined>(undefined);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    // Lookups are counted, and nothing is to be learned of somebody who is known.
    if (known) return;
    let gone = false;
    setFound(undefined);
    session.profile(username).then(
      (person) => gone || setFound(person),
      (error: unknown) => gone || setFound(error instanceof Refused ? error : new Refused(Reason.UNAVAILABLE, String(error))),
    );
    return () => {
      gone = true;
    };
  }, [session, username, tries]);
  return [found, () => setTries(tries + 1)];
}
