/** Media of one call: the connection, what is captured, the two remote tracks, and the patience with a lost path. */
import type { Relay } from "../gen/ringline/v1/client_pb";
import type { Capture, Problem } from "./capture";
import { Credentials } from "./credentials";
import type { Admitted } from "./filter";
import { Notes } from "./notes";
import type { CallQuality } from "./notes";
import { PathWatch } from "./path";
import type { Described, Kind, PeerListener } from "./peer";
import { KINDS, Peer } from "./peer";
import type { Quality, Reading } from "./vitals";
import { isVoice, qualityOf } from "./vitals";

export interface MediaListener {
  describe(description: Described): void;
  candidates(generation: number, candidates: Uint8Array[]): void;
  flowing(): void;
  lost(): void;
  failed(): void;
  /** Tracks, problems or what is sent changed. */
  changed(): void;
  /** What the user wants to send cannot be had; they are shown to send nothing. */
  missing(kinds: Kind[]): void;
  /** Fresh relay credentials, or undefined where they cannot be had now. */
  renewRelay(): Promise<Relay | undefined>;
  /** Nothing comes any more: perhaps the server is not heard either. */
  doubt(): void;
}

export interface MediaOptions {
  polite: boolean;
  capture: Capture;
  mint(): string;
  create(configuration: RTCConfiguration): RTCPeerConnection;
  warn(what: string): void;
  now(): number;
  /** How the call was, when it is over; of one without a path nothing is said. */
  report?(quality: CallQuality): void;
}

export class MediaSession {
  readonly local: Partial<Record<Kind, MediaStreamTrack>> = {};
  problems: Problem[] = [];
  private readonly arrived: Partial<Record<Kind, MediaStreamTrack>> = {};
  private hushed = false;
  private peer: Peer | undefined;
  private admitted: Admitted = closedDoor();
  private wanted: Record<Kind, boolean> = { audio: false, video: false };
  private videoConfirmed = false;
  /** The server bound this line to the call. */
  opened = false;
  private open = false;
  private closed = false;
  private readonly credentials: Credentials;
  private readonly path: PathWatch;
  private seeking = false;
  /** The newest description of the other side. */
  private described = 0;
  private readonly asking = new Map<Kind, Promise<unknown>>();
  private choosing: Promise<boolean> = Promise.resolve(true);
  private reading: Reading | undefined;
  private readonly notes = new Notes();

  constructor(
    private readonly options: MediaOptions,
    private readonly listener: MediaListener,
  ) {
    this.credentials = new Credentials(() => this.listener.renewRelay());
    this.path = this.watch();
  }

  /** What comes from the other side, as long as it may be heard and seen. */
  get remote(): Partial<Record<Kind, MediaStreamTrack>> {
    return this.open && !this.hushed ? this.arrived : {};
  }

  /** The caller at dial: a connection that gathers on its own and tells nobody. */
  warm(relay: Relay | undefined, generation: number, skip: number): void {
    if (this.peer !== undefined || this.closed) return;
    this.credentials.take(relay);
    this.peer = this.createPeer(generation, skip, 1);
  }

  /** The answering side: the first offer, ready to travel with Answer. Nothing is gathered. */
  async prepareOffer(relay: Relay | undefined, generation: number, skip: number): Promise<Described | undefined> {
    this.credentials.take(relay);
    this.peer ??= this.createPeer(generation, skip, 0);
    return this.peer.prepare();
  }

  /** The server bound this line: media may pass, within `admit`. */
  begin(relay: Relay | undefined): void {
    if (this.open || this.closed) return;
    this.open = true;
    this.opened = true;
    this.notes.begin(this.options.now());
    this.credentials.take(relay);
    this.credentials.start();
    void this.peer?.commit(this.credentials.configuration(0));
    this.apply();
    this.path.start();
  }

  /** Credentials that came with a view, after the line was opened anew. */
  relayIs(relay: Relay): void {
    if (this.open && !this.closed) this.credentials.take(relay);
  }

  /**
   * @param admitted what may pass in either direction at all
   * @param confirmed the server took note that this side sends video now
   */
  admit(admitted: Admitted, confirmed: boolean): void {
    if (JSON.stringify(admitted) !== JSON.stringify(this.admitted)) {
      this.admitted = admitted;
      void this.peer?.admit(admitted);
    }
    this.videoConfirmed = confirmed;
    this.apply();
  }

