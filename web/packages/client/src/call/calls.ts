/**
 * All calls of a line. Of those that go on, at most one is talked in, one is on hold, and one waits behind the one that
 * is talked in (S8): whatever the server says, a second one is opened by nothing but the user's gesture, and that puts
 * the first on hold before.
 */
import type { Beat, Call, PeerCandidates, Welcome } from "../gen/ringline/v1/client_pb";
import { Phase, Role } from "../gen/ringline/v1/client_pb";
import { Ending } from "../gen/ringline/v1/types_pb";
import { LocalCall } from "./call";
import type { Wanted } from "./consents";
import { wantedFor } from "./consents";
import type { CallOutside } from "./outside";
import type { Sound } from "./table";
import { soundOf, step } from "./table";
import type { Room } from "./view";
import { classify } from "./view";

/** No device begins to ring with less left (S13). */
const LEAST_RING_MS = 5_000;
/** How long a call that ended stays on the screen. */
const FAREWELL_MS = 6_000;

/** What becomes of the call that one talks in when another is answered. */
export type Meanwhile = "hold" | "end";

export class Calls {
  private list: LocalCall[] = [];
  private ended = new Map<string, Call>();
  private parked: Call[] = [];
  /** Calls that ring while there is no room for them, with the end of their ring: looked at again when there may be. */
  private readonly crowd = new Map<string, { view: Call; until: number }>();
  /** Calls that are over for the user of this page and are shown no more: what the server still says of them is late. */
  private readonly past = new Set<string>();
  private incarnation = 0n;
  /** A gesture moves more than one call: what is between is nobody's business. */
  private moving = false;
  private readonly outside: CallOutside;

  constructor(
    outside: Omit<CallOutside, "placed" | "room" | "incarnation">,
    private readonly mint: () => string,
  ) {
    this.outside = {
      ...outside,
      placed: (call) => this.placed(call),
      room: (call) => this.room(call),
      incarnation: () => this.incarnation,
      changed: () => {
        this.queue();
        outside.changed();
      },
    };
  }

  /**
   * The call to show: the one that the user is in, or on the way into. One that only asks is not; what goes on comes
   * before what has ended, and that before what is on hold.
   */
  get shown(): LocalCall | undefined {
    const quiet = this.list.filter((call) => !call.asks && !call.holds);
    return this.foreground ?? quiet.find((call) => !call.over) ?? quiet.at(-1) ?? this.held[0];
  }

  /** The call that the user talks in, or is on the way into; also one that the other side holds. */
  get foreground(): LocalCall | undefined {
    return this.list.find((call) => call.engaged && !call.holds);
  }

  /** Somebody calls, and the user is in no other call that is not on hold. */
  get incoming(): LocalCall | undefined {
    return this.foreground === undefined ? this.list.find((call) => call.asks) : undefined;
  }

  /** Somebody calls while the user is in another call. */
  get waiting(): LocalCall | undefined {
    return this.foreground === undefined ? undefined : this.list.find((call) => call.asks);
  }

  /** The call that the user put on hold; more than one only where a server says so. */
  get held(): LocalCall[] {
    return this.list.filter((call) => call.holds);
  }

  /** Those that go on, and those that have just ended. */
  get all(): readonly LocalCall[] {
    return this.list;
  }

  get live(): boolean {
    return this.list.some((call) => !call.over);
  }

  /** One sound for all calls: who talks is not rung at aloud. */
  get sound(): Sound {
    if (this.waiting?.state === "incoming") return "waiting";
    const call = this.foreground ?? this.incoming;
    return call === undefined ? "none" : soundOf(call.state);
  }

  /** Calls of the last 24 hours as the server told them, newest first. */
  get recent(): Call[] {
    return [...this.ended.values()].sort((a, b) => Number(b.placedAtMs - a.placedAtMs));
  }

  /** A call may be placed: there is no other, or only one on hold. */
  get mayPlace(): boolean {
    const live = this.list.filter((call) => !call.over);
    return live.length === 0 || (live.length === 1 && live[0]?.holds === true);
  }

  /** Places a call; undefined where this device is in one already. */
  place(username: string, wanted: Wanted): LocalCall | undefined {
    if (!this.mayPlace) return undefined;
    const call = new LocalCall(this.mint(), Role.CALLER, wanted, username, this.outside);
    this.keep((one) => !one.over);
    this.list.push(call);
    call.place();
    return call;
  }

  /** The call can be put on hold, and none is yet. */
  mayHold(call: LocalCall): boolean {
    return call.mayHold && this.list.every((one) => one === call || !one.holds);
  }

