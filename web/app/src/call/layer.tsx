/** The calls above the page: one on the stage of its window, or in a bar on any other; the dialog of a ring; the others. */
import type { LocalCall, Meanwhile, Ringline } from "@ringline/client";
import { Refused } from "@ringline/client";
import type { ReactNode } from "react";
import { lazy, useEffect, useState } from "react";
import { Later } from "../design/boundary";
import type { Preferences } from "../preferences";
import { prefer, preferences } from "../preferences";
import { go, pathOf } from "../route";
import { say } from "../words/words";
import { CallBar } from "./bar";
import type { DeviceChoice } from "./kind";
import type { Face } from "./face";
import { faceOf } from "./face";
import { sentenceOf } from "./refused";
import { Sound } from "./media";
import type { Held, Waiting } from "./others";
import { OtherCalls } from "./others";
import type { RingActions } from "./ring";
import { RingDialog } from "./ring";
import type { Signs } from "./signs";
import type { StageActions } from "./stage";

const loadStage = () => import("./stage");
const Stage = lazy(async () => ({ default: (await loadStage()).Stage }));

export interface Layer {
  /** The call that is shown. */
  face: Face | undefined;
  /** Somebody calls, and rings aloud. */
  ring: { face: Face; actions: RingActions } | undefined;
  waiting: Waiting | undefined;
  held: Held[];
  /** In the window of the person that is open; undefined where the call is not shown there. */
  stage: ReactNode;
  actions: StageActions | undefined;
  /** No call can be placed. */
  busy: boolean;
  title: string | undefined;
  expand(): void;
}

/** @param open username of the window that is open */
export function useCallLayer(ringline: Ringline | undefined, open: string): Layer {
  const [notice, setNotice] = useState<string | undefined>(undefined);
  const [small, setSmall] = useState(false);
  const [before, setBefore] = useState<string | undefined>(undefined);
  const call = ringline?.shown;
  const faces = (one: LocalCall | undefined) => (one === undefined || ringline === undefined ? undefined : faceIn(ringline, one));
  const face = faces(call);
  useEffect(() => {
    // The first page does without it; it is there before somebody has pressed a button.
    void loadStage().catch(() => undefined);
  }, []);
  if (before !== face?.key) {
    // One on hold that is shown because another went, which nobody asked for, takes no window from who writes there.
    const unasked = before !== undefined && call?.holds === true;
    setBefore(face?.key);
    setNotice(undefined);
    setSmall(unasked && open === face?.peer.username.toLowerCase());
  }
  useEffect(() => {
    prefer({ facing: "user" });
  }, [face?.key]);
  const actions =
    call === undefined || ringline === undefined ? undefined : actionsOn(ringline, call, setNotice, () => setSmall(true));
  const unread = face !== undefined && (ringline?.threads.thread(call?.peer?.userId ?? "")?.unread ?? 0) > 0;
  const onStage = face !== undefined && shown(face) && !small && open === face.peer.username.toLowerCase();
  const others = ringline === undefined ? NONE : othersOf(ringline, call, () => setSmall(false));
  const ringing = ringline?.incoming;
  const ringFace = faces(ringing);
  return {
    face,
    ring:
      ringing === undefined || ringFace === undefined || ringFace.state !== "incoming" || ringline === undefined
        ? undefined
        : { face: ringFace, actions: { answer: (wanted) => answer(ringline, ringing, wanted, "hold"), decline: () => ringing.decline() } },
    ...others,
    stage:
      onStage && actions !== undefined && call !== undefined ? (
        <Later aside={<CallBar face={face} actions={{ ...actions, open: () => location.reload() }} />}>
          <Stage key={face.key} face={face} actions={actions} notice={notice} signs={signsOf(call)} unread={unread} others={<OtherCalls {...others} floating={false} />} />
        </Later>
      ) : undefined,
    actions,
    busy: ringline?.mayPlace === false || ringline?.held.some((one) => one.peer?.username.toLowerCase() === open) === true,
    title: titleOf(face, ringFace),
    expand: () => setSmall(false),
  };
}

