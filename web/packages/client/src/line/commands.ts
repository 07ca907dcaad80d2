/** The commands that wait for an answer. The same command id goes out again on a new connection: no second effect. */
import { create } from "@bufbuild/protobuf";
import type { ClientFrame, Done, Relay } from "../gen/ringline/v1/client_pb";
import { ClientFrameSchema } from "../gen/ringline/v1/client_pb";
import type { Refusal } from "../gen/ringline/v1/reasons_pb";
import { Reason } from "../gen/ringline/v1/reasons_pb";

export type Body = Exclude<ClientFrame["body"], { case: undefined }>;
export type Answered = { case: "done"; value: Done } | { case: "relay"; value: Relay };

/** The server, or the wait for it, said no. Nothing was changed by the command. */
export class Refused extends Error {
  constructor(
    readonly reason: Reason,
    readonly sentence: string,
    readonly retryAfterMs = 0,
    /** A short key of what the operator's rules miss; empty where they do not say it. */
    readonly missing = "",
    /** The ring budget that is used up: "places", "pair", "strangers", "new_account"; empty for every other limit. */
    readonly budget = "",
  ) {
    super(sentence);
    this.name = "Refused";
  }

  static from(refusal: Refusal): Refused {
    return new Refused(refusal.reason, refusal.sentence, refusal.retryAfterMs, refusal.missing, refusal.budget);
  }
}

interface Waiting {
  readonly commandId: string;
  readonly body: Body;
  readonly deadline: number;
  frameId: bigint;
  resolve(answer: Answered): void;
  reject(why: Refused): void;
}

const TRANSIENT: ReadonlySet<Reason> = new Set([Reason.OVERLOADED, Reason.UNAVAILABLE]);
const RETRY_MS = 400;

/** The same may be said again: what refused it goes by, or tells when it will. */
export function passes(why: Refused): boolean {
  return TRANSIENT.has(why.reason) || (why.reason === Reason.LIMITED && why.retryAfterMs > 0);
}

export class Commands {
  private readonly waiting = new Map<string, Waiting>();
  private readonly byFrame = new Map<bigint, Waiting>();
  private readonly later = new Map<string, number>();
  private lastFrame = 0n;

  /**
   * @param send puts a frame on the wire; false where there is no open line
   * @param mint answers a new command id
   */
  constructor(
    private readonly send: (frame: ClientFrame) => boolean,
    private readonly mint: () => string,
  ) {}

  /** Sends a command and answers what came back. Rejects with Refused, also when `patienceMs` passed without an answer. */
  ask(body: Body, now: number, patienceMs: number): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const item: Waiting = { commandId: this.mint(), body, deadline: now + patienceMs, frameId: 0n, resolve, reject };
      this.waiting.set(item.commandId, item);
      this.transmit(item);
    });
  }

  /** The line is open anew: whatever has no answer goes out again, oldest first. */
  resend(): void {
    this.byFrame.clear();
    this.later.clear();
    for (const item of this.waiting.values()) this.transmit(item);
  }

  answered(frameId: bigint, answer: Answered): void {
    this.take(frameId)?.resolve(answer);
  }

  /** A passing fault is tried again with the same id until the command's deadline; anything else is the answer. */
  refused(frameId: bigint, refusal: Refusal, now: number): void {
    const item = this.byFrame.get(frameId);
    if (item === undefined) return;
    const wait = Math.max(RETRY_MS, refusal.retryAfterMs);
    if (TRANSIENT.has(refusal.reason) && now + wait < item.deadline) {
      this.byFrame.delete(frameId);
      this.later.set(item.commandId, now + wait);
      return;
    }
    this.take(frameId)?.reject(Refused.from(refusal));
  }

  /** Called a few times a second: ends what waited too long and sends again what was put off. */
  tick(now: number): void {
    for (const item of [...this.waiting.values()]) {
      if (now >= item.deadline) {
        this.forget(item);
        item.reject(new Refused(Reason.UNAVAILABLE, "The server did not answer in time."));
      }
    }
    for (const [commandId, due] of [...this.later]) {
      if (now < due) continue;
      this.later.delete(commandId);
      const item = this.waiting.get(commandId);
      if (item !== undefined) this.transmit(item);
    }
  }

  /** The line will never open again. */
  abandon(why: Refused): void {
    const items = [...this.waiting.values()];
    this.waiting.clear();
    this.byFrame.clear();
    this.later.clear();
    for (const item of items) item.reject(why);
  }

  get size(): number {
    return this.waiting.size;
  }

  /** A frame number that no other frame of this client has. */
  nextFrame(): bigint {
    this.lastFrame += 1n;
    return this.lastFrame;
  }

  private transmit(item: Waiting): void {
    item.frameId = this.nextFrame();
    const frame = create(ClientFrameSchema, { id: item.frameId, commandId: item.commandId, body: item.body });
    if (this.send(frame)) this.byFrame.set(item.frameId, item);
  }

  private take(frameId: bigint): Waiting | undefined {
    const item = this.byFrame.get(frameId);
    if (item !== undefined) this.forget(item);
    return item;
  }

  private forget(item: Waiting): void {
    this.waiting.delete(item.commandId);
    this.byFrame.delete(item.frameId);
    this.later.delete(item.commandId);
  }
}
