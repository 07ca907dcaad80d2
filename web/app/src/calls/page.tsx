/** All calls, or the missed ones, with everybody. */
import type { PastCall, Ringline } from "@ringline/client";
import { useEffect, useState } from "react";
import { Button, Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import type { Kind } from "../call/kind";
import { Avatar, Name } from "../design/avatar";
import { CameraIcon, PhoneIcon, VerifiedIcon } from "../design/icons";
import { Again, Plain, Window } from "../design/window";
import { follow, pathOf } from "../route";
import { CallIcon } from "../thread/entry";
import { brief, clock, sameDay } from "../words/dates";
import { say } from "../words/words";
import { callOutcome, callTitle } from "./title";
import "./calls.css";

type Which = "all" | "missed";

interface CallsPageProps {
  ringline: Ringline;
  ownDevice: string;
  busy: boolean;
  call(username: string, kind: Kind): void;
  back(): void;
}

export function CallsPage({ ringline, ownDevice, busy, call, back }: CallsPageProps) {
  const [which, setWhich] = useState<Which>("all");
  const { threads } = ringline;
  const history = threads.history[which];
  const online = ringline.line === "open";
  useEffect(() => {
    void history.refresh();
  }, [history]);
  useEffect(() => {
    if (online && history.failed) void history.refresh();
  }, [online]);
  return (
    <CallHistory
      which={which}
      choose={setWhich}
      calls={history.calls(threads.ended())}
      reading={history.failed && !history.loading ? "failed" : history.loaded ? "done" : "first"}
      more={history.more}
      ownDevice={ownDevice}
      busy={busy}
      actions={{ call, back, older: () => void history.older(), again: () => void history.refresh() }}
    />
  );
}

interface CallHistoryProps {
  which: Which;
  choose(which: Which): void;
  calls: PastCall[];
  /** "first" while nothing is known yet. */
  reading: "first" | "done" | "failed";
  more: boolean;
  ownDevice: string;
  busy: boolean;
  actions: { call(username: string, kind: Kind): void; back(): void; older(): void; again(): void };
}

export function CallHistory({ which, choose, calls, reading, more, ownDevice, busy, actions }: CallHistoryProps) {
  const failed = reading === "failed";
  const list =
    calls.length === 0 ? (
      <NoCalls which={which} reading={reading} again={actions.again} />
    ) : (
      <>
        <ul className="past-calls">
          {calls.map((past) => (
            <PastCallRow key={past.entry.call?.call_id} past={past} ownDevice={ownDevice} busy={busy} call={actions.call} />
          ))}
        </ul>
        {failed && (
          <div role="alert" className="notice calls-failed">
            <p>{say("Some calls could not be read.")}</p>
            <Again again={actions.again} />
          </div>
        )}
        {more && !failed && (
          <Button className="button plain" onPress={actions.older}>
            {say("Show older calls")}
          </Button>
        )}
      </>
    );
  return (
    <Window title={say("Call history")} back={actions.back}>
      <Tabs className="calls-tabs" selectedKey={which} onSelectionChange={(key) => choose(key as Which)}>
        <TabList className="segments" aria-label={say("Which calls")}>
          <Tab id="all">{say("All")}</Tab>
          <Tab id="missed">{say("Missed")}</Tab>
        </TabList>
        {(["all", "missed"] as const).map((id) => (
          <TabPanel key={id} id={id} className="page calls-list">
            {list}
          </TabPanel>
        ))}
      </Tabs>
    </Window>
  );
}

function NoCalls({ which, reading, again }: { which: Which; reading: CallHistoryProps["reading"]; again(): void }) {
  if (reading === "first") return <p className="plain-page quiet">{say("Loading…")}</p>;
  if (reading === "failed") {
    return (
      <Plain title={say("Your calls could not be read")} ways={<Again again={again} />}>
        {say("Ringline cannot be reached. Check your connection and try again.")}
      </Plain>
    );
  }
  return <Plain title={which === "all" ? say("No calls yet") : say("No missed calls")}>{say("Calls are kept here and in the conversation they belong to.")}</Plain>;
}

interface PastCallRowProps {
  past: PastCall;
  ownDevice: string;
  busy: boolean;
  call(username: string, kind: Kind): void;
}

function PastCallRow({ past, ownDevice, busy, call }: PastCallRowProps) {
  const { peer, entry } = past;
  if (entry.call === null) return null;
  const kind = entry.call.asked.video ? "video" : "audio";
  const outcome = callOutcome(entry.call, ownDevice);
  const path = pathOf(peer.username);
  const now = Date.now();
  return (
    <li className="past-call">
      <a className="person" href={path} onClick={follow(path)}>
        <Avatar person={peer} size={46} />
        <span className="person-text">
          <span className="person-name">
            <Name person={peer} /> {peer.verified && <VerifiedIcon />}
          </span>
          <span className={entry.call.missed ? "person-below missed" : "person-below"}>
            <span className="person-icon">
              <CallIcon call={entry.call} />
            </span>
            <span className="person-last">
              <span className={outcome === undefined ? "" : "past-title"}>{callTitle(entry.call)}</span>
              {outcome}
            </span>
          </span>
        </span>
        <time className="past-time" dateTime={new Date(entry.at_ms).toISOString()}>
          {sameDay(entry.at_ms, now) ? clock(entry.at_ms) : brief(entry.at_ms, now)}
        </time>
      </a>
      <Button
        className="icon-button"
        isDisabled={busy}
        aria-label={kind === "video" ? say("Call @{username} with video", { username: peer.username }) : say("Call @{username}", { username: peer.username })}
        onPress={() => call(peer.username, kind)}
      >
        {kind === "video" ? <CameraIcon /> : <PhoneIcon />}
      </Button>
    </li>
  );
}
