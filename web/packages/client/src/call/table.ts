/** Executes table.json: the whole of what a call does on one line. Nothing else moves a call from state to state. */
import table from "./table.json";

export type State =
  | "new" | "dialling" | "cancelling" | "calling" | "incoming" | "silenced" | "answering"
  | "connecting" | "connected" | "mending" | "holding" | "held" | "ended";
export type Input =
  | "user.place" | "user.answer" | "user.decline" | "user.hang_up" | "user.hold" | "user.resume"
  | "view.calling" | "view.incoming" | "view.bound" | "view.holding" | "view.held" | "view.unwanted" | "view.elsewhere"
  | "view.ended"
  | "refused" | "beat.absent" | "line.silent"
  | "media.flowing" | "media.lost" | "media.failed" | "clock.ring_over";
export type Send =
  | "place" | "ringing" | "answer" | "decline" | "hang_up" | "hold" | "resume" | "report_flowing" | "report_failed";
/** "waiting" is a second call's sound, behind the one that is talked in. */
export type Sound = "none" | "ring" | "ringback" | "waiting";
export type MediaNeed = "none" | "prepared" | "silent" | "open";

interface Cell {
  to: State;
  send?: Send;
}
interface Row {
  media: MediaNeed;
  sound: Sound;
  on: Partial<Record<Input, Cell>>;
  ignored: Input[];
}

const STATES = table.states as unknown as Record<State, Row>;

export interface Step {
  readonly state: State;
  readonly send: Send | undefined;
  /** The input does not belong to the state: nothing changed. */
  readonly ignored: boolean;
}

export function step(state: State, input: Input): Step {
  const cell = STATES[state].on[input];
  if (cell === undefined) return { state, send: undefined, ignored: true };
  return { state: cell.to, send: cell.send, ignored: false };
}

const ENGAGED: ReadonlySet<State> = new Set<State>([
  "dialling", "calling", "answering", "connecting", "connected", "mending", "holding", "held",
]);

/** The user is in the call: it takes room, whether it is heard or on hold. */
export function isEngaged(state: State): boolean {
  return ENGAGED.has(state);
}

export function mediaOf(state: State): MediaNeed {
  return STATES[state].media;
}

export function soundOf(state: State): Sound {
  return STATES[state].sound;
}
