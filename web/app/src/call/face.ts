/** What the page shows of a call: plain values, so that the gallery and the tests can make any of them up. */
import type { LocalCall, Problem, State, Status } from "@ringline/client";
import type { LineState } from "@ringline/client";
import { Reason, Role } from "@ringline/client";
import type { Shown } from "../design/avatar";
import type { Message } from "../words/words";
import { say } from "../words/words";

export interface Face {
  key: string;
  incoming: boolean;
  state: State;
  status: Status;
  peer: Shown;
  askedVideo: boolean;
  microphone: boolean;
  camera: boolean;
  cameraAllowed: boolean;
  /** The call can be put on hold now. */
  mayHold: boolean;
  /** It is on hold, and this user's to take back. */
  mayResume: boolean;
  peerCamera: boolean;
  peerMuted: boolean;
  connectedAt: number | undefined;
  /** How long it lasted, once it is over and if it was answered. */
  lasted: number | undefined;
  /** This page has no connection to the server; media may pass all the same. */
  cutOff: boolean;
  problems: Problem[];
  refused: string | undefined;
  localVideo: MediaStreamTrack | undefined;
  remoteAudio: MediaStreamTrack | undefined;
  remoteVideo: MediaStreamTrack | undefined;
}

/** @param may what the other calls of this device leave to be done with this one */
export function faceOf(call: LocalCall, line: LineState, may: Pick<Face, "mayHold" | "mayResume">): Face {
  const { view, media, wanted } = call;
  const peer = call.peer;
  return {
    key: call.key,
    incoming: call.role === Role.CALLEE,
    state: call.state,
    status: call.status,
    peer: {
      username: peer?.username ?? call.username.replace(/^@+/, ""),
      display_name: peer?.displayName ?? "",
      verified: peer?.verified ?? false,
    },
    askedVideo: view?.asked?.video ?? wanted.video,
    microphone: wanted.audio,
    camera: wanted.video,
    cameraAllowed: view?.maySend?.video ?? true,
    ...may,
    peerCamera: view?.peerSends?.video === true && view.peerMaySend?.video === true,
    peerMuted: call.state === "connected" && view?.peerSends?.audio === false,
    connectedAt: call.connectedAt,
    lasted: call.connectedAt === undefined || call.endedAt === undefined ? undefined : call.endedAt - call.connectedAt,
    cutOff: line !== "open",
    problems: media.problems,
    refused: call.refused === undefined ? undefined : sentenceOf(call.refused.reason),
    localVideo: wanted.video ? media.local.video : undefined,
    remoteAudio: media.remote.audio,
    remoteVideo: media.remote.video,
  };
}

/** Nobody is heard or seen: one of the two has the call on hold. */
export function isSilent({ state }: Pick<Face, "state">): boolean {
  return state === "holding" || state === "held";
}

const SENTENCES: Partial<Record<Reason, Message>> = {
  [Reason.NOT_ENTITLED_AUDIO]: "Your account cannot place calls.",
  [Reason.NOT_ENTITLED_VIDEO]: "Your account cannot send video. You can still talk.",
  [Reason.KIND_NOT_ADMITTED]: "Video is not possible in this call.",
  [Reason.ALREADY_IN_CALL]: "You are in another call already, perhaps on another device.",
  [Reason.SUSPENDED]: "Your account cannot place this call for now. Whoever runs this service has decided so.",
  [Reason.LIMITED]: "You placed many calls in a short time. Try again a little later.",
  [Reason.OVERLOADED]: "Ringline is very busy. Try again in a moment.",
  [Reason.UNAVAILABLE]: "Ringline cannot be reached. Check your connection and try again.",
  [Reason.USER_NOT_FOUND]: "Nobody has that username.",
  [Reason.SELF]: "That is you.",
};

/** What a person reads when something was refused; undefined where the status says it all. */
export function sentenceOf(reason: Reason): string | undefined {
  if (reason === Reason.ANSWERED_ELSEWHERE || reason === Reason.CALL_ENDED || reason === Reason.TOO_LATE) return undefined;
  return say(SENTENCES[reason] ?? "That did not work. Try again.");
}

/** One sentence a missing device: the call goes on with what there is. */
export function problemSentence({ kind, why, kept }: Problem): string {
  if (kept === true) return say(kind === "audio" ? "That microphone cannot be used now. The one before goes on." : "That camera cannot be used now. The one before goes on.");
  return say(kind === "audio" ? MICROPHONE[why] : CAMERA[why]);
}

const MICROPHONE: Record<Problem["why"], Message> = {
  denied: "This page may not use your microphone. Allow it in your browser's address bar. You can hear the other person, but they cannot hear you.",
  taken: "Your microphone is in use by another program. You can hear the other person, but they cannot hear you.",
  missing: "No microphone was found. You can hear the other person, but they cannot hear you.",
};
const CAMERA: Record<Problem["why"], Message> = {
  denied: "This page may not use your camera. Allow it in your browser's address bar. You can still talk and see.",
  taken: "Your camera is in use by another program. You can still talk and see.",
  missing: "No camera was found. You can still talk and see.",
};
