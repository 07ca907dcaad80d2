/** Ringline on one page: the line of the signed-in device, its calls, and what a page may show of them. */
import { token } from "./account/bytes";
import type { Session } from "./account/session";
import type { Meanwhile } from "./call/calls";
import { Calls } from "./call/calls";
import type { LocalCall } from "./call/call";
import type { Wanted } from "./call/consents";
import { Consents } from "./call/consents";
import type { Sound } from "./call/table";
import type { Call, ServerFrame, Welcome } from "./gen/ringline/v1/client_pb";
import { Reason } from "./gen/ringline/v1/reasons_pb";
import { Refused } from "./line/commands";
import type { LineEnd } from "./line/endings";
import { endOf } from "./line/endings";
import { instanceOf } from "./line/instance";
import type { LineState } from "./line/line";
import { Line } from "./line/line";
import { watchNetwork } from "./line/network";
import type { Capture } from "./media/capture";
import { ThreadsApi } from "./threads/api";
import { Removed } from "./threads/removed";
import { endedOf } from "./threads/shapes";
import { Threads } from "./threads/threads";

const TICK_MS = 500;
/** How long the server has to answer where something else says already that the network is gone. */
const DOUBT_MS = 1_000;

export interface RinglineOptions {
  session: Session;
  /** The gateway's origin; "" means that of the page. */
  base: string;
  clientVersion: string;
  capture: Capture;
}

export class Ringline {
  line: LineState = "connecting";
  /** Why the line stays closed; undefined while it is open or about to be. */
  end: LineEnd | undefined;
  readonly threads: Threads;
  private readonly calls: Calls;
  private socket: Line | undefined;
  private readonly listeners = new Set<() => void>();
  private readonly leave = new AbortController();
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private version = 0;

  constructor(private readonly options: RinglineOptions) {
    this.calls = new Calls(
      {
        command: (body, patience) =>
          this.socket?.command(body, patience) ?? Promise.reject(new Refused(Reason.UNAVAILABLE, "The line is not open yet.")),
        post: (body) => this.socket?.post(body),
        consents: new Consents(sessionStorage),
        media: {
          capture: options.capture,
          mint: token,
          create: (configuration) => new RTCPeerConnection(configuration),
          warn: (what) => console.warn("ringline media:", what),
          // Nobody waits for it, and a server of before does not take it.
          report: (quality) => void this.ask("POST", "/v1/me/call-quality", quality).catch(() => undefined),
        },
        now: () => Date.now(),
        changed: () => this.changed(),
        doubt: () => this.socket?.probe(DOUBT_MS),
        warn: (what) => console.warn("ringline call:", what),
      },
      token,
    );
    const { session } = options;
    this.threads = new Threads({
      api: new ThreadsApi((method, path, body) => this.ask(method, path, body)),
      owner: session.account.user_id,
      ended: () => endedOf(this.calls.recent),
      removed: new Removed(localStorage, session.account.user_id),
      storage: sessionStorage,
      mint: token,
      now: () => Date.now(),
      visible: () => document.visibilityState === "visible",
      connected: () => this.line === "open",
      changed: () => this.changed(),
      later: (ms, work) => this.later(ms, work),
    });
    session.left.addEventListener("abort", () => this.stop(), { signal: this.leave.signal });
  }

  async start(): Promise<void> {
    const instance = await instanceOf(sessionStorage, navigator.locks, token);
    if (this.leave.signal.aborted) return;
    const base = new URL(this.options.base === "" ? "/" : this.options.base, location.href);
    const url = new URL("/v1/connect", base);
    url.protocol = base.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new Line(
      {
        url: url.href,
        instance,
        clientVersion: this.options.clientVersion,
        ticket: (patienceMs) => this.options.session.ticket(patienceMs),
        open: (to, subprotocol) => new WebSocket(to, subprotocol),
        now: () => Date.now(),
        random: () => Math.random(),
        mint: token,
      },
      {
        state: (state, why) => this.lineIs(state, why),
        welcome: (welcome) => this.then(() => this.welcome(welcome)),
        frame: (frame) => this.then(() => this.hear(frame)),
        silent: () => this.calls.silent(),
      },
    );
    this.watchNetwork();
    const timer = setInterval(() => this.tick(), TICK_MS);
    this.leave.signal.addEventListener("abort", () => clearInterval(timer));
    this.socket.start();
  }

  stop(): void {
    this.leave.abort();
    for (const timer of this.timers) clearTimeout(timer);
    this.threads.close();
    this.calls.close();
    this.socket?.close();
    this.changed();
  }

  /** Takes the line back from the page that has it now; that one is then the one that is replaced. */
  takeOver(): void {
    if (this.end !== "replaced") return;
    this.end = undefined;
    this.calls.close();
    this.socket?.reopen();
  }

