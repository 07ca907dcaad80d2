/** A call on this line: the table's state, the server's newest view, and what follows from both. */
import type { Call } from "../gen/ringline/v1/client_pb";
import { Phase, Role } from "../gen/ringline/v1/client_pb";
import type { Profile } from "../gen/ringline/v1/types_pb";
import { Ending } from "../gen/ringline/v1/types_pb";
import { Refused } from "../line/commands";
import type { Described } from "../media/peer";
import type { MediaListener } from "../media/session";
import { MediaSession } from "../media/session";
import type { Wanted } from "./consents";
import { wantedOf } from "./consents";
import { OwnHold } from "./hold";
import type { CallOutside } from "./outside";
import { Speech } from "./speech";
import type { Input, Send, State } from "./table";
import { isEngaged, mediaOf, step } from "./table";
import type { Stamp, Status } from "./view";
import { admittedOf, classify, endingOf, inRoom, statusOf, supersedes } from "./view";

const RING_GRACE_MS = 5_000;

export class LocalCall {
  state: State = "new";
  view: Call | undefined;
  ending: Ending = Ending.UNSPECIFIED;
  refused: Refused | undefined;
  wanted: Wanted;
  connectedAt: number | undefined;
  endedAt: number | undefined;
  missingBeats = 0;
  readonly media: MediaSession;
  private stamp: Stamp = { incarnation: 0n, version: 0n };
  private ringUntil = Number.POSITIVE_INFINITY;
  private heldOffer: Promise<Described | undefined> | undefined;
  private warmed = false;
  /** Wishes about the media that the server has not answered yet. */
  private wishes = 0;
  private readonly own: OwnHold;
  private waits = false;
  /** It waited, and was said to wait no longer. */
  private freed = false;
  private readonly speech: Speech;

  /**
   * @param key names the call in the page from the first moment on, before it has an id
   * @param username whom the user dialled; a call of somebody else's making has its view instead
   */
  constructor(
    readonly key: string,
    readonly role: Role,
    wanted: Wanted,
    readonly username: string,
    private readonly outside: CallOutside,
  ) {
    this.wanted = wanted;
    this.speech = new Speech(outside, () => this.callId, (view) => {
      if (view.callId === this.callId) this.see(view);
    });
    this.own = new OwnHold(this, this.speech, outside);
    this.media = new MediaSession({ ...outside.media, now: outside.now, polite: role === Role.CALLEE }, this.mediaListener());
  }

  get callId(): string {
    return this.view?.callId ?? "";
  }

  get peer(): Profile | undefined {
    return this.view?.peer;
  }

  get over(): boolean {
    return this.state === "ended";
  }

  /** The user is in it, or on the way into it, here. */
  get engaged(): boolean {
    return isEngaged(this.state);
  }

  /** It asks the user to answer, or would if the server were heard. */
  get asks(): boolean {
    return this.state === "incoming" || this.state === "silenced";
  }

  /** By the user's own wish it stays silent until his own word. */
  get holds(): boolean {
    return this.state === "holding" || (this.state === "held" && this.own.wish === true);
  }

  get mayHold(): boolean {
    return !this.mayResume && !step(this.state, "user.hold").ignored;
  }

  /** It is this user who can end the silence, and he has not asked for it. */
  get mayResume(): boolean {
    if (this.state !== "held" || this.holds) return this.holds;
    return !this.own.telling && (this.view?.holds === true || this.view?.peerHolds !== true);
  }

  get status(): Status {
    if (this.mayResume) return "On hold";
    const { view } = this;
    return statusOf(this.state, view?.role ?? this.role, view?.phase ?? Phase.UNSPECIFIED, this.ending, view?.peerHolds === true);
  }

  place(): void {
    void this.media.want(this.wanted);
    this.input("user.place");
  }

  /** The user answers. Nothing happens where another call is talked in on this device. */
  answer(wanted: Wanted): void {
    if (step(this.state, "user.answer").ignored || this.outside.room(this) !== "talk") return;
    this.wanted = wanted;
    this.outside.consents.give(this.callId, wanted);
    this.input("user.answer");
    void this.media.want(wanted);
  }

  decline(): void {
    this.end(Ending.DECLINED, "user.decline");
  }

  hangUp(): void {
    this.end(this.bound ? Ending.HUNG_UP : Ending.CANCELLED, "user.hang_up");
  }

  /** Silent at once, whatever the server can hear. */
  hold(): void {
    if (!this.mayHold) return;
    this.own.set(true);
    this.input("user.hold");
  }

  /** Nothing happens where another call is talked in on this device. */
  resume(): void {
    if (!this.mayResume || this.outside.room(this) !== "talk") return;
    this.own.set(false);
    this.input("user.resume");
  }

