/** A call that goes on while the person looks at another page, or that ended before its window was opened. */
import { useRef } from "react";
import { Button } from "react-aria-components";
import { Avatar, Name } from "../design/avatar";
import { useFocusGivenBack } from "../design/focus";
import { HangUpIcon, HoldIcon, MicrophoneIcon, MutedIcon, ResumeIcon } from "../design/icons";
import { say } from "../words/words";
import type { Face } from "./face";
import { isSilent } from "./face";
import { Picture } from "./media";
import { CallStatus } from "./status";
import "./control.css";
import "./bar.css";

export interface BarActions {
  set(wanted: { audio: boolean; video: boolean }): void;
  open(): void;
  hold(): void;
  resume(): void;
  hangUp(): void;
  dismiss(): void;
}

export function CallBar({ face, actions }: { face: Face; actions: BarActions }) {
  const bar = useRef<HTMLElement>(null);
  useFocusGivenBack(bar);
  const over = face.state === "ended";
  const theirs = !over && face.peerCamera && face.remoteVideo !== undefined;
  const { username } = face.peer;
  return (
    <section ref={bar} className="call-bar" aria-label={say("Call with @{username}", { username })} data-video={theirs}>
      {theirs && <Picture track={face.remoteVideo} mine={false} label={say("Video of @{username}", { username })} />}
      <Button className="call-bar-open" aria-label={say("Open @{username}", { username })} onPress={actions.open}>
        <Avatar person={face.peer} size={36} />
        <span className="call-bar-name"><Name person={face.peer} /></span>
      </Button>
      <CallStatus face={face} />
      {face.refused !== undefined && <p className="call-bar-refused">{face.refused}</p>}
      {face.mayHold && face.state !== "held" && (
        <Button className="control call-bar-control call-bar-hold" aria-label={say("Hold")} onPress={actions.hold}>
          <HoldIcon />
        </Button>
      )}
      {face.mayResume && (
        <Button className="control call-bar-control" aria-label={say("Resume")} onPress={actions.resume}>
          <ResumeIcon />
        </Button>
      )}
      {!over && !isSilent(face) && (
        <Button
          className="control call-bar-control"
          aria-label={face.microphone ? say("Mute") : say("Unmute")}
          data-off={!face.microphone}
          onPress={() => actions.set({ audio: !face.microphone, video: face.camera })}
        >
          {face.microphone ? <MicrophoneIcon /> : <MutedIcon />}
        </Button>
      )}
      {over ? (
        <Button className="call-bar-close" onPress={actions.dismiss}>
          {say("Close")}
        </Button>
      ) : (
        <Button className="control hang-up call-bar-control" aria-label={say("Hang up")} onPress={actions.hangUp}>
          <HangUpIcon />
        </Button>
      )}
    </section>
  );
}
