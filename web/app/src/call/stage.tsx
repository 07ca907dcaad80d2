/** The call in the direct-message window. */
import type { CSSProperties, ReactNode } from "react";
import { useEffect, useRef, useState } from "react";
import { Button } from "react-aria-components";
import { Avatar, hueOf, Name } from "../design/avatar";
import { isFocusLost, useFocusWhileThere } from "../design/focus";
import { HoldIcon, ResumeIcon, VerifiedIcon } from "../design/icons";
import { length } from "../words/dates";
import { say } from "../words/words";
import { Controls, Corners } from "./controls";
import { EquipmentDialog } from "./equipment";
import type { Face } from "./face";
import { isSilent, problemSentence } from "./face";
import type { DeviceChoice, Kind } from "./kind";
import { Picture } from "./media";
import { SelfView } from "./self_view";
import type { Signs } from "./signs";
import { QUALITY_WORDS, useLasting, useQuality, useSpeaking } from "./signs";
import { CallStatus } from "./status";
import "./stage.css";

export interface StageActions {
  set(wanted: { audio: boolean; video: boolean }): void;
  hangUp(): void;
  hold(): void;
  resume(): void;
  dismiss(): void;
  /** The thread takes the place of the stage; the call goes on in a corner. */
  minimise(): void;
  again(kind: Kind): void;
  /** Another microphone or camera. Where it cannot be had, the choice is what it was before. */
  choose(kind: Kind, choice: DeviceChoice): void;
}

export interface StageProps {
  face: Face;
  actions: StageActions;
  signs: Signs;
  notice: string | undefined;
  /** Something was written behind the stage. */
  unread: boolean;
  /** The other calls: here, since what fills the screen hides the rest of the page. */
  others?: ReactNode;
}

const WAITING = new Set(["dialling", "calling", "answering", "connecting"]);
const HICCUP_MS = 1_500;

export function Stage({ face, actions, signs, notice, unread, others }: StageProps) {
  const [equipment, setEquipment] = useState(false);
  const section = useRef<HTMLElement>(null);
  const picture = useRef<HTMLVideoElement>(null);
  useFocusWhileThere(section);
  const over = face.state === "ended";
  const silent = isSilent(face);
  const theirs = !over && !silent && face.peerCamera && face.remoteVideo !== undefined;
  const speaking = useSpeaking(signs, face.state === "connected");
  const { username } = face.peer;
  const style = { "--hue": hueOf(username) } as CSSProperties;
  return (
    <section ref={section} className="stage" aria-label={say("Call with @{username}", { username })} style={style} data-video={theirs} data-speaking={speaking} data-silent={silent} data-lost={face.state === "mending"}>
      {theirs && <Picture track={face.remoteVideo} mine={false} video={picture} label={say("Video of @{username}", { username })} />}
      {!over && <Corners stage={section} picture={theirs ? picture : undefined} minimise={actions.minimise} unread={unread} />}
      {others}
      <Peer face={face} theirs={theirs} signs={signs} resume={actions.resume} />
      {!over && !silent && face.localVideo !== undefined && <SelfView track={face.localVideo} />}
      <div className="stage-foot">
        <Banners face={face} notice={notice} />
        {over ? <Farewell face={face} actions={actions} /> : <Controls face={face} actions={actions} openEquipment={() => setEquipment(true)} />}
      </div>
      {equipment && !over && (
        <EquipmentDialog close={() => setEquipment(false)} choose={actions.choose} inCall camera={face.cameraAllowed} />
      )}
    </section>
  );
}

function Peer({ face, theirs, signs, resume }: { face: Face; theirs: boolean; signs: Signs; resume(): void }) {
  const { peer } = face;
  const quality = useQuality(signs, face.state === "connected");
  return (
    <div className={theirs ? "stage-person small" : "stage-person"}>
      {!theirs && (
        <div className="stage-avatar" data-waiting={WAITING.has(face.state)}>
          <Avatar person={peer} size={132} />
          {isSilent(face) && (
            <span className="stage-hold" aria-hidden="true">
              <HoldIcon />
            </span>
          )}
        </div>
      )}
      <div className="stage-names">
        {!theirs && (
          <h2>
            <Name person={peer} /> {peer.verified && <VerifiedIcon />}
          </h2>
        )}
        {!theirs && peer.display_name !== "" && <p className="stage-username"><bdi>@{peer.username}</bdi></p>}
        <CallStatus face={face} />
        {quality !== undefined && (
          <p className="stage-quality" data-quality={quality}>
            {say(QUALITY_WORDS[quality])}
          </p>
        )}
        {face.mayResume && <Resume resume={resume} />}
        {face.peerMuted && <p className="stage-muted">{say("@{username} is muted", { username: peer.username })}</p>}
      </div>
    </div>
  );
}

/** Whoever put the call on hold has just pressed a button that is gone. */
function Resume({ resume }: { resume(): void }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (isFocusLost()) button.current?.focus();
  }, []);
  return (
    <Button ref={button} className="stage-resume" onPress={resume}>
      <ResumeIcon />
      {say("Resume")}
    </Button>
  );
}

function Banners({ face, notice }: { face: Face; notice: string | undefined }) {
  const cutOff = useLasting(face.cutOff, HICCUP_MS);
  const sentences = [...(face.state === "ended" ? [] : face.problems.map(problemSentence))];
  const trouble = troubleOf(face, cutOff);
  if (trouble !== undefined) sentences.push(trouble);
  if (face.refused !== undefined) sentences.push(face.refused);
  if (notice !== undefined) sentences.push(notice);
  if (sentences.length === 0) return null;
  return (
    <div role="alert" className="banners">
      {sentences.map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
    </div>
  );
}

/** What is true while something is broken: whose connection it is, and whether one is heard. */
function troubleOf(face: Face, cutOff: boolean): string | undefined {
  if (face.state === "mending") {
    return face.cutOff
      ? say("Your connection is gone. The call goes on as soon as it is back, within half a minute.")
      : say("The way to @{username} is interrupted. Looking for another one; you are not heard now.", { username: face.peer.username });
  }
  if (face.state === "holding" && cutOff) return say("Ringline cannot be reached at the moment. Neither of you is heard until you resume.");
  if (face.state === "connected" && cutOff) return say("Ringline cannot be reached at the moment. You are still connected to each other.");
  return undefined;
}

/** What it was, and what one may want next. */
function Farewell({ face, actions }: { face: Face; actions: StageActions }) {
  const { again } = face;
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // Whoever hung up has just pressed a button that is gone.
    if (isFocusLost()) close.current?.focus();
  }, []);
  return (
    <div className="farewell">
      {face.lasted !== undefined && (
        <p>{face.askedVideo ? say("Video call, {length}", { length: length(face.lasted) }) : say("Audio call, {length}", { length: length(face.lasted) })}</p>
      )}
      <div className="farewell-ways">
        {again !== undefined && (
          <Button className="stage-close" onPress={() => actions.again(again)}>
            {face.askedVideo && again === "audio" ? say("Call without video") : say("Call again")}
          </Button>
        )}
        <Button ref={close} className="stage-close" onPress={actions.dismiss}>
          {say("Close")}
        </Button>
      </div>
    </div>
  );
}