  /** The user takes a call back; the one that he talks in, if there is one, can be put on hold. */
  mayResume(call: LocalCall): boolean {
    const other = this.other(call);
    return call.mayResume && (other === undefined || other.mayHold);
  }

  /** Answering leaves the other call on hold; otherwise it must end. */
  mayHoldAndAnswer(call: LocalCall): boolean {
    const other = this.other(call);
    return other === undefined || this.mayHold(other);
  }

  hold(call: LocalCall): boolean {
    if (!this.mayHold(call)) return false;
    call.hold();
    return true;
  }

  /** Takes a call back from hold; the one that is talked in meanwhile is on hold first. */
  resume(call: LocalCall): boolean {
    if (!this.mayResume(call)) return false;
    this.together(() => {
      this.other(call)?.hold();
      call.resume();
    });
    return true;
  }

  /** Answers; the call that is talked in meanwhile is on hold or over first. False where that cannot be; nothing changed. */
  answer(call: LocalCall, wanted: Wanted, meanwhile: Meanwhile = "hold"): boolean {
    const other = this.other(call);
    if (call.state !== "incoming" || (meanwhile === "hold" && !this.mayHoldAndAnswer(call))) return false;
    this.together(() => {
      if (meanwhile === "hold") other?.hold();
      else other?.hangUp();
      call.answer(wanted);
    });
    return call.engaged;
  }

  welcome(welcome: Welcome): void {
    this.incarnation = welcome.incarnation;
    this.parked = []; // of the connection before: these are newer
    this.crowd.clear();
    // What the user is in comes before what asks him to: that one waits behind it.
    for (const view of [...welcome.calls].sort((a, b) => Number(b.here) - Number(a.here))) this.see(view);
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
      const holds = consents.holds(call.callId);
      call.gone();
      // It may go on in the page that has the line now, and here again when this one takes the line back.
      if (consented !== undefined) consents.give(call.callId, consented);
      if (holds !== undefined) consents.hold(call.callId, holds);
    }
  }

  see(view: Call): void {
    this.crowd.delete(view.callId);
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
      if (versions.has(call.callId)) call.named();
      else call.absent();
    }
    for (const id of this.crowd.keys()) if (!versions.has(id)) this.crowd.delete(id);
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
    const same = this.list.filter((one) => one !== call && one.callId === call.callId && call.callId !== "");
    for (const one of same) one.media.close();
    this.list = this.list.filter((one) => !same.includes(one));
    for (const view of parked) this.see(view);
  }

  private meet(view: Call): void {
    const consents = this.outside.consents;
    const input = classify(view, consents.of(view.callId) !== undefined);
    if (input === "view.incoming" && this.past.has(view.callId)) return;
    if (step("new", input).ignored) return this.outside.changed();
    if (input === "view.incoming" && !this.mayRing(view)) return this.stand(view, this.outside.now() + view.ringLeftMs);
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

  /** One may wait: behind the call that the user is in, or behind the one that rings. */
  private mayRing(view: Call): boolean {
    const asking = this.list.filter((call) => call.asks).length;
    return view.ringLeftMs >= LEAST_RING_MS && asking < (this.list.some((call) => call.engaged) ? 1 : 2);
  }

  private room(call: LocalCall): Room {
    const others = this.list.filter((one) => one !== call && one.engaged);
    if (others.length > 1) return "none";
    return others.every((one) => one.holds) ? "talk" : "hold";
  }

  /** The call that is talked in beside this one. */
  private other(call: LocalCall): LocalCall | undefined {
    return this.list.find((one) => one !== call && one.engaged && !one.holds);
  }

  private together(work: () => void): void {
    this.moving = true;
    try {
      work();
    } finally {
      this.moving = false;
      this.outside.changed();
    }
  }

  /** One waits behind the call that is talked in; when that is over, or on hold, it rings as any other. */
  private queue(): void {
    if (this.moving) return;
    const { foreground, waiting } = this;
    if (waiting !== undefined) this.list = this.list.filter((call) => call === waiting || !call.asks);
    for (const call of this.list) call.behind(foreground !== undefined);
    for (const { view, until } of [...this.crowd.values()]) {
      const aged = { ...view, ringLeftMs: until - this.outside.now() };
      if (aged.ringLeftMs < LEAST_RING_MS) this.crowd.delete(view.callId);
      else if (this.mayRing(aged)) this.see(aged);
    }
  }

  private stand(view: Call, until: number): void {
    if (until - this.outside.now() >= LEAST_RING_MS) this.crowd.set(view.callId, { view, until });
  }
}
