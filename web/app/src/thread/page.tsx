/** `/@bob`: looks up who that is, then shows the window with the thread or the call. */
import type { Person, Ringline, Session } from "@ringline/client";
import { Reason, Refused } from "@ringline/client";
import type { ReactNode } from "react";
import { useCallback, useEffect, useRef, useState } from "react";
import type { Kind } from "../call/kind";
import { Composer } from "./composer";
import { BlockedNote, RequestNote } from "./notes";
import { Profile } from "./profile";
import { useStanding } from "./standing";
import { ThreadView } from "./view";
import { say } from "../words/words";
import { Beginning, Nobody, PersonWindow } from "./window";

const NOBODY: ReadonlySet<Reason> = new Set([Reason.USER_NOT_FOUND, Reason.USERNAME_INVALID]);

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
  const found = usePerson(session, username, named !== undefined);
  // Who is shown stays the same one, whatever he is called meanwhile.
  const shown = useRef<Person | undefined>(undefined);
  shown.current ??= named ?? (found === "nobody" ? undefined : found);
  const thread = shown.current === undefined ? undefined : threads?.thread(shown.current.user_id);
  const person = thread?.peer ?? shown.current ?? found;
  const [profile, setProfile] = useState(false);
  const standing = useStanding(session, person === "nobody" ? undefined : person?.username, props.contactsChanged);
  if (person === "nobody") return <Nobody username={username} back={back} />;
  if (person === undefined) return <main className="window" aria-busy="true" />;
  const self = person.username === session.account.username;
  return (
    <PersonWindow
      person={person}
      self={self}
      online={threads?.online.has(person.user_id) === true}
      busy={busy}
      back={back}
      call={(kind) => call(person.username, kind)}
      openProfile={() => setProfile(true)}
    >
      {stage ??
        (ringline === undefined ? null : (
          <Thread person={person} self={self} ringline={ringline} ownDevice={session.deviceId} busy={busy} call={call} standing={standing} gone={back} />
        ))}
      {profile && (
        <Profile
          person={person}
          standing={standing}
          close={() => setProfile(false)}
          remove={thread === undefined ? undefined : () => void threads?.remove(person).then(back, () => undefined)}
        />
      )}
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
}

function Thread({ person, self, ringline, ownDevice, busy, call, standing, gone }: ThreadProps) {
  const { threads } = ringline;
  const { user_id: userId, username } = person;
  const conversation = threads.conversation(person);
  const thread = threads.thread(userId);
  const readUpTo = useRef<number | undefined>(undefined);
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
          accept={() => void threads.accept(person).catch(() => undefined)}
          remove={() => void threads.remove(person).then(gone, () => undefined)}
          block={() => standing.setBlocked(true)}
        />
      )}
      {standing.blocked && <BlockedNote person={person} unblock={() => standing.setBlocked(false)} />}
      {!self && !standing.blocked && <Composer key={userId} owner={ownDevice} username={username} send={(text) => threads.send(person, text)} />}
    </>
  );
}

/** Who has this username; "nobody" where the server says so. */
function usePerson(session: Session, username: string, known: boolean): Person | "nobody" | undefined {
  const [found, setFound] = useState<Person | "nobody" | undefined>(undefined);
  useEffect(() => {
    // Lookups are counted, and nothing is to be learned of somebody who is known.
    if (known) return;
    let gone = false;
    session.profile(username).then(
      (person) => gone || setFound(person),
      (error: unknown) => {
        const nobody = error instanceof Refused && NOBODY.has(error.reason);
        if (!gone && nobody) setFound("nobody");
      },
    );
    return () => {
      gone = true;
    };
  }, [session, username]);
  return found;
}
