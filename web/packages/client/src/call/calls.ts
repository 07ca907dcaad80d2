/** All calls of a line: at most one of them is live for the user, the others have just ended. */
import type { Beat, Call, PeerCandidates, Welcome } from "../gen/ringline/v1/client_pb";
import { Phase, Role } from "../gen/ringline/v1/client_pb";
import { Ending } from "../gen/ringline/v1/types_pb";
import type { CallOutside } from "./call";
import { LocalCall, wantedFor } from "./call";
import type { Wanted } from "./consents";
import { step } from "./table";
import { classify } from "./view";

/** No device begins to ring with less left (S13). */
const LEAST_RING_MS = 5_000;
/** How long a call that ended stays on the screen. */
const FAREWELL_MS = 6_000;

export class Calls {
  private list: LocalCall[] = [];
  private ended = new Map<string, Call>();
  private parked: Call[] = [];
  /** Calls that are over for the user of this page and are shown no more: what the server still says of them is late. */
  private readonly past = new Set<string>();
  private incarnation = 0n;
  private readonly outside: CallOutside;

  constructor(
    outside: Omit<CallOutside, "placed" | "incarnation">,
    private readonly mint: () => string,
  ) {
    this.outside = { ...outside, placed: (call) => this.placed(call), incarnation: () => this.incarnation };
  }

  /** The call that the user is in, is being asked to, or has just left; the liveliest first. */
  get current(): LocalCall | undefined {
    return this.list.find((call) => !call.over) ?? this.list.at(-1);
  }

  get live(): boolean {
    return this.list.some((call) => !call.over);
  }

  /** Calls of the last 24 hours as the server told them, newest first. */
  get recent(): Call[] {
    return [...this.ended.values()].sort((a, b) => Number(b.placedAtMs - a.placedAtMs));
  }

  /** Places a call; undefined where this device is in one already. */
  place(username: string, wanted: Wanted): LocalCall | undefined {
    if (this.live) return undefined;
    const call = new LocalCall(this.mint(), Role.CALLER, wanted, username, this.outside);
    this.keep((one) => !one.over);
    this.list.push(call);
    call.place();
    return call;
  }

  welcome(welcome: Welcome): void {
    this.incarnation = welcome.incarnation;
    this.parked = []; // of the connection before: these are newer
    for (const view of welcome.calls) this.see(view);
    const known = new Set(welcome.calls.map((view) => view.callId));
    for (const call of this.list) {
      if (call.callId !== "" && !known.has(call.callId)) call.gone();
      else call.agree();
    }
    const live = this.list.filter((call) => !call.over).map((call) => call.callId);
    this.outside.consents.keepOnly(new Set(live));
  }

  /** The line will not open again by itself: what was live here is not any more. */
  abandon(): void {
    const { consents } = this.outside;
    this.parked = [];
    for (const call of this.list) {
      const consented = consents.of(call.callId);
      call.gone();
      // It may go on in the page that has the line now, and here again when this one takes the line back.
      if (consented !== undefined) consents.give(call.callId, consented);
    }
  }

  see(view: Call): void {
    if (view.phase === Phase.ENDED) this.ended.set(view.callId, view);
    const known = this.list.find((call) => call.callId === view.callId);
    if (known !== undefined) return known.see(view);
    const dialling = this.list.some((call) => call.callId === "" && !call.over);
    // A call of both at once is one call: whether this view is of it is known when Place is answered.
    if (dialling) this.parked.push(view);
    else this.meet(view);
  }

  candidates(more: PeerCandidates): void {
    const call = this.list.find((one) => one.callId === more.callId);
    call?.media.candidatesOf(more.generation, more.candidates);
  }

  beat(beat: Beat): void {
    const versions = new Map(beat.calls.map((live) => [live.callId, live.version]));
    for (const call of this.list) {
      if (call.callId === "" || call.over) continue;
      if (versions.has(call.callId)) call.missingBeats = 0;
      else call.absent();
    }
  }

  silent(): void {
    for (const call of this.list) if (!call.over) call.silent();
  }

  networkChanged(): void {
    for (const call of this.list) if (!call.over) void call.media.networkChanged();
  }

  tick(now: number): void {
    for (const call of this.list) {
      call.tick(now);
      if (call.view?.phase === Phase.ENDED) this.ended.set(call.callId, call.view);
    }
    const shown = this.list.length;
    this.keep((call) => call.endedAt === undefined || now - call.endedAt < FAREWELL_MS);
    if (this.list.length !== shown) this.outside.changed();
  }

  dismiss(key: string): void {
    this.keep((call) => call.key !== key || !call.over);
    this.outside.changed();
  }

  /** Nothing of this line goes on here, and nothing of what was is shown. */
  close(): void {
    for (const call of this.list) call.media.close();
    this.list = [];
    this.parked = [];
  }

  private placed(call: LocalCall): void {
    const parked = this.parked;
    this.parked = [];
    this.list = this.list.filter((one) => one === call || one.callId !== call.callId);
    for (const view of parked) this.see(view);
  }

  private meet(view: Call): void {
    const consents = this.outside.consents;
    const input = classify(view, consents.of(view.callId) !== undefined);
    if (input === "view.incoming" && this.past.has(view.callId)) return;
    if (step("new", input).ignored) return this.outside.changed();
    if (input === "view.incoming" && view.ringLeftMs < LEAST_RING_MS) return;
    const wanted = wantedFor(view, consents);
    const call = new LocalCall(view.callId, view.role, wanted, view.peer?.username ?? "", this.outside);
    this.keep((one) => !one.over);
    this.list.push(call);
    call.see(view);
  }

  /** A call that was only lost may ring again. */
  private keep(stays: (call: LocalCall) => boolean): void {
    for (const call of this.list) if (!stays(call) && call.ending !== Ending.LOST) this.past.add(call.callId);
    this.list = this.list.filter(stays);
  }
}
