/** One line: a connected instance of a device. Keeps itself open, notices silence, answers for its commands. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ClientFrame, ServerFrame, Welcome } from "../gen/ringline/v1/client_pb";
import { ClientFrameSchema, HelloSchema, ServerFrameSchema } from "../gen/ringline/v1/client_pb";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { backoff } from "./backoff";
import type { Answered, Body } from "./commands";
import { Commands, Refused } from "./commands";
import { endOf } from "./endings";

export const SUBPROTOCOL = "ringline.v1";
/** For one try to open a line; each that was too slow doubles it. A try that is given up is work for nothing. */
const HELLO_MS = 6_000;
const MOST_DOUBLINGS = 2;
const TICK_MS = 250;
/** Beats come every 4 s while a call is live; three missed ones mean that the server is gone. */
const LIVE_SILENCE_MS = 12_500;
const PROBE_MS = 3_000;
/** A probe has at least so many times what an answer took lately: slow is not gone. */
const ROUND_TRIPS = 3;
/** What a gateway says of these is of this connection alone: the next ticket tells whether it is so. */
const OF_TICKETS: ReadonlySet<Reason> = new Set([Reason.TOKEN_INVALID, Reason.USER_NOT_FOUND, Reason.DEVICE_NOT_FOUND]);

export type LineState = "connecting" | "open" | "waiting" | "closed";

/** A ticket from the gateway with the device's signature over it. */
export interface Ticket {
  ticket: string;
  signature: Uint8Array;
}

/** What a line needs from outside; all of it can be replaced in a test. */
export interface LineOutside {
  url: string;
  instance: string;
  clientVersion: string;
  /** @param patienceMs after which the try is given up */
  ticket(patienceMs: number): Promise<Ticket>;
  open(url: string, subprotocol: string): WebSocket;
  now(): number;
  random(): number;
  mint(): string;
}

/** What a line tells its owner. */
export interface LineListener {
  state(state: LineState, why?: Refused): void;
  welcome(welcome: Welcome): void;
  frame(frame: ServerFrame): void;
  /** Calls are live and the server was not heard for twelve seconds. */
  silent(): void;
}

export class Line {
  state: LineState = "waiting";
  /** Set by the owner: a silent server is noticed sooner while calls are live. */
  live = false;
  private socket: WebSocket | undefined;
  private attempt = 0;
  private failures = 0;
  /** Of them, those that got no answer in time. */
  private slow = 0;
  private triedAt = 0;
  private heardAt = 0;
  private silenceMs = 60_000;
  private retryAt = Number.POSITIVE_INFINITY;
  private timer: ReturnType<typeof setInterval> | undefined;
  private saidSilent = false;
  private probeBefore = Number.POSITIVE_INFINITY;
  /** When a hello or a probe went out that nothing was heard after yet. */
  private askedAt: number | undefined;
  /** What an answer to one of them took on this connection; half of it is forgotten with each answer that is quicker. */
  private roundTripMs = 0;
  /** The server wants nobody back before. */
  private welcomeAt = 0;
  private readonly commands: Commands;

  constructor(
    private readonly outside: LineOutside,
    private readonly listener: LineListener,
  ) {
    this.commands = new Commands((frame) => this.transmit(frame), outside.mint);
  }

  start(): void {
    if (this.timer !== undefined || this.state === "closed") return;
    this.timer = setInterval(() => this.tick(), TICK_MS);
    void this.connect();
  }

  /** Closes for good. */
  close(why?: Refused): void {
    if (this.timer !== undefined) clearInterval(this.timer);
    this.timer = undefined;
    this.drop();
    this.commands.abandon(why ?? new Refused(Reason.UNAVAILABLE, "The line was closed."));
    this.become("closed", why);
  }

  /** Opens what was closed for good: its user wants this page to have the line. */
  reopen(): void {
    if (this.state !== "closed") return;
    this.failures = this.slow = 0;
    this.become("waiting");
    this.start();
  }

  /** The network changed: the old socket may look open for long, so a new one is opened at once. */
  renew(): void {
    if (this.state === "closed" || this.timer === undefined) return;
    this.failures = this.slow = 0;
    void this.connect();
  }

  /** The page came back to the front, or nothing comes from the other side: ask whether the server is still there. */
  probe(patienceMs = PROBE_MS): void {
    const now = this.outside.now();
    if (this.state === "waiting") {
      // It is tried soon, still spread over time, and not before the server wants it.
      this.retryAt = Math.max(this.welcomeAt, Math.min(this.retryAt, now + backoff(0, this.outside.random())));
    }
    if (this.state === "connecting") {
      // What was slow before may be quick now: this try gets no more time than a first one.
      this.slow = 0;
      this.retryAt = Math.min(this.retryAt, this.triedAt + HELLO_MS);
    }
    if (this.state !== "open") return;
    this.post({ case: "ping", value: { $typeName: "ringline.v1.Ping" } });
    this.askedAt ??= now;
    this.probeBefore = Math.min(this.probeBefore, now + Math.max(patienceMs, ROUND_TRIPS * this.roundTripMs));
  }

  /** Sends a command; it survives reconnects. Rejects with Refused. */
  command(body: Body, patienceMs = 15_000): Promise<Answered> {
    if (this.state === "closed") return Promise.reject(new Refused(Reason.UNAVAILABLE, "The line is closed."));
    return this.commands.ask(body, this.outside.now(), patienceMs);
  }

  /** Sends a frame that wants no answer; lost where the line is not open. */
  post(body: Body): void {
    this.transmit(create(ClientFrameSchema, { commandId: this.outside.mint(), body }));
  }

