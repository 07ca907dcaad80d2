/** All calls, or the missed ones, with everybody. */
import type { PastCall, Ringline } from "@ringline/client";
import { useEffect, useState } from "react";
import { Button, Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import type { Kind } from "../call/kind";
import { Avatar, nameOf } from "../design/avatar";
import { CameraIcon, PhoneIcon, VerifiedIcon } from "../design/icons";
import { Plain, Window } from "../design/window";
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
  useEffect(() => {
    void history.refresh();
  }, [history]);
  return (
    <CallHistory
      which={which}
      choose={setWhich}
      calls={history.calls(threads.ended())}
      loading={!history.loaded && !history.failed}
      more={history.more}
      ownDevice={ownDevice}
      busy={busy}
      actions={{ call, back, older: () => void history.older() }}
    />
  );
}

interface CallHistoryProps {
  which: Which;
  choose(which: Which): void;
  calls: PastCall[];
  loading: boolean;
  more: boolean;
  ownDevice: string;
  busy: boolean;
  actions: { call(username: string, kind: Kind): void; back(): void; older(): void };
}

export function CallHistory({ which, choose, calls, loading, more, ownDevice, busy, actions }: CallHistoryProps) {
  const list =
    calls.length === 0 ? (
      !loading && <Plain title={which === "all" ? say("No calls yet") : say("No missed calls")}>{say("Calls are kept here and in the conversation they belong to.")}</Plain>
    ) : (
      <>
        <ul className="past-calls">
          {calls.map((past) => (
            <PastCallRow key={past.entry.call?.call_id} past={past} ownDevice={ownDevice} busy={busy} call={actions.call} />
          ))}
        </ul>
        {more && (
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
            <span>{nameOf(peer)}</span> {peer.verified && <VerifiedIcon />}
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
