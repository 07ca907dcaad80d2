/** Everything somebody who is signed in sees: the people, the window that is open, and the call, wherever they are. */
import type { LocalCall, Person, Session } from "@ringline/client";
import { Reason, Refused } from "@ringline/client";
import { useCallback, useEffect, useState } from "react";
import { CallBar } from "./call/bar";
import type { Face } from "./call/face";
import { faceOf, sentenceOf } from "./call/face";
import { Sound } from "./call/media";
import { RingDialog } from "./call/ring";
import { Stage } from "./call/stage";
import { Sidebar } from "./people/sidebar";
import { recentOf } from "./people/recent";
import { go, pathOf, useRoute } from "./route";
import { SettingsPage } from "./settings/page";
import { NothingOpen, Shell } from "./shell";
import { PersonPage } from "./thread/page";
import { useRingline } from "./use_ringline";

export function Home({ session, left }: { session: Session; left(notice?: string): void }) {
  const route = useRoute();
  const ringline = useRingline(session);
  const [contacts, setContacts] = useState<Person[]>([]);
  const [notice, setNotice] = useState<string | undefined>(undefined);
  const me = session.account;
  const call = ringline?.call;
  const face = call === undefined ? undefined : faceOf(call);

  const reload = useCallback(() => {
    session.contacts().then(setContacts, () => undefined);
  }, [session]);
  useEffect(reload, [reload]);
  const why = ringline?.closedBecause;
  useEffect(() => {
    // Fenced: another page goes on as this line. It may.
    if (why !== undefined && why.reason !== Reason.LINE_FENCED) void session.signOut().finally(() => left(farewell(why)));
  }, [why, session, left]);
  useEffect(() => setNotice(undefined), [face?.key]);
  useTitle(face);

  const open = route.at === "person" ? route.username.toLowerCase() : "";
  const onStage = face !== undefined && shown(face) && open === face.peer.username.toLowerCase();
  const act = call === undefined ? undefined : actionsOn(call, setNotice, () => ringline?.dismiss(call));
  const stage = onStage && act !== undefined ? <Stage face={face} actions={act} notice={notice} /> : undefined;
  const back = () => go("/");
  return (
    <>
      <Shell
        open={route.at !== "home"}
        sidebar={
          <Sidebar
            me={me}
            contacts={contacts}
            recent={recentOf(ringline?.recent ?? [])}
            open={open}
            offline={ringline?.line === "waiting"}
            find={(query) => find(session, query)}
          />
        }
      >
        {route.at === "home" && <NothingOpen />}
        {route.at === "settings" && (
          <SettingsPage session={session} back={back} signOut={() => void session.signOut().finally(() => left())} />
        )}
        {route.at === "person" && (
          <PersonPage
            key={route.username}
            session={session}
            username={route.username}
            contacts={contacts}
            contactsChanged={reload}
            busy={face !== undefined && face.state !== "ended"}
            stage={stage}
            call={(username, kind) => ringline?.place(username, { audio: true, video: kind === "video" })}
            back={back}
          />
        )}
      </Shell>
      {face !== undefined && <Sound track={face.state === "ended" ? undefined : face.remoteAudio} />}
      {face !== undefined && act !== undefined && shown(face) && !onStage && (
        <CallBar face={face} actions={{ ...act, open: () => go(pathOf(face.peer.username)) }} />
      )}
      {face?.state === "incoming" && call !== undefined && (
        <RingDialog face={face} actions={{ answer: (wanted) => answer(call, face, wanted), decline: () => call.decline() }} />
      )}
    </>
  );
}

function farewell(why: Refused): string {
  if (why.reason === Reason.CLIENT_TOO_OLD) return "This page is out of date. Reload it, then sign in again.";
  return "You were signed out on this device. Sign in again.";
}

/** Before an answer, a call that comes in is the dialog's; one that went by on its own leaves no window behind. */
function shown(face: Face): boolean {
  return face.state !== "incoming" && face.state !== "silenced" && face.state !== "new";
}

function answer(call: LocalCall, face: Face, wanted: { audio: boolean; video: boolean }): void {
  call.answer(wanted);
  go(pathOf(face.peer.username));
}

function actionsOn(call: LocalCall, say: (notice: string | undefined) => void, dismiss: () => void) {
  return {
    set: (wanted: { audio: boolean; video: boolean }) => {
      say(undefined);
      call.set(wanted).catch((error: unknown) => {
        if (error instanceof Refused) say(sentenceOf(error.reason));
      });
    },
    hangUp: () => call.hangUp(),
    dismiss,
  };
}

/** People who opted in to be found, and whoever has exactly this username. */
async function find(session: Session, query: string): Promise<Person[]> {
  const [exact, found] = await Promise.all([
    session.profile(query).then((person) => [person], () => []),
    session.search(query.replace(/^@+/, "")).catch(() => []),
  ]);
  return [...exact, ...found.filter((person) => person.user_id !== exact[0]?.user_id)];
}

function useTitle(face: Face | undefined): void {
  const title =
    face === undefined || face.state === "ended"
      ? "Ringline"
      : face.state === "incoming"
        ? `@${face.peer.username} is calling`
        : `${face.status} · @${face.peer.username}`;
  useEffect(() => {
    document.title = title;
  }, [title]);
}