  /** What the user wants to be sent. Asks for the device where it was not asked yet. */
  async want(wanted: Record<Kind, boolean>): Promise<void> {
    if (this.closed) return;
    this.wanted = { ...wanted };
    const missing = KINDS.filter((kind) => this.uses(kind) && this.local[kind] === undefined && !this.asking.has(kind));
    if (!this.uses("video")) this.release("video");
    this.apply();
    if (missing.length > 0) await this.ask(missing);
  }

  /**
   * On hold: the path stays and is looked after, nothing is sent and nothing is heard or seen, whatever comes (S9).
   * Afterwards everything is as the user wants it then. The camera is let go, for its light says that it films; the
   * microphone is kept, off and with no sender, so that a call is taken back without a question of the browser's, and
   * without finding that another program has it.
   */
  hush(on: boolean): void {
    if (on === this.hushed || this.closed) return;
    this.hushed = on;
    for (const kind of KINDS) this.deafen(this.arrived[kind]);
    void this.want(this.wanted);
    if (on || !this.open) return;
    // The state before knew no path that is up: it is told again.
    if (this.peer?.connected === true) this.listener.flowing();
    else this.path.wait();
  }

  /**
   * Takes another microphone or camera, the one that is wished for now, without a word to the other side. Where that
   * cannot be had, the one before goes on. One choice after the other: the last one counts.
   *
   * @returns whether it was taken, or will be when the user wants to send again
   */
  renew(kind: Kind): Promise<boolean> {
    this.choosing = this.choosing.then(() => this.choose(kind));
    return this.choosing;
  }

  /** How the connection did since this was asked last. */
  async quality(): Promise<Quality | undefined> {
    if (this.peer?.connected !== true) return undefined;
    const now = this.notes.take(await this.peer.stats());
    const quality = qualityOf(this.reading, now);
    this.reading = now;
    return quality;
  }

  /** The other person speaks at this moment. */
  async theySpeak(): Promise<boolean> {
    return this.peer?.connected === true && isVoice(await this.peer.loudness());
  }

  describedBy(description: Described): void {
    if (!this.open) return;
    if (description.generation !== this.described) this.path.sought();
    this.described = description.generation;
    void this.peer?.remote(description);
  }

  candidatesOf(generation: number, candidates: Uint8Array[]): void {
    if (this.open) void this.peer?.remoteCandidates(generation, candidates);
  }

  /**
   * The network changed: do not wait for the old path to be declared dead. It carries what it can until the new one does.
   * A browser says so in many words: one answer is enough for all that come while fresh credentials are on their way.
   */
  async networkChanged(): Promise<void> {
    if (!this.open || this.closed || this.seeking) return;
    this.seeking = true;
    this.path.sought();
    await this.credentials.renew();
    this.seeking = false;
    this.notes.restarts += 1;
    void this.peer?.restart(this.credentials.configuration(0));
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.path.stop();
    this.credentials.stop();
    this.peer?.close();
    this.peer = undefined;
    const quality = this.notes.quality();
    if (quality !== undefined) this.options.report?.(quality);
    for (const kind of KINDS) this.release(kind);
  }

  private createPeer(generation: number, skip: number, pool: number): Peer {
    const listener: PeerListener = {
      describe: (description) => this.listener.describe(description),
      candidates: (gen, candidates) => this.listener.candidates(gen, candidates),
      state: (state) => this.pathChanged(state),
      track: (kind, track) => {
        this.arrived[kind] = track;
        this.deafen(track);
        this.listener.changed();
      },
      replaced: (description) => this.startOver(description),
      problem: (what) => this.options.warn(what),
    };
    const options = {
      polite: this.options.polite,
      admitted: this.admitted,
      configuration: this.credentials.configuration(pool),
      generation,
      skip,
      create: this.options.create,
      name: this.options.mint(),
    };
    return new Peer(options, listener);
  }

  /** The page on the other side was loaded anew and offers from a connection that this one never met. */
  private startOver(description: Described): void {
    const generation = this.peer?.newestGeneration ?? 0;
    this.peer?.close();
    const peer = this.createPeer(generation, description.generation - 1, 0);
    this.peer = peer;
    this.apply();
    void peer.remote(description);
    this.listener.lost();
    this.path.anew();
  }

  private async ask(kinds: Kind[]): Promise<void> {
    this.tell(kinds, await this.capture(kinds));
  }

