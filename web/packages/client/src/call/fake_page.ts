/** For tests: a page whose server and peer may say anything, and what its user asked for, remembered beside the page. */
import { create } from "@bufbuild/protobuf";
import type { Call } from "../gen/ringline/v1/client_pb";
import { DoneSchema, Phase, WelcomeSchema } from "../gen/ringline/v1/client_pb";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import type { Answered, Body } from "../line/commands";
import { Refused } from "../line/commands";
import type { Captured } from "../media/capture";
import type { FakeTransceiver } from "../media/fake_connection";
import { FakeConnection, FakeTrack } from "../media/fake_connection";
import type { Kind } from "../media/peer";
import type { LocalCall } from "./call";
import type { Meanwhile } from "./calls";
import { Calls } from "./calls";
import type { Wanted } from "./consents";
import { Consents } from "./consents";
import { current } from "./fake_device";

/** In these the user has taken part in a call: there is something to turn on or off. */
const TAKEN_PART = ["dialling", "calling", "answering", "connecting", "connected", "mending", "holding", "held"];

interface Asked {
  body: Body;
  call: LocalCall | undefined;
  resolve(answer: Answered): void;
  reject(why: Refused): void;
}

/** What the user of this tab asked for in one call, by gestures alone, and what the server said to it. */
interface Memory {
  wish: Wanted;
  bound: boolean;
  /** The user's own wish that it be silent. */
  holds: boolean;
}

export class FakePage {
  calls!: Calls;
  asked: Asked[] = [];
  /** Everything that was said in violation of what may be said. */
  readonly wrongs: string[] = [];
  private connections: FakeConnection[] = [];
  private readonly tracks: FakeTrack[] = [];
  private permissions: (() => void)[] = [];
  private readonly store = new Map<string, string>();
  private readonly byId = new Map<string, Memory>();
  private dialled = new Map<LocalCall, Memory>();
  private stamps = new WeakMap<Call, [incarnation: bigint, version: bigint]>();
  private newest = new Map<LocalCall, [bigint, bigint]>();
  private over = new Set<LocalCall>();
  private declined = new Set<string>();
  /** How often a track of this device was with a sender when somebody looked. */
  sent = 0;
  /** The line was welcomed: frames are taken. */
  private open = false;
  private incarnation = 0n;
  private minted = 0;
  private loads = 0;
  /** Asked for in this very moment. */
  private placing: Wanted | undefined;
  private now = 1000;

  constructor() {
    Object.assign(globalThis, { RTCRtpReceiver: { getCapabilities: () => null } });
    this.load(1n, []);
  }

  /** The page is loaded anew: what the browser keeps for the tab is all that stays. Then its line is welcomed. */
  load(incarnation: bigint, views: Call[]): void {
    for (const one of this.connections) one.close();
    for (const track of this.tracks) track.stop();
    this.connections = [];
    this.asked = [];
    this.permissions = [];
    this.dialled = new Map();
    this.newest = new Map();
    this.over = new Set();
    this.declined = new Set();
    this.incarnation = 0n;
    for (const memory of this.byId.values()) memory.bound = false;
    this.calls = this.made();
    this.welcome(incarnation, views);
  }

  /** The call that the gestures of the user are about. */
  get current(): LocalCall | undefined {
    return current(this.calls);
  }

  // What the user does.

  place(wish: Wanted): void {
    this.placing = wish;
    const call = this.calls.place("bob", wish);
    this.placing = undefined;
    if (call !== undefined) this.dialled.set(call, { wish: { ...wish }, bound: false, holds: false });
  }

  /** Answers what rings, or waits behind the call that is talked in. */
  answer(wish: Wanted, meanwhile: Meanwhile = "hold"): void {
    const call = this.calls.incoming ?? this.calls.waiting;
    if (call === undefined) return;
    const other = this.calls.foreground;
    const before = this.byId.get(call.callId);
    this.byId.set(call.callId, { wish: { ...wish }, bound: false, holds: false });
    if (this.calls.answer(call, wish, meanwhile)) this.keepSilent(other, meanwhile === "hold");
    else if (before !== undefined) this.byId.set(call.callId, before);
    else this.byId.delete(call.callId);
  }

  hold(): void {
    const call = this.calls.foreground;
    if (call !== undefined && this.calls.hold(call)) this.keepSilent(call, true);
  }

  /** Takes back the call that is on hold; the other one, if there is one, is on hold then. */
  resume(): void {
    const { held: [held], foreground } = this.calls;
    if (held === undefined || !this.calls.resume(held)) return;
    this.keepSilent(held, false);
    this.keepSilent(foreground, true);
  }

  toggle(wish: Wanted): void {
    const call = this.current;
    const memory = call === undefined ? undefined : this.memory(call);
    if (call === undefined) return;
    if (memory !== undefined && TAKEN_PART.includes(call.state)) memory.wish = { ...wish };
    call.set(wish).catch(() => undefined);
  }

