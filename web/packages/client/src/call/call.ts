/** A call on this line: the table's state, the server's newest view, and what follows from both. */
import { create } from "@bufbuild/protobuf";
import type { Call, Description } from "../gen/ringline/v1/client_pb";
import { DescriptionSchema, MediaState, Role } from "../gen/ringline/v1/client_pb";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import type { Profile } from "../gen/ringline/v1/types_pb";
import { Ending, KindsSchema } from "../gen/ringline/v1/types_pb";
import type { Answered, Body } from "../line/commands";
import { Refused } from "../line/commands";
import type { Described } from "../media/peer";
import type { Direction } from "../media/filter";
import type { MediaListener } from "../media/session";
import { MediaSession } from "../media/session";
import type { MediaOptions } from "../media/session";
import type { Consents, Wanted } from "./consents";
import { wantedOf } from "./consents";
import type { Input, Send, State } from "./table";
import { mediaOf, step } from "./table";
import type { Stamp } from "./view";
import { classify, supersedes } from "./view";

const COMMAND_MS = 15_000;
/** A word that ends a call is worth saying as long as the call could live. */
const LAST_WORD_MS = 60_000;
const RING_GRACE_MS = 5_000;
/** The user takes part: there is something to turn on or off. Nothing is asked for before that, and nothing after it. */
const TAKES_PART: ReadonlySet<State> = new Set(["dialling", "calling", "answering", "connecting", "connected", "mending"]);