export function CallLayer({ layer }: { layer: Layer }) {
  const { face, actions, stage, ring, waiting, held } = layer;
  const open = () => {
    layer.expand();
    if (face !== undefined) go(pathOf(face.peer.username));
  };
  return (
    <>
      {face !== undefined && <Sound track={face.state === "ended" ? undefined : face.remoteAudio} />}
      {face !== undefined && actions !== undefined && shown(face) && stage === undefined && <CallBar face={face} actions={{ ...actions, open }} />}
      {stage === undefined && <OtherCalls waiting={waiting} held={held} floating />}
      {ring !== undefined && <RingDialog key={ring.face.key} {...ring} />}
    </>
  );
}

const NONE = { waiting: undefined, held: [] };

function faceIn(ringline: Ringline, call: LocalCall): Face {
  return faceOf(call, ringline.line, { mayHold: ringline.mayHold(call), mayResume: ringline.mayResume(call) });
}

/** @param call the one that is shown */
function othersOf(ringline: Ringline, call: LocalCall | undefined, expand: () => void): Pick<Layer, "waiting" | "held"> {
  const { waiting, foreground } = ringline;
  const answered = (meanwhile: Meanwhile) => () => {
    if (waiting === undefined) return;
    expand();
    // The camera is as it was: nobody is filmed for having pressed a button beside the words "video call".
    const video = waiting.view?.asked?.video === true && foreground?.wanted.video === true;
    answer(ringline, waiting, { audio: true, video }, meanwhile);
  };
  const held = ringline.held.filter((one) => one !== call);
  return {
    waiting:
      waiting?.state !== "incoming"
        ? undefined
        : {
            face: faceIn(ringline, waiting),
            mayHold: ringline.mayHoldAndAnswer(waiting),
            holdAndAnswer: answered("hold"),
            endAndAnswer: answered("end"),
            decline: () => waiting.decline(),
          },
    held: held.map((one) => ({
      face: faceIn(ringline, one),
      swaps: foreground !== undefined,
      resume: () => {
        expand();
        if (ringline.resume(one)) go(pathOf(one.peer?.username ?? one.username));
      },
      hangUp: () => one.hangUp(),
    })),
  };
}

/** Before an answer, a call that comes in is the dialog's; one that went by on its own leaves no window behind. */
function shown(face: Face): boolean {
  return face.state !== "incoming" && face.state !== "silenced" && face.state !== "new";
}

function answer(ringline: Ringline, call: LocalCall, wanted: { audio: boolean; video: boolean }, meanwhile: Meanwhile): void {
  if (ringline.answer(call, wanted, meanwhile)) go(pathOf(call.peer?.username ?? call.username));
}

function actionsOn(
  ringline: Ringline,
  call: LocalCall,
  tell: (notice: string | undefined) => void,
  minimise: () => void,
): StageActions {
  return {
    set: (wanted) => {
      tell(undefined);
      call.set(wanted).catch((error: unknown) => {
        if (error instanceof Refused) tell(sentenceOf(error, call.peer?.username ?? call.username, Date.now()));
      });
    },
    hangUp: () => call.hangUp(),
    hold: () => void ringline.hold(call),
    resume: () => void ringline.resume(call),
    dismiss: () => ringline.dismiss(call),
    minimise,
    again: (kind) => {
      const username = call.peer?.username ?? call.username;
      ringline.dismiss(call);
      ringline.place(username, { audio: true, video: kind === "video" });
    },
    choose: (kind, choice) => {
      const before = preferences();
      prefer(choice);
      void call.media.renew(kind).then((taken) => taken || takeBack(choice, before));
    },
  };
}

/** Unless something else was chosen meanwhile. */
function takeBack(choice: DeviceChoice, { microphone, camera, facing }: Preferences): void {
  const now: DeviceChoice = preferences();
  const same = (Object.keys(choice) as (keyof DeviceChoice)[]).every((key) => now[key] === choice[key]);
  if (same) prefer({ microphone, camera, facing });
}

function signsOf({ media }: LocalCall): Signs {
  return { theySpeak: () => media.theySpeak(), quality: () => media.quality() };
}

function titleOf(face: Face | undefined, ring: Face | undefined): string | undefined {
  if (ring !== undefined) return say("@{username} is calling", { username: ring.peer.username });
  return face === undefined || face.state === "ended" ? undefined : `${say(face.status)} · @${face.peer.username}`;
}