  decline(): void {
    const call = this.current;
    if (call?.state === "incoming") this.declined.add(call.callId);
    call?.decline();
  }

  /** Another page has the line, until this one takes it back: what was asked for in a call goes with the line. */
  abandon(): void {
    this.open = false;
    const kept = [...this.byId].map(([id, memory]) => [id, { ...memory, bound: false }] as const);
    for (const one of this.asked.splice(0)) one.reject(new Refused(Reason.LINE_FENCED, "no"));
    this.calls.abandon();
    for (const call of this.list) if (call.over) this.over.add(call);
    for (const call of this.over) this.dialled.delete(call);
    for (const [id, memory] of kept) this.byId.set(id, memory);
  }

  /** Answers the browser's question for microphone and camera. */
  permit(): void {
    this.permissions.shift()?.();
  }

  // What the server and the network do.

  /** A view comes by itself. */
  see(view: Call): void {
    if (this.open) this.calls.see(this.told(view));
  }

  /** A new connection names all calls that are live: nothing is asked for in another one any more. */
  welcome(incarnation: bigint, views: Call[]): void {
    this.open = true;
    this.incarnation = incarnation;
    for (const view of views) this.told(view);
    this.calls.welcome(create(WelcomeSchema, { incarnation, calls: views }));
    const live = new Set(this.list.filter((call) => !call.over).map((call) => call.callId));
    for (const id of this.byId.keys()) if (!live.has(id)) this.byId.delete(id);
  }

  /** Marks a view as told on this connection, in this moment. */
  private told(view: Call): Call {
    this.stamps.set(view, [this.incarnation, view.version]);
    const memory = this.byId.get(view.callId);
    if (memory !== undefined && view.here && answered(view)) memory.bound = true;
    return view;
  }

  /** Replies to the command that waits at this place of the queue. */
  reply(nth: number, view: Call | undefined): void {
    const one = this.asked.splice(nth % Math.max(1, this.asked.length), 1)[0];
    if (one === undefined) return;
    const memory = one.call === undefined ? undefined : this.dialled.get(one.call);
    // The id of a call that was dialled is known by the answer to Place: the gesture was for that one.
    if (one.body.case === "place" && view !== undefined && memory !== undefined && one.call?.state === "dialling") {
      this.byId.set(view.callId, memory);
      for (const early of this.calls["parked"]) if (early.callId === view.callId) this.told(early);
    }
    const value = create(DoneSchema, view === undefined ? {} : { call: this.told(view) });
    one.resolve({ case: "done", value });
  }

  refuse(nth: number, reason: Reason): void {
    this.asked.splice(nth % Math.max(1, this.asked.length), 1)[0]?.reject(new Refused(reason, "no"));
  }

  path(nth: number, state: string): void {
    this.connections[nth % Math.max(1, this.connections.length)]?.become(state);
  }

  pass(ms: number): void {
    this.now += ms;
    this.calls.tick(this.now);
  }

  // What may never be.

  /** Looks at all that this page has and shows; answers what is wrong, in words. */
  look(): string[] {
    const wrongs = this.wrongs.splice(0);
    const owned = new Set<unknown>();
    let senders = 0;
    for (const call of this.list) {
      wrongs.push(...this.lookAtEnd(call), ...this.lookAtVersion(call));
      const connection = call.media["peer"]?.["pc"] as unknown as FakeConnection | undefined;
      owned.add(connection);
      const sending = (connection?.transceivers ?? []).filter((one) => connection?.connectionState !== "closed" && one.sender.track !== null);
      if (sending.length > 0) senders += 1;
      for (const one of connection?.transceivers ?? []) wrongs.push(...this.lookAtSender(call, one));
    }
    if (senders > 1) wrongs.push("two calls have tracks of this device");
    const left = this.connections.filter((one) => one.connectionState !== "closed" && !owned.has(one));
    if (left.length > 0) wrongs.push("a connection of no call is open");
    if (!this.calls.live && this.tracks.some((track) => track.readyState === "live")) wrongs.push("a device is open without a call");
    for (const call of this.list) if (call.over && !this.over.has(call)) this.forget(call);
    return wrongs;
  }

  private get list(): LocalCall[] {
    return this.calls["list"];
  }

  private memory(call: LocalCall): Memory | undefined {
    return this.dialled.get(call) ?? this.byId.get(call.callId);
  }

  private keepSilent(call: LocalCall | undefined, holds: boolean): void {
    const memory = call === undefined ? undefined : this.memory(call);
    if (memory !== undefined) memory.holds = holds;
  }

  private forget(call: LocalCall): void {
    this.over.add(call);
    if (!this.list.some((one) => one.callId === call.callId && !one.over)) this.byId.delete(call.callId);
    this.dialled.delete(call);
  }

