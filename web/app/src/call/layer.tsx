/** The call above the page: on the stage of its window, in a bar on any other, and the dialog of a ring. */
import type { LocalCall, Ringline } from "@ringline/client";
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
import { faceOf, sentenceOf } from "./face";
import { Sound } from "./media";
import { RingDialog } from "./ring";
import type { Signs } from "./signs";
import type { StageActions } from "./stage";

const loadStage = () => import("./stage");
const Stage = lazy(async () => ({ default: (await loadStage()).Stage }));

export interface Layer {
  face: Face | undefined;
  /** In the window of the person that is open; undefined where the call is not shown there. */
  stage: ReactNode;
  actions: StageActions | undefined;
  /** A call is going on. */
  busy: boolean;
  title: string | undefined;
  expand(): void;
}

/** @param open username of the window that is open */
export function useCallLayer(ringline: Ringline | undefined, open: string): Layer {
  const [notice, setNotice] = useState<string | undefined>(undefined);
  const [small, setSmall] = useState(false);
  const call = ringline?.call;
  const face = call === undefined || ringline === undefined ? undefined : faceOf(call, ringline.line);
  useEffect(() => {
    // The first page does without it; it is there before somebody has pressed a button.
    void loadStage().catch(() => undefined);
  }, []);
  useEffect(() => {
    setNotice(undefined);
    setSmall(false);
    prefer({ facing: "user" });
  }, [face?.key]);
  const actions =
    call === undefined || ringline === undefined ? undefined : actionsOn(ringline, call, setNotice, () => setSmall(true));
  const unread = face !== undefined && (ringline?.threads.thread(call?.peer?.userId ?? "")?.unread ?? 0) > 0;
  const onStage = face !== undefined && shown(face) && !small && open === face.peer.username.toLowerCase();
  return {
    face,
    stage:
      onStage && actions !== undefined && call !== undefined ? (
        <Later aside={<CallBar face={face} actions={{ ...actions, open: () => location.reload() }} />}>
          <Stage key={face.key} face={face} actions={actions} notice={notice} signs={signsOf(call)} unread={unread} />
        </Later>
      ) : undefined,
    actions,
    busy: face !== undefined && face.state !== "ended",
    title: face === undefined || face.state === "ended" ? undefined : titleOf(face),
    expand: () => setSmall(false),
  };
}

export function CallLayer({ layer, call }: { layer: Layer; call: LocalCall }) {
  const { face, actions, stage } = layer;
  if (face === undefined || actions === undefined) return null;
  const open = () => {
    layer.expand();
    go(pathOf(face.peer.username));
  };
  return (
    <>
      <Sound track={face.state === "ended" ? undefined : face.remoteAudio} />
      {shown(face) && stage === undefined && <CallBar face={face} actions={{ ...actions, open }} />}
      {face.state === "incoming" && (
        <RingDialog face={face} actions={{ answer: (wanted) => answer(call, face, wanted), decline: () => call.decline() }} />
      )}
    </>
  );
}

/** Before an answer, a call that comes in is the dialog's; one that went by on its own leaves no window behind. */
function shown(face: Face): boolean {
  return face.state !== "incoming" && face.state !== "silenced" && face.state !== "new";
}

function answer(call: LocalCall, face: Face, wanted: { audio: boolean; video: boolean }): void {
  call.answer(wanted);
  go(pathOf(face.peer.username));
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
        if (error instanceof Refused) tell(sentenceOf(error.reason));
      });
    },
    hangUp: () => call.hangUp(),
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

function titleOf(face: Face): string {
  if (face.state === "incoming") return say("@{username} is calling", { username: face.peer.username });
  return `${say(face.status)} · @${face.peer.username}`;
}
