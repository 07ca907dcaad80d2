/**
 * The one number that keeps threads true: it rises with every change of any of them. A change that follows on what is
 * known is applied; whatever else is heard of is asked for, soon, and now and then without having heard of anything.
 */
import { Refused } from "../line/commands";
import type { Later } from "./alarm";
import { Alarm } from "./alarm";
import type { Change, InboxState } from "./shapes";

export interface FeedOutside {
  /** Reads everything the first time, else what changed since `state.feed`. */
  read(): Promise<void>;
  apply(change: Change): void;
  /** The line is open. */
  connected(): boolean;
  visible(): boolean;
  now(): number;
  changed(): void;
  later: Later;
}

const AGAIN_MS = 5_000;
/** A change that overtook another one is followed by it in no time; what is still missing then was lost. */
const GAP_MS = 150;
/** A frame that was lost with nothing after it is missed no longer than this. */
const ASK_EVERY_MS = 45_000;
/** Coming back to the page is said by several events at once. */
const LOOK_EVERY_MS = 2_000;

export class Feed {
  /** The sums and how far they go, as the server told them. */
  state: InboxState = nothing();
  /** Everything was read once: changes are enough from now on. */
  begun = false;
  failed = false;
  private working: Promise<void> | undefined;
  private again = false;
  private askedAt = Number.NEGATIVE_INFINITY;
  /** The highest number that anything has told of. */
  private heardOf = 0;
  /** Changes that wait for the one before them, by its number. */
  private readonly early = new Map<number, Change>();
  private readonly gap: Alarm;
  private readonly retrying: Alarm;

  constructor(private readonly outside: FeedOutside) {
    this.gap = new Alarm(outside.later);
    this.retrying = new Alarm(outside.later);
  }

  hear(change: Change): void {
    if (!this.begun) return this.catchUp();
    if (change.thread.feed <= this.state.feed) return;
    this.early.set(change.before, change);
    this.follow();
    this.suspect(change.thread.feed);
  }

  /** Something told of this number: its change comes by itself, or is asked for. */
  suspect(feed: number): void {
    this.heardOf = Math.max(this.heardOf, feed);
    if (this.gap.isSet || this.heardOf <= this.state.feed) return;
    this.gap.set(GAP_MS, () => {
      if (this.heardOf > this.state.feed) this.catchUp();
    });
  }

  /** Frames may have been quicker than an answer: what is older than what is known tells nothing. */
  believe(state: InboxState): void {
    if (state.feed > this.state.feed) this.state = state;
  }

  /** Called often; asks seldom. */
  tick(): void {
    if (this.outside.visible()) this.askAfter(ASK_EVERY_MS);
  }

  /** Somebody came back to the page. */
  look(): void {
    this.askAfter(LOOK_EVERY_MS);
  }

  /** Asks for what changed since what is known; one run at a time, and again where something came meanwhile. */
  catchUp(): void {
    if (this.working !== undefined) {
      this.again = true;
      return;
    }
    this.askedAt = this.outside.now();
    this.working = this.outside
      .read()
      .then(
        () => (this.failed = false),
        (error: unknown) => this.lacks(error),
      )
      .then(() => this.caughtUp());
  }

  /** The server was restored and has lost what this page has seen. */
  beginAnew(): void {
    this.begun = false;
    this.state = nothing();
    this.heardOf = 0;
    this.early.clear();
  }

  private askAfter(ms: number): void {
    const { connected, now } = this.outside;
    if (this.begun && this.working === undefined && connected() && now() - this.askedAt >= ms) this.catchUp();
  }

  private caughtUp(): void {
    this.working = undefined;
    this.follow();
    this.outside.changed();
    if (!this.again) return;
    this.again = false;
    this.catchUp();
  }

  private lacks(error: unknown): void {
    this.failed = true;
    const wait = error instanceof Refused ? error.retryAfterMs : 0;
    this.retrying.set(Math.max(AGAIN_MS, wait), () => this.catchUp());
  }

  /** Applies the changes that follow on what is known, one on another; those that are known by now are let go. */
  private follow(): void {
    for (let next = this.early.get(this.state.feed); next !== undefined; next = this.early.get(this.state.feed)) {
      this.askedAt = this.outside.now();
      this.state = { feed: next.thread.feed, unread: next.unread, requests: next.requests };
      this.outside.apply(next);
    }
    for (const [before, { thread }] of this.early) if (thread.feed <= this.state.feed) this.early.delete(before);
  }
}

function nothing(): InboxState {
  return { feed: 0, unread: 0, requests: 0 };
}
