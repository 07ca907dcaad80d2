/** The call in the direct-message window. */
import type { CSSProperties } from "react";
import { Button } from "react-aria-components";
import { Avatar, hueOf, nameOf } from "../design/avatar";
import { CameraIcon, CameraOffIcon, HangUpIcon, MicrophoneIcon, MutedIcon, VerifiedIcon } from "../design/icons";
import type { Face } from "./face";
import { problemSentence } from "./face";
import { Picture } from "./media";
import { CallStatus } from "./status";
import "./stage.css";

export interface StageActions {
  set(wanted: { audio: boolean; video: boolean }): void;
  hangUp(): void;
  dismiss(): void;
}

const WAITING = new Set(["dialling", "calling", "answering", "connecting"]);

export function Stage({ face, actions, notice }: { face: Face; actions: StageActions; notice: string | undefined }) {
  const over = face.state === "ended";
  const theirs = !over && face.peerCamera && face.remoteVideo !== undefined;
  const style = { "--hue": hueOf(face.peer.username) } as CSSProperties;
  return (
    <section className="stage" aria-label={`Call with @${face.peer.username}`} style={style} data-video={theirs}>
      {theirs && <Picture track={face.remoteVideo} mine={false} label={`Video of @${face.peer.username}`} />}
      <div className={theirs ? "stage-person small" : "stage-person"}>
        {!theirs && (
          <div className="stage-avatar" data-waiting={WAITING.has(face.state)}>
            <Avatar person={face.peer} size={132} />
          </div>
        )}
        <div className="stage-names">
          {!theirs && (
            <h2>
              {nameOf(face.peer)} {face.peer.verified && <VerifiedIcon />}
            </h2>
          )}
          {!theirs && face.peer.display_name !== "" && <p className="stage-username">@{face.peer.username}</p>}
          <CallStatus face={face} />
          {face.peerMuted && <p className="stage-muted">@{face.peer.username} is muted</p>}
        </div>
      </div>
      {!over && face.localVideo !== undefined && (
        <div className={theirs ? "self corner" : "self"}>
          <Picture track={face.localVideo} mine label="Your own video" />
        </div>
      )}
      <div className="stage-foot">
        <Banners face={face} notice={notice} />
        {over ? <Button className="stage-close" onPress={actions.dismiss}>Close</Button> : <Controls face={face} actions={actions} />}
      </div>
    </section>
  );
}

function Banners({ face, notice }: { face: Face; notice: string | undefined }) {
  const sentences = [...(face.state === "ended" ? [] : face.problems.map(problemSentence))];
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

function Controls({ face, actions }: { face: Face; actions: StageActions }) {
  const { microphone, camera } = face;
  return (
    <div role="toolbar" aria-label="Call controls" className="controls">
      <Control
        name={microphone ? "Mute" : "Unmute"}
        off={!microphone}
        onPress={() => actions.set({ audio: !microphone, video: camera })}
      >
        {microphone ? <MicrophoneIcon /> : <MutedIcon />}
      </Control>
      <Control
        name={camera ? "Turn camera off" : "Turn camera on"}
        off={!camera}
        disabled={!face.cameraAllowed && !camera}
        onPress={() => actions.set({ audio: microphone, video: !camera })}
      >
        {camera ? <CameraIcon /> : <CameraOffIcon />}
      </Control>
      <Button className="control hang-up" aria-label="Hang up" onPress={actions.hangUp}>
        <HangUpIcon />
      </Button>
    </div>
  );
}

interface ControlProps {
  name: string;
  off: boolean;
  disabled?: boolean;
  onPress(): void;
  children: React.ReactNode;
}

function Control({ name, off, disabled, onPress, children }: ControlProps) {
  return (
    <Button className="control" aria-label={name} data-off={off} isDisabled={disabled ?? false} onPress={onPress}>
      {children}
      <span className="control-tip" aria-hidden="true">
        {name}
      </span>
    </Button>
  );
}
