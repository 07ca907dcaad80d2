/** What the page shows of a call: plain values, so that the gallery and the tests can make any of them up. */
import type { LocalCall, Problem, State, Status } from "@ringline/client";
import type { LineState } from "@ringline/client";
import { Role } from "@ringline/client";
import type { Shown } from "../design/avatar";
import type { Message } from "../words/words";
import { say } from "../words/words";
import { sentenceOf, worthAgain } from "./refused";

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
  /** What to offer when it is over. */
  again: "audio" | "video" | undefined;
  localVideo: MediaStreamTrack | undefined;
  remoteAudio: MediaStreamTrack | undefined;
  remoteVideo: MediaStreamTrack | undefined;
}

/** @param may what the other calls of this device leave to be done with this one */
export function faceOf(call: LocalCall, line: LineState, may: Pick<Face, "mayHold" | "mayResume">): Face {
  const { view, media, wanted, refused } = call;
  const peer = call.peer;
  const askedVideo = view?.asked?.video ?? wanted.video;
  const username = peer?.username ?? call.username.replace(/^@+/, "");
  return {
    key: call.key,
    incoming: call.role === Role.CALLEE,
    state: call.state,
    status: call.status,
    peer: {
      username,
      display_name: peer?.displayName ?? "",
      verified: peer?.verified ?? false,
    },
    askedVideo,
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
    refused: refused && sentenceOf(refused, username, call.endedAt ?? Date.now()),
    again: worthAgain(refused, askedVideo ? "video" : "audio"),
    localVideo: wanted.video ? media.local.video : undefined,
    remoteAudio: media.remote.audio,
    remoteVideo: media.remote.video,
  };
}

/** Nobody is heard or seen: one of the two has the call on hold. */
export function isSilent({ state }: Pick<Face, "state">): boolean {
  return state === "holding" || state === "held";
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
