/**
 * Every state of the page with made-up people, for looking at: `npm run dev`, then /gallery/?show=thread. `&dir=rtl`
 * mirrors it. Served by the development server only; it is no part of the product's build.
 */
import type { CallSettings, Consent, Entry, Pending } from "@ringline/client";
import { Reason, Refused } from "@ringline/client";
import { SyntheticCapture } from "@ringline/client/media-test";
import type { ReactNode } from "react";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import "../src/design/tokens.css";
import "../src/design/base.css";
import { Codes } from "../src/account/codes";
import { Enter } from "../src/account/enter";
import { CallBar } from "../src/call/bar";
import type { Held, Waiting } from "../src/call/others";
import { OtherCalls } from "../src/call/others";
import { EquipmentDialog } from "../src/call/equipment";
import type { Face } from "../src/call/face";
import { sentenceOf, worthAgain } from "../src/call/refused";
import { RingDialog } from "../src/call/ring";
import { Stage } from "../src/call/stage";
import { CallHistory } from "../src/calls/page";
import { ReportSheet } from "../src/consent/report";
import { CallSection } from "../src/consent/section";
import { SilentCalls } from "../src/consent/silent";
import { useWished } from "../src/consent/use_consent";
import { Requests } from "../src/people/requests";
import { Sidebar } from "../src/people/sidebar";
import { settle } from "../src/preferences";
import { Settings } from "../src/settings/settings";
import { NothingOpen, Shell } from "../src/shell";
import { Composer } from "../src/thread/composer";
import { RequestNote } from "../src/thread/notes";
import { Profile } from "../src/thread/profile";
import { ThreadView } from "../src/thread/view";
import { Beginning, Lost, Nobody, PersonWindow } from "../src/thread/window";
import { consentOf, variants } from "./consent";
import { ada, bob, calls, long, onTheWay, people, person, rows, thread } from "./people";

const noop = () => undefined;
const hold = () => Promise.resolve();
const signs = { theySpeak: () => Promise.resolve(true), quality: () => Promise.resolve("good" as const) };
const stageActions = { set: noop, hangUp: noop, hold: noop, resume: noop, dismiss: noop, minimise: noop, again: noop, choose: noop };
const barActions = { open: noop, set: noop, hold: noop, resume: noop, hangUp: noop, dismiss: noop };
const standing = { contact: true, follows: false, blocked: false, known: true, failed: false, changes: 0, setContact: noop, setFollows: noop, setBlocked: noop };

const quiet: Face = {
  key: "c", incoming: false, state: "connected", status: "Connected", peer: bob, askedVideo: false, microphone: true,
  camera: false, cameraAllowed: true, mayHold: true, mayResume: false, peerCamera: false, peerMuted: false, connectedAt: Date.now() - 83_000, lasted: undefined,
  cutOff: false, problems: [], refused: undefined, again: "audio", localVideo: undefined, remoteAudio: undefined, remoteVideo: undefined,
};

const mei: Face = { ...quiet, key: "m", state: "incoming", peer: person("mei.lin", "Mei Lin"), mayHold: false };
const waiting: Waiting = { face: mei, mayHold: true, holdAndAnswer: noop, endAndAnswer: noop, decline: noop };
const held: Held = { face: { ...quiet, key: "h", state: "holding", status: "On hold", peer: person("jonas", "Jonas Weber"), mayResume: true }, swaps: true, resume: noop, hangUp: noop };
const nobody = { waiting: undefined, held: [] };

function Frame({ children, open, bar }: { children: ReactNode; open: string; bar?: ReactNode }) {
  return (
    <>
      <Shell
        open={open !== ""}
        sidebar={
          <Sidebar me={ada} contacts={[...people, person("zoe", "Zoë Martin")]} rows={rows} requests={1} hasRequests online={() => false} open={open} offline={false} loading={false} find={() => Promise.resolve([bob])} more={noop} />
        }
      >
        {children}
      </Shell>
      {bar}
    </>
  );
}

