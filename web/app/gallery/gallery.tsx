/**
 * Every state of the page with made-up people, for looking at: `npm run dev`, then /gallery/?show=stage-audio.
 * Served by the development server only; it is no part of the product's build.
 */
import { SyntheticCapture } from "@ringline/client/media-test";
import type { ReactNode } from "react";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import "../src/design/tokens.css";
import "../src/design/base.css";
import { Codes } from "../src/account/codes";
import { Enter } from "../src/account/enter";
import { CallBar } from "../src/call/bar";
import type { Face } from "../src/call/face";
import { RingDialog } from "../src/call/ring";
import { Stage } from "../src/call/stage";
import type { Shown } from "../src/design/avatar";
import { Sidebar } from "../src/people/sidebar";
import { Settings } from "../src/settings/settings";
import { NothingOpen, Shell } from "../src/shell";
import { PersonWindow } from "../src/thread/window";

const person = (username: string, display_name: string, verified = false): Shown => ({ username, display_name, verified });
const ada = person("ada", "Ada Lovelace");
const bob = person("bob", "Bob Okafor", true);
const people = [bob, person("mei.lin", "Mei Lin"), person("jonas", "Jonas Weber"), person("priya_r", "Priya Raman", true), person("tomas", "")];
const noop = () => undefined;
const hold = () => Promise.resolve();

const quiet: Face = {
  key: "c", incoming: false, state: "connected", status: "Connected", peer: bob, askedVideo: false, microphone: true,
  camera: false, cameraAllowed: true, peerCamera: false, peerMuted: false, connectedAt: Date.now() - 83_000,
  problems: [], refused: undefined, localVideo: undefined, remoteAudio: undefined, remoteVideo: undefined,
};

function Frame({ children, open, bar }: { children: ReactNode; open: string; bar?: ReactNode }) {
  const recent = [
    { id: "1", peer: people[2] ?? bob, missed: true, incoming: true, at: Date.now() - 3_600_000 },
    { id: "2", peer: bob, missed: false, incoming: false, at: Date.now() - 7_200_000 },
  ];
  return (
    <>
      <Shell
        open={open !== ""}
        sidebar={<Sidebar me={ada} contacts={people} recent={recent} open={open} offline={false} find={() => Promise.resolve([bob])} />}
      >
        {children}
      </Shell>
      {bar}
    </>
  );
}

function Window({ face, notice }: { face?: Face; notice?: string }) {
  const stage = face === undefined ? undefined : <Stage face={face} notice={notice} actions={{ set: noop, hangUp: noop, dismiss: noop }} />;
  return (
    <Frame open="bob">
      <PersonWindow person={bob} contact self={false} busy={face !== undefined} stage={stage} actions={{ back: noop, call: noop, setContact: noop }} />
    </Frame>
  );
}

function WithPictures({ base, theirs }: { base: Face; theirs: boolean }) {
  const [face, setFace] = useState(base);
  useEffect(() => {
    void (async () => {
      const mine = await new SyntheticCapture(430, "@ada").get(["video"]);
      const other = await new SyntheticCapture(700, "@bob").get(["video"]);
      setFace({ ...base, camera: true, localVideo: mine.tracks.video, peerCamera: theirs, remoteVideo: other.tracks.video });
    })();
  }, [base, theirs]);
  return <Window face={face} />;
}

const enter = { signIn: hold, signUp: hold, recover: hold };
const codes = ["7F4K-2QXM-91BT", "M2RC-88VD-KLP0", "Q9WZ-14HN-5TGB", "3XKD-PL7M-A2V8", "T6YH-NB41-ZQ9C", "R5FG-7JUK-M3WE", "H8BN-QW2E-4RTY", "V1CX-9LKJ-H6GF", "D0SA-P3OI-U8YT", "N7ME-5RTW-B1XZ"];
const states: Record<string, () => ReactNode> = {
  "sign-in": () => <Enter door="sign-in" goTo={noop} actions={enter} notice={undefined} />,
  "sign-up": () => <Enter door="sign-up" goTo={noop} actions={enter} notice="That username is taken." />,
  codes: () => <Codes username="ada" codes={codes} done={noop} />,
  home: () => <Frame open=""><NothingOpen /></Frame>,
  thread: () => <Window />,
  settings: () => (
    <Frame open="-">
      <Settings me={ada} audiences={["contacts", "following"]} notice={undefined} back={noop} setAudiences={noop} signOut={noop} />
    </Frame>
  ),
  calling: () => <Window face={{ ...quiet, state: "calling", status: "Calling…", connectedAt: undefined }} />,
  connected: () => <Window face={quiet} />,
  denied: () => <Window face={{ ...quiet, problems: [{ kind: "audio", why: "denied" }] }} />,
  video: () => <WithPictures base={quiet} theirs />,
  "self-video": () => <WithPictures base={{ ...quiet, state: "calling", status: "Ringing…", connectedAt: undefined }} theirs={false} />,
  ended: () => <Window face={{ ...quiet, state: "ended", status: "No answer", connectedAt: undefined }} />,
  ring: () => (
    <>
      <Window />
      <RingDialog face={{ ...quiet, state: "incoming" }} actions={{ answer: noop, decline: noop }} />
    </>
  ),
  "ring-video": () => (
    <>
      <Window />
      <RingDialog face={{ ...quiet, state: "incoming", askedVideo: true }} actions={{ answer: noop, decline: noop }} />
    </>
  ),
  bar: () => (
    <Frame open="" bar={<CallBar face={quiet} actions={{ open: noop, hangUp: noop, dismiss: noop }} />}>
      <NothingOpen />
    </Frame>
  ),
};

const show = new URLSearchParams(location.search).get("show") ?? "home";
const root = document.getElementById("root");
if (root !== null) createRoot(root).render(states[show]?.() ?? <p>{Object.keys(states).join(" ")}</p>);