  private lookAtEnd(call: LocalCall): string[] {
    const again = call.state === "incoming" && this.declined.has(call.callId);
    if (again) return ["it rings again after it was declined"];
    return this.over.has(call) && !call.over ? [`${call.state} after the end`] : [];
  }

  private lookAtVersion(call: LocalCall): string[] {
    const stamp = call.view === undefined ? undefined : this.stamps.get(call.view);
    if (stamp === undefined) return [];
    const before = this.newest.get(call) ?? [0n, 0n];
    this.newest.set(call, stamp);
    const down = stamp[0] < before[0] || (stamp[0] === before[0] && stamp[1] < before[1]);
    return down ? [`from version ${before.join(".")} down to ${stamp.join(".")}`] : [];
  }

  private lookAtSender(call: LocalCall, one: FakeTransceiver): string[] {
    const kind = one.receiver.track.kind as Kind;
    const wrongs: string[] = [];
    const said = call.view;
    const { track } = one.sender;
    const memory = this.memory(call);
    if (track !== null) {
      this.sent += 1;
      if (memory === undefined) wrongs.push(`${kind} has a track and nobody asked for it`);
      if (memory?.holds === true) wrongs.push(`${kind} has a track and the user holds the call`);
      if (said?.here === true && answered(said) && (said.holds || said.peerHolds)) wrongs.push(`${kind} has a track and the call is on hold`);
      if (memory?.bound === false) wrongs.push(`${kind} has a track before the answer`);
      if (said?.maySend?.[kind] !== true) wrongs.push(`${kind} has a track and is not admitted`);
      const heard = kind === "video" || track.enabled;
      if (heard && track.readyState === "live" && memory?.wish[kind] !== true) wrongs.push(`${kind} is sent and not wished for`);
    }
    if (call.over) return wrongs;
    const sends = one.direction.startsWith("send");
    const receives = one.direction === "sendrecv" || one.direction === "recvonly";
    if (sends && said?.maySend?.[kind] !== true) wrongs.push(`${kind} is ${one.direction}, this side may not send`);
    if (receives && said?.peerMaySend?.[kind] !== true) wrongs.push(`${kind} is ${one.direction}, the other side may not send`);
    return wrongs;
  }

  /** What is said of a call: nothing of this device's addresses before the answer, nothing but a last word after the end. */
  private hear(body: Body): void {
    if (body.case === "answer") {
      const { callId, description } = body.value;
      if (!this.byId.has(callId)) this.wrongs.push("an answer that the user did not give, or took back");
      if ((description?.candidates.length ?? 0) > 0) this.wrongs.push("an answer with candidates");
      if (new TextDecoder().decode(description?.body).includes("a=candidate")) this.wrongs.push("an offer with candidates");
    }
    if (body.case === "describe" || body.case === "addCandidates") {
      const call = this.list.find((one) => one.callId === body.value.callId && !one.over);
      if (call === undefined) this.wrongs.push(`${body.case} after the end`);
      if (this.byId.get(body.value.callId)?.bound !== true) this.wrongs.push(`${body.case} before the answer`);
    }
  }

  private capture(kinds: Kind[]): Promise<Captured> {
    for (const kind of kinds) {
      const wished = this.list.some((call) => !call.over && this.memory(call)?.wish[kind] === true);
      const dialling = [...this.dialled.values()].some((one) => one.wish[kind]);
      if (!wished && !dialling && !this.placing?.[kind]) this.wrongs.push(`the ${kind} device is opened and nobody asked for it`);
    }
    return new Promise((resolve) => {
      this.permissions.push(() => {
        const made = Object.fromEntries(kinds.map((kind) => [kind, new FakeTrack(kind)]));
        this.tracks.push(...Object.values(made));
        resolve({ tracks: made as unknown as Captured["tracks"], problems: [] });
      });
    });
  }

  private made(): Calls {
    const store = this.store;
    const load = ++this.loads;
    const hear = (body: Body) => void (load === this.loads && this.hear(body));
    return new Calls(
      {
        command: (body) => {
          hear(body);
          const call = this.list?.find((one) => one.callId === "" && !one.over);
          return new Promise((resolve, reject) => this.asked.push({ body, call, resolve, reject }));
        },
        post: hear,
        consents: new Consents({ getItem: (key) => store.get(key) ?? null, setItem: (key, value) => void store.set(key, value) }),
        media: {
          capture: { get: (kinds) => this.capture(kinds) },
          mint: () => `name-${++this.minted}`,
          create: () => {
            const made = new FakeConnection();
            this.connections.push(made);
            return made as unknown as RTCPeerConnection;
          },
          warn: () => undefined,
        },
        now: () => this.now,
        changed: () => undefined,
        doubt: () => undefined,
        warn: () => undefined,
      },
      () => `key-${++this.minted}`,
    );
  }
}

function answered(view: Call): boolean {
  return view.phase === Phase.CONNECTING || view.phase === Phase.CONNECTED;
}