function Window({ face, notice, others = nobody, children }: { face?: Face; notice?: string; others?: { waiting: Waiting | undefined; held: Held[] }; children?: ReactNode }) {
  return (
    <Frame open="bob">
      <PersonWindow person={bob} self={false} online busy={face !== undefined} back={noop} call={noop} openProfile={noop}>
        {face === undefined ? children : <Stage face={face} notice={notice} actions={stageActions} signs={signs} unread={face === quiet} others={<OtherCalls {...others} floating={false} />} />}
      </PersonWindow>
    </Frame>
  );
}

function Thread({ entries, pending, readUpTo }: { entries: Entry[]; pending: Pending[]; readUpTo: number }) {
  return (
    <>
      <ThreadView
        entries={entries}
        pending={pending}
        readUpTo={readUpTo}
        ownDevice="d1"
        busy={false}
        more={false}
        loading={false}
        failed={false}
        beginning={<Beginning person={bob} self={false} empty={entries.length === 0} />}
        actions={{ older: noop, seen: noop, call: noop, retry: noop, discard: noop }}
      />
      <Composer owner="d1" username="bob" send={noop} />
    </>
  );
}

function WithPictures({ base, theirs, show }: { base: Face; theirs: boolean; show?: (face: Face) => ReactNode }) {
  const [face, setFace] = useState(base);
  useEffect(() => {
    void (async () => {
      const mine = await new SyntheticCapture(430, "@ada").get(["video"]);
      const other = await new SyntheticCapture(700, "@bob").get(["video"]);
      setFace({ ...base, camera: true, localVideo: mine.tracks.video, peerCamera: theirs, remoteVideo: other.tracks.video });
    })();
  }, [base, theirs]);
  return show === undefined ? <Window face={face} /> : show(face);
}

const whole = <Thread entries={thread} pending={[]} readUpTo={Number.POSITIVE_INFINITY} />;
const enter = { signIn: hold, signUp: hold, recover: hold };
const codes = ["7F4K-2QXM-91BT", "M2RC-88VD-KLP0", "Q9WZ-14HN-5TGB", "3XKD-PL7M-A2V8", "T6YH-NB41-ZQ9C", "R5FG-7JUK-M3WE", "H8BN-QW2E-4RTY", "V1CX-9LKJ-H6GF", "D0SA-P3OI-U8YT", "N7ME-5RTW-B1XZ"];
const device = (device_id: string, name: string, ago: number) => ({ device_id, name, created_at_ms: 0, last_seen_at_ms: Date.now() - ago, revoked: false });
const devices = [device("d1", "Chrome on Linux", 0), device("d2", "Safari on iPhone", 3_600_000), device("d3", "Firefox on Windows", 9 * 86_400_000)];
const settingsActions = { back: noop, signOut: noop, change: noop, rename: () => Promise.resolve(undefined), revoke: noop, unblock: noop, setWriters: noop };
const history = (which: "all" | "missed", reading: "done" | "failed" = "done") => (
  <Frame open="-">
    <CallHistory which={which} choose={noop} calls={which === "all" ? calls : []} reading={reading} more={which === "all"} ownDevice="d1" busy={false} actions={{ call: noop, back: noop, older: noop, again: noop }} />
  </Frame>
);
const notCalled = (why: Refused): Face => {
  const askedVideo = why.reason === Reason.NOT_ENTITLED_VIDEO;
  const again = worthAgain(why, askedVideo ? "video" : "audio");
  return { ...quiet, state: "ended", status: "Call ended", connectedAt: undefined, askedVideo, again, mayHold: false, refused: sentenceOf(why, bob.username, Date.now()) };
};
const refused = (why: Refused) => <Window face={notCalled(why)} />;
const find = (username: string) => Promise.resolve(people.find((one) => one.username === username) ?? bob);
const profile = (consent: Consent) => <Window>{whole}<Profile person={bob} standing={standing} consent={consent} close={noop} report={noop} remove={noop} /></Window>;
const silent = (consent: Consent) => <Frame open="-"><SilentCalls consent={consent} setBlocked={hold} back={noop} /></Frame>;