  private async choose(kind: Kind): Promise<boolean> {
    while (this.asking.has(kind)) await this.asking.get(kind);
    if (this.closed) return true;
    const before = this.local[kind];
    const device = before?.getSettings().deviceId ?? "";
    // A phone opens one camera at a time; a microphone stays until there is another.
    if (kind === "video" || !this.uses(kind) || before?.readyState === "ended") this.release(kind);
    if (!this.uses(kind)) return true;
    const problems = await this.capture([kind]);
    if (problems.length > 0 && this.local[kind] === undefined && device !== "") await this.capture([kind], device);
    this.tell([kind], problems);
    return problems.length === 0;
  }

  /** Answers what could not be had. */
  private async capture(kinds: Kind[], device?: string): Promise<Problem[]> {
    const asked = this.options.capture.get(kinds, device);
    for (const kind of kinds) this.asking.set(kind, asked);
    const { tracks, problems } = await asked;
    for (const kind of kinds) {
      this.asking.delete(kind);
      const track = tracks[kind];
      if (track === undefined) continue;
      if (this.closed || !this.uses(kind)) track.stop();
      else this.take(kind, track);
    }
    if (!this.closed) this.apply();
    return problems;
  }

  private tell(kinds: Kind[], problems: Problem[]): void {
    if (this.closed) return;
    const others = this.problems.filter((one) => !kinds.includes(one.kind));
    const known = problems.map((one): Problem => (this.local[one.kind] === undefined ? one : { ...one, kept: true }));
    this.problems = [...others, ...known];
    const missing = known.filter(({ kind, kept }) => kept !== true && this.wanted[kind]);
    if (missing.length > 0) this.listener.missing(missing.map(({ kind }) => kind));
    this.listener.changed();
  }

  /**
   * The only place where a track meets a sender: the line is bound, nobody holds the call, the user wants it, the server
   * admitted it. A muted microphone stays attached and sends silence, so that unmuting costs nothing.
   */
  private apply(): void {
    const { audio, video } = this.local;
    if (audio !== undefined) audio.enabled = this.uses("audio");
    const passes = this.open && !this.hushed;
    const sends = {
      audio: passes && this.admitted.audio.send ? audio : undefined,
      video: passes && this.admitted.video.send && this.wanted.video && this.videoConfirmed ? video : undefined,
    };
    for (const kind of KINDS) void this.peer?.send(kind, sends[kind] ?? null);
  }

  /** The user wants to send it, and it may pass. */
  private uses(kind: Kind): boolean {
    return this.wanted[kind] && !this.hushed;
  }

  private deafen(track: MediaStreamTrack | undefined): void {
    if (track !== undefined) track.enabled = !this.hushed;
  }

  private take(kind: Kind, track: MediaStreamTrack): void {
    this.release(kind);
    this.local[kind] = track;
    // It was unplugged: another one takes its place where there is one.
    track.addEventListener("ended", () => {
      if (this.local[kind] === track) void this.renew(kind);
    });
  }

  private release(kind: Kind): void {
    this.local[kind]?.stop();
    delete this.local[kind];
  }

  private pathChanged(state: RTCPeerConnectionState): void {
    if (this.closed || !this.open) return;
    if (state === "connected") {
      this.credentials.relayOnly = false;
      this.path.found();
    } else if (state === "disconnected" || state === "failed") this.path.broken();
  }

  private watch(): PathWatch {
    const { listener } = this;
    const unlessUp = (work: () => void) => {
      if (!this.closed && this.peer?.connected !== true) work();
    };
    return new PathWatch(
      {
        up: () => this.peer?.connected === true,
        settled: () => !this.seeking && this.peer?.settled === true,
        expects: () => !this.hushed,
        received: async () => this.notes.take((await this.peer?.stats()) ?? []).received,
        now: () => this.options.now(),
      },
      {
        doubt: () => listener.doubt(),
        seek: () => void this.networkChanged(),
        again: (relayOnly) =>
          unlessUp(() => {
            this.credentials.relayOnly = relayOnly && this.credentials.hasRelay;
            this.notes.restarts += 1;
            void this.peer?.restart(this.credentials.configuration(0));
          }),
        lost: () => listener.lost(),
        flowing: () => {
          this.notes.flows(this.options.now());
          listener.flowing();
        },
        failed: () => unlessUp(() => listener.failed()),
      },
    );
  }
}

function closedDoor(): Admitted {
  return { audio: { send: false, receive: false }, video: { send: false, receive: false } };
}