  /** The call to show, apart from one that rings; undefined where there is none. */
  get shown(): LocalCall | undefined {
    return this.calls.shown;
  }

  /** The call that the user talks in, or is on the way into. */
  get foreground(): LocalCall | undefined {
    return this.calls.foreground;
  }

  get recent(): Call[] {
    return this.calls.recent;
  }

  get sound(): Sound {
    return this.calls.sound;
  }

  /** Somebody calls, and rings aloud. */
  get incoming(): LocalCall | undefined {
    return this.calls.incoming;
  }

  /** Somebody calls while the user is in another call. */
  get waiting(): LocalCall | undefined {
    return this.calls.waiting;
  }

  /** The call that the user put on hold; more than one only where a server says so. */
  get held(): LocalCall[] {
    return this.calls.held;
  }

  get mayPlace(): boolean {
    return this.calls.mayPlace;
  }

  place(username: string, wanted: Wanted): LocalCall | undefined {
    return this.calls.place(username, wanted);
  }

  /**
   * @param meanwhile what becomes of the call that the user is in
   * @returns whether it is answered; nothing changed where it is not
   */
  answer(call: LocalCall, wanted: Wanted, meanwhile: Meanwhile = "hold"): boolean {
    return this.calls.answer(call, wanted, meanwhile);
  }

  mayHoldAndAnswer(call: LocalCall): boolean {
    return this.calls.mayHoldAndAnswer(call);
  }

  mayHold(call: LocalCall): boolean {
    return this.calls.mayHold(call);
  }

  hold(call: LocalCall): boolean {
    return this.calls.hold(call);
  }

  mayResume(call: LocalCall): boolean {
    return this.calls.mayResume(call);
  }

  /** Takes a call back from hold; the one that the user talks in meanwhile is on hold first. */
  resume(call: LocalCall): boolean {
    return this.calls.resume(call);
  }

  dismiss(call: LocalCall): void {
    this.calls.dismiss(call.key);
  }

  /** For a page that redraws when something changed (React: useSyncExternalStore). */
  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Rises with each change. */
  snapshot = (): number => this.version;

  private welcome(welcome: Welcome): void {
    this.calls.welcome(welcome);
    this.threads.welcome(welcome.incarnation);
    // Another device may have taken another name meanwhile.
    this.options.session.me().then(
      () => this.changed(),
      () => undefined,
    );
  }

  private tick(): void {
    this.calls.tick(Date.now());
    this.threads.tick();
  }

  private hear(frame: ServerFrame): void {
    const body = frame.body;
    if (body.case === "call") this.calls.see(body.value);
    else if (body.case === "peerCandidates") this.calls.candidates(body.value);
    else if (body.case === "beat") this.calls.beat(body.value);
    else if (body.case === "threadChanged") this.threads.hear(body.value);
  }

  private then(work: () => void): void {
    work();
    this.changed();
  }

  private lineIs(state: LineState, why: Refused | undefined): void {
    this.line = state;
    this.end = endOf(why);
    // Whoever has the line now has its calls; nobody here could say a word in them.
    if (this.end !== undefined) this.calls.abandon();
    this.changed();
  }

  private changed(): void {
    this.version += 1;
    if (this.socket !== undefined) this.socket.live = this.calls.live;
    for (const listener of this.listeners) listener();
  }

  /** A browser keeps a dead socket "open" for long: its own word about the network is quicker. */
  private watchNetwork(): void {
    const { signal } = this.leave;
    const changed = () => {
      this.socket?.renew();
      this.calls.networkChanged();
    };
    const { connection } = navigator as { connection?: EventTarget & { type?: string } };
    const outside = { window, connection, later: (ms: number, work: () => void) => this.later(ms, work) };
    watchNetwork(outside, { changed, doubt: () => this.socket?.probe(DOUBT_MS) }, signal);
    const look = () => this.threads.look();
    for (const sign of ["online", "focus"]) addEventListener(sign, look, { signal });
    const front = () => {
      if (document.visibilityState !== "visible") return;
      this.socket?.probe();
      look();
    };
    document.addEventListener("visibilitychange", front, { signal });
  }

  /** Asks as the session's user, as long as this goes on. Rejects with Refused. */
  private ask<T>(method: string, path: string, body: unknown): Promise<T> {
    if (this.leave.signal.aborted) return Promise.reject(new Refused(Reason.UNAVAILABLE, "This page has left."));
    return this.options.session.ask(method, path, body);
  }

  private later(ms: number, work: () => void): () => void {
    if (this.leave.signal.aborted) return () => undefined;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      work();
    }, ms);
    this.timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.timers.delete(timer);
    };
  }
}