/** @param at what to scroll to */
function MySettings({ settings, consent: own, at }: { settings: CallSettings; consent?: Consent; at?: string }) {
  const [consent] = useState(() => own ?? consentOf(settings));
  const calls = useWished([consent], () => consent.settings(), (wish) => consent.set(wish));
  const isThere = calls.shown !== undefined;
  useEffect(() => {
    if (isThere && at !== undefined) [...document.querySelectorAll(".settings-title")].find((one) => one.textContent === at)?.scrollIntoView();
  }, [isThere]);
  return (
    <Frame open="-">
      <Settings
        account={{ ...ada, tier: "", searchable: true }}
        calling={<CallSection consent={consent} calls={calls} find={find} />}
        writers={["everyone"]}
        devices={devices}
        blocked={[person("mallory", "Mallory Stone")]}
        ownDevice="d1"
        notice={undefined}
        again={undefined}
        actions={settingsActions}
      />
    </Frame>
  );
}

const states: Record<string, () => ReactNode> = {
  "sign-in": () => <Enter door="sign-in" goTo={noop} actions={enter} notice={undefined} />,
  "sign-up": () => <Enter door="sign-up" goTo={noop} actions={enter} notice="That username is taken." />,
  codes: () => <Codes username="ada" codes={codes} done={noop} />,
  home: () => <Frame open=""><NothingOpen /></Frame>,
  thread: () => <Window>{whole}</Window>,
  unread: () => <Window><Thread entries={thread} pending={onTheWay} readUpTo={7} /></Window>,
  long: () => <Window><Thread entries={long} pending={[]} readUpTo={Number.POSITIVE_INFINITY} /></Window>,
  empty: () => <Window><Thread entries={[]} pending={[]} readUpTo={0} /></Window>,
  request: () => (
    <Window>
      <Thread entries={thread.slice(0, 1)} pending={[]} readUpTo={0} />
      <RequestNote person={bob} failed={false} accept={noop} remove={noop} block={noop} report={noop} />
    </Window>
  ),
  profile: () => profile(consentOf(variants.usual)),
  "profile-quiet": () => profile(consentOf(variants.quiet)),
  "profile-slow": () => profile(consentOf(variants.usual, "slow")),
  "profile-lost": () => profile(consentOf(variants.usual, "lost")),
  report: () => <Window>{whole}<ReportSheet person={bob} entries={thread} consent={consentOf(variants.usual)} blocked={false} didBlock={noop} close={noop} /></Window>,
  "report-lost": () => <Window>{whole}<ReportSheet person={bob} entries={[]} consent={consentOf(variants.usual, "lost")} blocked={false} didBlock={noop} close={noop} /></Window>,
  requests: () => <Frame open="-"><Requests rows={rows.slice(3)} loading={false} back={noop} /></Frame>,
  calls: () => history("all"),
  "no-calls": () => history("missed"),
  "calls-lost": () => history("missed", "failed"),
  lost: () => <Frame open="-"><Lost username="nadia" why={new Refused(Reason.UNAVAILABLE, "")} back={noop} again={noop} /></Frame>,
  nobody: () => <Frame open="-"><Nobody username="nadia" back={noop} /></Frame>,
  settings: () => <MySettings settings={variants.planned} />,
  "settings-callers": () => <MySettings settings={variants.planned} at="Who can call me" />,
  "settings-hours": () => <MySettings settings={variants.quiet} at="Quiet hours" />,
  "settings-callers-quiet": () => <MySettings settings={variants.quiet} at="Who can call me" />,
  "settings-quiet": () => <MySettings settings={variants.quiet} />,
  "settings-open": () => <MySettings settings={variants.open} />,
  "settings-nobody": () => <MySettings settings={variants.nobody} />,
  "settings-lost": () => <MySettings settings={variants.usual} consent={consentOf(variants.usual, "lost")} />,
  silent: () => silent(consentOf(variants.usual)),
  "no-silent": () => silent(consentOf(variants.usual, "none", [])),
  "silent-lost": () => silent(consentOf(variants.usual, "lost")),
  equipment: () => <Frame open="-"><NothingOpen /><EquipmentDialog close={noop} capture={new SyntheticCapture(430, "@ada")} /></Frame>,
  calling: () => <Window face={{ ...quiet, state: "calling", status: "Calling…", connectedAt: undefined }} />,
  connected: () => <Window face={quiet} />,
  holding: () => <Window face={{ ...quiet, state: "holding", status: "On hold", mayHold: false, mayResume: true }} />,
  held: () => <Window face={{ ...quiet, state: "held", status: "You are on hold" }} />,
  waiting: () => <Window face={quiet} others={{ waiting, held: [] }} />,
  "waiting-video": () => <WithPictures base={quiet} theirs show={(face) => <Window face={face} others={{ waiting: { ...waiting, face: { ...mei, askedVideo: true } }, held: [] }} />} />,
  "waiting-held": () => <Window face={{ ...quiet, mayHold: false }} others={{ waiting: { ...waiting, mayHold: false }, held: [held] }} />,
  swap: () => <Window face={{ ...quiet, mayHold: false }} others={{ waiting: undefined, held: [held] }} />,
  "bar-waiting": () => <><Window>{whole}</Window><CallBar face={quiet} actions={barActions} /><OtherCalls waiting={waiting} held={[]} floating /></>,
  "bar-held": () => <><Window>{whole}</Window><CallBar face={{ ...quiet, mayHold: false }} actions={barActions} /><OtherCalls waiting={undefined} held={[held]} floating /></>,
  "bar-holding": () => <><Window>{whole}</Window><CallBar face={{ ...quiet, state: "holding", status: "On hold", mayHold: false, mayResume: true }} actions={barActions} /></>,
  "tile-waiting": () => <WithPictures base={quiet} theirs show={(face) => <><Window>{whole}</Window><CallBar face={face} actions={barActions} /><OtherCalls waiting={waiting} held={[]} floating /></>} />,
  denied: () => <Window face={{ ...quiet, problems: [{ kind: "audio", why: "denied" }] }} />,
  mending: () => <Window face={{ ...quiet, state: "mending", status: "Reconnecting…", cutOff: true }} />,
  interrupted: () => <Window face={{ ...quiet, state: "mending", status: "Reconnecting…" }} />,
  "cut-off": () => <Window face={{ ...quiet, cutOff: true }} />,
  "mending-video": () => <WithPictures base={{ ...quiet, state: "mending", status: "Reconnecting…", cutOff: true }} theirs />,
  video: () => <WithPictures base={quiet} theirs />,
  "self-video": () => <WithPictures base={{ ...quiet, state: "calling", status: "Ringing…", connectedAt: undefined }} theirs={false} />,
  ended: () => <Window face={{ ...quiet, state: "ended", status: "No answer", connectedAt: undefined }} />,
  "refused-plus": () => refused(new Refused(Reason.NOT_ENTITLED_VIDEO, "", 0, "plus")),
  "refused-other": () => refused(new Refused(Reason.NOT_ENTITLED_AUDIO, "", 0, "beta-2")),
  "refused-pair": () => refused(new Refused(Reason.LIMITED, "", 3_000_000, "", "pair")),
  "refused-new": () => refused(new Refused(Reason.LIMITED, "", 5 * 86_400_000, "", "new_account")),
  "bar-refused": () => <><Window>{whole}</Window><CallBar face={notCalled(new Refused(Reason.LIMITED, "", 3_000_000, "", "strangers"))} actions={barActions} /></>,
  summary: () => <Window face={{ ...quiet, state: "ended", status: "Call ended", lasted: 754_000 }} />,
  ring: () => <><Window>{whole}</Window><RingDialog face={{ ...quiet, state: "incoming" }} actions={{ answer: noop, decline: noop }} /></>,
  "ring-video": () => <><Window>{whole}</Window><RingDialog face={{ ...quiet, state: "incoming", askedVideo: true }} actions={{ answer: noop, decline: noop }} /></>,
  bar: () => <><Window>{whole}</Window><CallBar face={quiet} actions={barActions} /></>,
  tile: () => <WithPictures base={quiet} theirs show={(face) => <><Window>{whole}</Window><CallBar face={face} actions={barActions} /></>} />,
};

const asked = new URLSearchParams(location.search);
const Shown = states[asked.get("show") ?? "home"];
document.documentElement.dir = asked.get("dir") ?? "ltr";
const root = document.getElementById("root");
if (root !== null) {
  await settle();
  createRoot(root).render(Shown === undefined ? <p>{Object.keys(states).join(" ")}</p> : <Shown />);
}