  /** Toggles microphone or camera. Rejects with Refused where the kind is not admitted; then nothing changed. */
  async set(wanted: Wanted): Promise<void> {
    if (!this.engaged) return;
    const before = this.wanted;
    this.wanted = wanted;
    this.consent();
    const captured = this.media.want(wanted);
    this.outside.changed();
    if (!this.bound) return;
    this.wishes += 1;
    try {
      await this.speech.setMedia(wanted);
    } catch (error) {
      // Only what this very wish turned on is taken back: what is off stays off, whatever the server could not hear.
      const keep = (kind: keyof Wanted) => this.wanted[kind] && !(wanted[kind] && !before[kind]);
      this.wanted = { audio: keep("audio"), video: keep("video") };
      this.consent();
      await this.media.want(this.wanted);
      throw error;
    } finally {
      this.wishes -= 1;
    }
    await captured;
  }

  /** A view of the server; older ones are ignored. */
  see(view: Call): void {
    const stamp = { incarnation: this.outside.incarnation(), version: view.version };
    if (this.view !== undefined && !supersedes(stamp, this.stamp)) return;
    this.stamp = stamp;
    const isFirst = this.view === undefined;
    this.view = view;
    if (isFirst) this.own.recall();
    this.missingBeats = 0;
    if (view.ending !== Ending.UNSPECIFIED) this.ending = view.ending;
    const ringing = view.ringLeftMs > 0 ? this.outside.now() + view.ringLeftMs + RING_GRACE_MS : Number.POSITIVE_INFINITY;
    this.ringUntil = ringing;
    const isNew = this.state === "new";
    const said = classify(view, this.outside.consents.of(view.callId) !== undefined);
    this.input(inRoom(said, this.state, this.outside.room(this), this.own.wish));
    this.settle(); // what it admits counts, whether or not it moves the call
    if (isNew && this.state === "holding") this.own.set(true);
    this.carry(view);
    if (this.unheard) this.own.insist();
  }

  /** After a new connection: says anew what the server takes for something else. */
  agree(): void {
    const view = this.view;
    if (this.state === "incoming" && this.freed) this.speech.ringing(false);
    if (view?.here !== true || !this.bound) return;
    if (this.wishes === 0) this.catchUp(view);
    if (this.unheard) void this.own.tell();
  }

  /** Whether the user talks in another call: a ring that waited behind one is rung everywhere when that is over. */
  behind(another: boolean): void {
    if (this.state !== "incoming" || !this.waits || another) return;
    this.waits = false;
    this.freed = true;
    this.speech.ringing(false);
  }

  /** A beat names it: it goes on, and what the server still does not know is told again. */
  named(): void {
    this.missingBeats = 0;
    if (this.unheard) this.own.insist();
  }

  /** Absent from two beats in a row: it is over. One may have been under way when the call was made. */
  absent(): void {
    this.missingBeats += 1;
    if (this.missingBeats >= 2) this.gone();
  }

  /** The server does not know it any more. */
  gone(): void {
    this.end(Ending.LOST, "beat.absent");
  }

  silent(): void {
    this.input("line.silent");
  }

  tick(now: number): void {
    if (now >= this.ringUntil) this.end(Ending.NO_ANSWER, "clock.ring_over");
  }

  /** The server bound this line, and media may pass or could but for a hold. */
  private get bound(): boolean {
    const media = mediaOf(this.state);
    return media === "open" || media === "silent";
  }

  /** The user holds the call, and the server does not know. */
  private get unheard(): boolean {
    return this.holds && this.view?.here === true && !this.view.holds;
  }

  private consent(): void {
    if (this.callId !== "" && !this.over) this.outside.consents.give(this.callId, this.wanted);
  }

  private end(ending: Ending, input: Input): void {
    if (step(this.state, input).ignored) return;
    if (this.ending === Ending.UNSPECIFIED) this.ending = ending;
    this.input(input);
  }

  private input(input: Input): void {
    const next = step(this.state, input);
    if (next.ignored) return this.outside.warn(`${input} does not belong to ${this.state}`);
    this.state = next.state;
    if (next.send !== undefined) this.say(next.send);
    this.settle();
    this.outside.changed();
  }

  /** Brings the media in line with what the table says of the state. */
  private settle(): void {
    const view = this.view;
    if (this.over) {
      this.endedAt ??= this.outside.now();
      this.media.close(); // first: a full storage must leave no microphone open
      return this.outside.consents.withdraw(this.callId); // whatever the server says of this call later
    }
    if (view === undefined || mediaOf(this.state) === "none") return;
    this.media.hush(mediaOf(this.state) === "silent");
    this.media.admit(admittedOf(view), view.sends?.video === true);
    if (this.state === "calling" && !this.warmed) {
      this.warmed = true;
      this.media.warm(view.relay, view.described, 0);
    }
  }