  private async connect(): Promise<void> {
    const attempt = ++this.attempt;
    this.drop();
    const patienceMs = HELLO_MS * 2 ** Math.min(this.slow, MOST_DOUBLINGS);
    this.triedAt = this.outside.now();
    this.retryAt = this.triedAt + patienceMs;
    this.become("connecting");
    let ticket: Ticket;
    try {
      ticket = await this.outside.ticket(patienceMs);
    } catch (error) {
      if (attempt === this.attempt) this.ticketFailed(error);
      return;
    }
    if (attempt !== this.attempt || this.state === "closed") return;
    try {
      this.greet(this.outside.open(this.outside.url, SUBPROTOCOL), ticket);
    } catch {
      this.retry(0); // the browser opens no socket here, for now
    }
  }

  private greet(socket: WebSocket, ticket: Ticket): void {
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      const hello = create(HelloSchema, {
        ticket: ticket.ticket,
        signature: ticket.signature,
        instance: this.outside.instance,
        clientVersion: this.outside.clientVersion,
      });
      const frame = create(ClientFrameSchema, { id: this.commands.nextFrame(), body: { case: "hello", value: hello } });
      socket.send(toBinary(ClientFrameSchema, frame));
      this.askedAt = this.outside.now();
    };
    socket.onmessage = (event) => this.receive(socket, event.data);
    socket.onclose = () => this.lost(socket);
  }

  private ticketFailed(error: unknown): void {
    const why = error instanceof Refused ? error : undefined;
    if (endOf(why) !== undefined) return this.close(why);
    this.retry(why?.retryAfterMs ?? 0);
  }

  private receive(socket: WebSocket, data: unknown): void {
    if (socket !== this.socket || !(data instanceof ArrayBuffer)) return;
    this.heardAt = this.outside.now();
    // What comes first may be something else that was on its way already.
    if (this.askedAt !== undefined) this.roundTripMs = Math.max(this.roundTripMs / 2, this.heardAt - this.askedAt);
    this.askedAt = undefined;
    this.probeBefore = Number.POSITIVE_INFINITY;
    this.saidSilent = false;
    const frame = decoded(data);
    if (frame === undefined) return this.goodbye(undefined);
    const body = frame.body;
    switch (body.case) {
      case "welcome":
        return this.welcomed(body.value);
      case "done":
      case "relay":
        this.listener.frame(frame);
        return this.commands.answered(frame.replyTo, body);
      case "refused":
        return this.commands.refused(frame.replyTo, body.value, this.outside.now());
      case "reconnect":
        this.retryAt = this.outside.now() + body.value.afterMs;
        return;
      case "goodbye":
        return this.goodbye(body.value.refused ? Refused.from(body.value.refused) : undefined);
      default:
        if (this.state === "open") this.listener.frame(frame); // before the welcome nobody knows what is live
    }
  }

  private welcomed(welcome: Welcome): void {
    this.failures = this.slow = 0;
    this.retryAt = Number.POSITIVE_INFINITY;
    if (welcome.silenceMs > 0) this.silenceMs = welcome.silenceMs;
    this.become("open");
    this.listener.welcome(welcome);
    this.commands.resend();
  }

  private goodbye(why: Refused | undefined): void {
    if (why !== undefined && endOf(why) !== undefined && !OF_TICKETS.has(why.reason)) return this.close(why);
    this.drop();
    this.retry(why?.retryAfterMs ?? 0);
  }

  private lost(socket: WebSocket): void {
    if (socket !== this.socket) return;
    this.socket = undefined;
    this.retry(0);
  }

  private retry(atLeastMs: number): void {
    if (this.state === "closed") return;
    // What the server wants is in whole seconds where it comes by HTTP: nobody comes with all the others.
    const wanted = atLeastMs > 0 ? atLeastMs + backoff(1, this.outside.random()) : 0;
    const wait = Math.max(wanted, backoff(this.failures, this.outside.random()));
    this.failures += 1;
    this.welcomeAt = this.outside.now() + atLeastMs;
    this.retryAt = this.outside.now() + wait;
    this.become("waiting");
  }

  private tick(): void {
    const now = this.outside.now();
    this.commands.tick(now);
    const silence = now - this.heardAt;
    if (this.live && silence >= LIVE_SILENCE_MS && !this.saidSilent) {
      this.saidSilent = true;
      this.listener.silent();
    }
    const limit = this.live ? Math.min(LIVE_SILENCE_MS, this.silenceMs) : this.silenceMs;
    const gone = this.state === "open" && (silence >= limit || now >= this.probeBefore);
    if (this.state === "connecting" && now >= this.retryAt) this.giveUp();
    else if (gone || now >= this.retryAt) void this.connect();
  }

  /** No answer in time. Whoever comes again at once keeps an overloaded server overloaded. */
  private giveUp(): void {
    this.attempt += 1; // a ticket that comes now is of no use any more
    this.drop();
    this.slow += 1;
    this.retry(0);
  }

  private transmit(frame: ClientFrame): boolean {
    if (this.state !== "open" || this.socket === undefined) return false;
    this.socket.send(toBinary(ClientFrameSchema, frame));
    return true;
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = undefined;
    this.probeBefore = Number.POSITIVE_INFINITY;
    this.askedAt = undefined;
    this.roundTripMs = 0;
    if (socket !== undefined) socket.close(1000);
  }

  private become(state: LineState, why?: Refused): void {
    if (state === this.state && why === undefined) return;
    this.state = state;
    this.listener.state(state, why);
  }
}

/** Undefined for what is no frame: whoever sends it is not the server, or not in order. */
function decoded(data: ArrayBuffer): ServerFrame | undefined {
  try {
    return fromBinary(ServerFrameSchema, new Uint8Array(data));
  } catch {
    return undefined;
  }
}
