/** What a view of the server means to this line, and what a person reads. */
import type { Call } from "../gen/ringline/v1/client_pb";
import { Phase, Role } from "../gen/ringline/v1/client_pb";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Ending } from "../gen/ringline/v1/types_pb";
import type { Admitted, Direction } from "../media/filter";
import type { Input, State } from "./table";

/**
 * @param consented the user of this very line placed or answered this call: without it a server that says "you are in
 *   this call" is not believed (S1)
 */
export function classify(view: Call, consented: boolean): Input {
  if (view.phase === Phase.ENDED) return "view.ended";
  if (view.ending !== Ending.UNSPECIFIED) return "view.elsewhere";
  const answered = view.phase === Phase.CONNECTING || view.phase === Phase.CONNECTED;
  if (view.here) {
    if (!consented) return "view.unwanted";
    if (!answered) return "view.calling";
    if (view.holds) return "view.holding";
    return view.peerHolds ? "view.held" : "view.bound";
  }
  return answered || view.role !== Role.CALLEE ? "view.elsewhere" : "view.incoming";
}

/** What the other calls of the line leave for one: to be talked in, only to be on hold, or nothing (S8). */
export type Room = "talk" | "hold" | "none";

/**
 * What a view does here. It never ends the user's own hold (S9), and a call that this page did not know, as after a
 * reload, takes no more than the room that there is: one that is talked in stays the only one, whatever is said (S8).
 *
 * @param input what the view says
 * @param wish what the user wishes about the hold of this call; undefined where he never said
 */
export function inRoom(input: Input, state: State, room: Room, wish: boolean | undefined): Input {
  const isBound = input === "view.bound" || input === "view.holding" || input === "view.held";
  if (state === "new" && (isBound || input === "view.calling")) {
    if (room === "none" || (room === "hold" && !isBound)) return "view.unwanted";
    if (room === "hold") return "view.holding";
    // He had asked to resume, and the server had not heard it: silent, and his to resume.
    if (input === "view.holding" && wish === false) return "view.held";
  }
  return isBound && wish === true ? "view.holding" : input;
}

/**
 * A later view has a higher version; versions of a restored server count for more than those of the lost one. A view
 * of the same version may carry more candidates.
 */
export function supersedes(next: Stamp, known: Stamp): boolean {
  if (next.incarnation !== known.incarnation) return next.incarnation > known.incarnation;
  return next.version >= known.version;
}

export interface Stamp {
  incarnation: bigint;
  version: bigint;
}

/** The words of the status element; the accessibility contract. */
export type Status =
  | "Calling…" | "Ringing…" | "Connecting…" | "Connected" | "Reconnecting…"
  | "On hold" | "You are on hold" | "Resuming…"
  | "Call ended" | "Missed call" | "Declined" | "No answer" | "Busy" | "Connection lost"
  | "Answered on another device" | "Declined on another device";

const ENDINGS: Record<Ending, Status> = {
  [Ending.UNSPECIFIED]: "Call ended",
  [Ending.CANCELLED]: "Call ended",
  [Ending.DECLINED]: "Declined",
  [Ending.NO_ANSWER]: "No answer",
  [Ending.BUSY]: "Busy",
  [Ending.HUNG_UP]: "Call ended",
  [Ending.LOST]: "Connection lost",
  [Ending.MEDIA_FAILED]: "Connection lost",
  [Ending.ANSWERED_ELSEWHERE]: "Answered on another device",
  [Ending.DECLINED_ELSEWHERE]: "Declined on another device",
  [Ending.BY_OPERATOR]: "Call ended",
  [Ending.SEVERED]: "Call ended",
};

/** Endings that the person who was called reads as a missed call. */
const MISSED: ReadonlySet<Ending> = new Set([Ending.CANCELLED, Ending.NO_ANSWER]);

/** @param peerHolds the other side has put the call on hold */
export function statusOf(state: State, role: Role, phase: Phase, ending: Ending, peerHolds = false): Status {
  switch (state) {
    case "calling":
      return phase === Phase.RINGING ? "Ringing…" : "Calling…";
    case "answering":
    case "connecting":
      return "Connecting…";
    case "connected":
      return "Connected";
    case "mending":
      return "Reconnecting…";
    case "holding":
      return "On hold";
    case "held":
      return peerHolds ? "You are on hold" : "Resuming…";
    case "ended":
      if (role === Role.CALLEE && MISSED.has(ending)) return "Missed call";
      return ENDINGS[ending] ?? "Call ended";
    default:
      return "Calling…";
  }
}

/** A refused call or answer has no ending of the server's. */
export function endingOf(reason: Reason | undefined): Ending {
  if (reason === Reason.ANSWERED_ELSEWHERE) return Ending.ANSWERED_ELSEWHERE;
  return reason === undefined || reason === Reason.UNAVAILABLE ? Ending.LOST : Ending.UNSPECIFIED;
}

/** What may pass in either direction at all. */
export function admittedOf(view: Call): Admitted {
  const direction = (kind: "audio" | "video"): Direction => ({
    send: view.maySend?.[kind] === true,
    receive: view.peerMaySend?.[kind] === true,
  });
  return { audio: direction("audio"), video: direction("video") };
}