  /** What a view carries for the media of a bound call. */
  private carry(view: Call): void {
    if (!this.bound) return;
    if (!this.media.opened) this.openMedia(view);
    else if (view.relay !== undefined) this.media.relayIs(view.relay);
    if (view.peerDescription !== undefined) this.media.describedBy(view.peerDescription);
  }

  private openMedia(view: Call): void {
    const resumed = this.heldOffer === undefined && view.described > 0;
    this.catchUp(view);
    const offers = resumed || (view.role === Role.CALLEE && this.heldOffer === undefined);
    void this.media.want(this.wanted);
    if (offers) {
      // A server of before shows the generation only with the description itself.
      const skip = resumed ? Math.max(view.peerDescribed, view.peerDescription?.generation ?? 0) : 0;
      const offer = this.media.prepareOffer(view.relay, view.described, skip);
      offer.then(
        (description) => {
          if (this.over) return;
          if (description !== undefined) this.speech.describe(description);
          this.media.begin(view.relay);
        },
        (error: unknown) => this.outside.warn(String(error)), // the watch over the path gives up in its time
      );
      this.media.opened = true;
      return;
    }
    if (this.heldOffer === undefined) this.media.warm(view.relay, view.described, 0);
    this.media.begin(view.relay);
  }

  /** What the user toggled while it rang is said now; what was not admitted is wanted no longer. */
  private catchUp(view: Call): void {
    const said = wantedOf(view.sends);
    const { audio, video } = this.wanted;
    this.wanted = { audio, video: video && view.maySend?.video === true };
    if (said.audio === audio && said.video === this.wanted.video) return;
    this.set(this.wanted).catch((error: unknown) => {
      this.outside.warn(String(error));
      // What could not be said is off, as it was said; what is off stays off.
      this.wanted = { audio: this.wanted.audio && said.audio, video: this.wanted.video && said.video };
      void this.media.want(this.wanted);
    });
  }

  private say(send: Send): void {
    switch (send) {
      case "place":
        return void this.sendPlace();
      case "answer":
        return void this.sendAnswer();
      case "ringing":
        this.waits = this.outside.room(this) !== "talk";
        return this.speech.ringing(this.waits);
      case "decline":
        return this.speech.decline();
      case "hang_up":
        return this.speech.hangUp();
      case "hold":
      case "resume":
        return void this.own.tell();
      case "report_flowing":
        this.connectedAt ??= this.outside.now();
        return this.speech.flowing();
      case "report_failed":
        this.ending = Ending.MEDIA_FAILED;
        return this.speech.failed();
    }
  }

  private async sendPlace(): Promise<void> {
    try {
      const view = await this.speech.place(this.username, this.wanted);
      if (view === undefined) this.end(Ending.LOST, "refused");
      else {
        this.outside.consents.give(view.callId, this.wanted);
        this.see(view);
      }
    } catch (error) {
      this.refuse(error);
    }
    this.outside.placed(this);
  }

  private async sendAnswer(): Promise<void> {
    const view = this.view;
    if (view === undefined) return;
    this.settle();
    this.heldOffer = this.media.prepareOffer(view.relay, view.described, 0);
    try {
      const offer = await this.heldOffer;
      // Hung up meanwhile: the server, which knows of no answer, takes it for one who declines.
      if (this.over) return this.say("decline");
      await this.speech.answer(this.wanted, offer);
    } catch (error) {
      this.refuse(error);
    }
  }

  private refuse(error: unknown): void {
    this.refused = error instanceof Refused ? error : undefined;
    if (this.refused === undefined) this.outside.warn(String(error));
    this.end(endingOf(this.refused?.reason), "refused");
  }

  private mediaListener(): MediaListener {
    return {
      describe: (described) => this.speech.describe(described),
      candidates: (generation, candidates) => this.speech.candidates(generation, candidates),
      flowing: () => this.input("media.flowing"),
      lost: () => this.input("media.lost"),
      failed: () => this.input("media.failed"),
      changed: () => this.outside.changed(),
      missing: (kinds) => {
        const has = (kind: keyof Wanted) => this.wanted[kind] && !kinds.includes(kind);
        this.set({ audio: has("audio"), video: has("video") }).catch((error: unknown) => this.outside.warn(String(error)));
      },
      renewRelay: () => this.speech.renewRelay(),
      doubt: () => this.outside.doubt(),
    };
  }
}
