/** The calls beside the one that is shown: somebody who waits, and somebody on hold. */
import { useRef } from "react";
import { Button } from "react-aria-components";
import { Avatar, Name } from "../design/avatar";
import { useFocusGivenBack } from "../design/focus";
import { HangUpIcon, HoldIcon, ResumeIcon, SwapIcon } from "../design/icons";
import { say } from "../words/words";
import type { Face } from "./face";
import "./control.css";
import "./others.css";

export interface Waiting {
  face: Face;
  /** The call that is talked in can be put on hold; otherwise it must end. */
  mayHold: boolean;
  holdAndAnswer(): void;
  endAndAnswer(): void;
  decline(): void;
}

export interface Held {
  face: Face;
  /** Another call goes on: the two change places. */
  swaps: boolean;
  resume(): void;
  hangUp(): void;
}

interface OtherCallsProps {
  waiting: Waiting | undefined;
  held: Held[];
  /** On the stage, or above the page where there is none. */
  floating: boolean;
}

export function OtherCalls({ waiting, held, floating }: OtherCallsProps) {
  if (waiting === undefined && held.length === 0) return null;
  return (
    <div className={floating ? "others floating" : "others"}>
      {waiting !== undefined && <WaitingCall key={waiting.face.key} {...waiting} />}
      {held.map((one) => (
        <HeldCall key={one.face.key} {...one} />
      ))}
    </div>
  );
}

/** No dialog, and it takes no focus: whoever talks is not interrupted by it. */
function WaitingCall({ face, mayHold, holdAndAnswer, endAndAnswer, decline }: Waiting) {
  const place = useRef<HTMLElement>(null);
  useFocusGivenBack(place);
  return (
    <section ref={place} className="waiting" aria-label={ringWords(face)}>
      <div className="other-who">
        <Avatar person={face.peer} size={40} />
        <p>
          <span className="other-name"><Name person={face.peer} /></span>
          <span className="other-kind">{face.askedVideo ? say("Video call") : say("Audio call")}</span>
        </p>
      </div>
      <div className="waiting-ways">
        {mayHold && (
          <Button className="way go" onPress={holdAndAnswer}>
            {say("Hold and answer")}
          </Button>
        )}
        <Button className={mayHold ? "way" : "way go"} onPress={endAndAnswer}>
          {say("End and answer")}
        </Button>
        <Button className="way no" onPress={decline}>
          {say("Decline")}
        </Button>
      </div>
    </section>
  );
}

function HeldCall({ face, swaps, resume, hangUp }: Held) {
  const place = useRef<HTMLElement>(null);
  useFocusGivenBack(place);
  const { username } = face.peer;
  return (
    <section ref={place} className="held" aria-label={say("@{username} is on hold", { username })}>
      <span className="held-mark" aria-hidden="true">
        <HoldIcon />
      </span>
      <p className="held-words">{say("@{username} is on hold", { username })}</p>
      <Button className="way" isDisabled={!face.mayResume} onPress={resume}>
        {swaps ? <SwapIcon /> : <ResumeIcon />}
        {swaps ? say("Swap") : say("Resume")}
      </Button>
      <Button className="control hang-up held-end" aria-label={say("End the call with @{username}", { username })} onPress={hangUp}>
        <HangUpIcon />
      </Button>
    </section>
  );
}

/** Who calls, and how; what a screen reader says. */
export function ringWords(face: Pick<Face, "askedVideo" | "peer">): string {
  const values = { username: face.peer.username };
  return face.askedVideo ? say("Incoming video call from @{username}", values) : say("Incoming audio call from @{username}", values);
}