/** What a call needs from the line it lives on. */
export interface CallOutside {
  command(body: Body, patienceMs: number): Promise<Answered>;
  post(body: Body): void;
  consents: Consents;
  media: Omit<MediaOptions, "polite">;
  now(): number;
  /** Of the connection on which views come at this moment. */
  incarnation(): bigint;
  changed(): void;
  /** Place was answered: from now on the call has an id, or is over. */
  placed(call: LocalCall): void;
  warn(what: string): void;
}

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
    this.media = new MediaSession({ ...outside.media, polite: role === Role.CALLEE }, this.mediaListener());
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

  place(): void {
    void this.media.want(this.wanted);
    this.input("user.place");
  }

  answer(wanted: Wanted): void {
    if (step(this.state, "user.answer").ignored) return;
    this.wanted = wanted;
    this.outside.consents.give(this.callId, wanted);
    this.input("user.answer");
    void this.media.want(wanted);
  }

  decline(): void {
    this.end(Ending.DECLINED, "user.decline");
  }

  hangUp(): void {
    const answered = mediaOf(this.state) === "open";
    this.end(answered ? Ending.HUNG_UP : Ending.CANCELLED, "user.hang_up");
  }

  /** Toggles microphone or camera. Rejects with Refused where the kind is not admitted; then nothing changed. */
  async set(wanted: Wanted): Promise<void> {
    if (!TAKES_PART.has(this.state)) return;
    const before = this.wanted;
    this.wanted = wanted;
    this.consent();
    const captured = this.media.want(wanted);
    this.outside.changed();
    if (mediaOf(this.state) !== "open") return;
    this.wishes += 1;
    try {
      const kinds = create(KindsSchema, wanted);
      await this.command({ case: "setMedia", value: { $typeName: "ringline.v1.SetMedia", callId: this.callId, kinds } });
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
    this.view = view;
    this.missingBeats = 0;
    if (view.ending !== Ending.UNSPECIFIED) this.ending = view.ending;
    const ringing = view.ringLeftMs > 0 ? this.outside.now() + view.ringLeftMs + RING_GRACE_MS : Number.POSITIVE_INFINITY;
    this.ringUntil = ringing;
    this.input(classify(view, this.outside.consents.of(view.callId) !== undefined));
    this.settle(); // what it admits counts, whether or not it moves the call
    this.carry(view);
  }

  /** After a new connection: says anew what this side sends where the server takes it for something else. */
  agree(): void {
    const view = this.view;
    if (view?.here === true && mediaOf(this.state) === "open" && this.wishes === 0) this.catchUp(view);
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
      this.outside.consents.withdraw(this.callId); // whatever the server says of this call later
      return this.media.close();
    }
    if (view === undefined || mediaOf(this.state) === "none") return;
    this.media.admit(
      { audio: direction(view, "audio"), video: direction(view, "video") },
      view.sends?.video === true,
    );
    if (this.state === "calling" && !this.warmed) {
      this.warmed = true;
      this.media.warm(view.relay, view.described, 0);
    }
  }

  /** What a view carries for the media of a bound call. */
  private carry(view: Call): void {
    if (mediaOf(this.state) !== "open") return;
    if (!this.media.opened) this.openMedia(view);
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
          if (description !== undefined) this.describe(description);
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
    const callId = this.callId;
    switch (send) {
      case "place":
        return void this.sendPlace();
      case "answer":
        return void this.sendAnswer();
      case "ringing":
        return this.outside.post({ case: "ringing", value: { $typeName: "ringline.v1.Ringing", callId, waits: false } });
      case "decline":
        return this.lastWord({ case: "decline", value: { $typeName: "ringline.v1.Decline", callId, everywhere: true } });
      case "hang_up":
        return this.lastWord({ case: "hangUp", value: { $typeName: "ringline.v1.HangUp", callId } });
      case "report_flowing":
        this.connectedAt ??= this.outside.now();
        return this.report(MediaState.FLOWING);
      case "report_failed":
        this.ending = Ending.MEDIA_FAILED;
        return this.report(MediaState.FAILED);
    }
  }

  private async sendPlace(): Promise<void> {
    const kinds = create(KindsSchema, { audio: this.wanted.audio, video: this.wanted.video });
    const binding = new Uint8Array();
    try {
      const value = { $typeName: "ringline.v1.Place", username: this.username, kinds, binding } as const;
      const answer = await this.outside.command({ case: "place", value }, COMMAND_MS);
      const view = answer.case === "done" ? answer.value.call : undefined;
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
      const kinds = create(KindsSchema, { audio: this.wanted.audio, video: this.wanted.video });
      const binding = new Uint8Array();
      const value = { $typeName: "ringline.v1.Answer", callId: view.callId, kinds, binding } as const;
      const described = offer === undefined ? {} : { description: description(offer) };
      await this.command({ case: "answer", value: { ...value, ...described } });
    } catch (error) {
      this.refuse(error);
    }
  }

  private refuse(error: unknown): void {
    this.refused = error instanceof Refused ? error : undefined;
    if (this.refused === undefined) this.outside.warn(String(error));
    this.end(endingOf(this.refused?.reason), "refused");
  }

  private lastWord(body: Body): void {
    this.command(body, LAST_WORD_MS).catch((error: unknown) => this.outside.warn(String(error)));
  }

  private report(state: MediaState): void {
    const value = { $typeName: "ringline.v1.Report", callId: this.callId, state } as const;
    this.lastWord({ case: "report", value });
  }

  private describe(described: Described): void {
    const value = { $typeName: "ringline.v1.Describe", callId: this.callId } as const;
    this.lastWord({ case: "describe", value: { ...value, description: description(described) } });
  }

  /** Sends a command about this call; the answer brings the call as it is now. */
  private async command(body: Body, patienceMs = COMMAND_MS): Promise<Answered> {
    const answer = await this.outside.command(body, patienceMs);
    const view = answer.case === "done" ? answer.value.call : undefined;
    if (view?.callId === this.callId) this.see(view);
    return answer;
  }

  private mediaListener(): MediaListener {
    return {
      describe: (described) => this.describe(described),
      candidates: (generation, candidates) => {
        const value = { $typeName: "ringline.v1.AddCandidates", callId: this.callId, generation, candidates } as const;
        this.outside.post({ case: "addCandidates", value });
      },
      flowing: () => this.input("media.flowing"),
      lost: () => this.input("media.lost"),
      failed: () => this.input("media.failed"),
      changed: () => this.outside.changed(),
      missing: (kinds) => {
        const has = (kind: keyof Wanted) => this.wanted[kind] && !kinds.includes(kind);
        this.set({ audio: has("audio"), video: has("video") }).catch((error: unknown) => this.outside.warn(String(error)));
      },
      renewRelay: async () => {
        const value = { $typeName: "ringline.v1.RenewRelay", callId: this.callId } as const;
        const answer = await this.command({ case: "renewRelay", value }).catch(() => undefined);
        return answer?.case === "relay" ? answer.value : undefined;
      },
    };
  }
}

/** A call that the server knows and this page does not: an incoming one, or one from before a reload. */
export function wantedFor(view: Call, consents: Consents): Wanted {
  const consented = consents.of(view.callId);
  if (consented === undefined) return { audio: true, video: false };
  const sends = wantedOf(view.sends);
  return view.here ? { audio: consented.audio && sends.audio, video: consented.video && sends.video } : consented;
}

/** A refused call or answer has no ending of the server's. */
function endingOf(reason: Reason | undefined): Ending {
  if (reason === Reason.ANSWERED_ELSEWHERE) return Ending.ANSWERED_ELSEWHERE;
  return reason === undefined || reason === Reason.UNAVAILABLE ? Ending.LOST : Ending.UNSPECIFIED;
}

function direction(view: Call, kind: "audio" | "video"): Direction {
  return { send: view.maySend?.[kind] === true, receive: view.peerMaySend?.[kind] === true };
}

function description(described: Described): Description {
  return create(DescriptionSchema, described as never);
}
