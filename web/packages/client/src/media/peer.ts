/**
 * One RTCPeerConnection of one call: one audio and one video transceiver for its whole life.
 *
 * The answering line makes the first offer. After that either side may (perfect negotiation, W3C WebRTC 10.7); the
 * callee is the polite one. What is sent is decided here, by the tracks and directions that this side sets, never by
 * a description of the other side.
 */
import type { Admitted } from "./filter";
import { filterDescription } from "./filter";
import type { Candidate } from "./candidates";
import { CandidateBatch, decodeCandidate, encodeCandidate } from "./candidates";
import type { Session } from "./description";
import { decodeSession, encodeSession } from "./description";

export type Kind = "audio" | "video";
export const KINDS: readonly Kind[] = ["audio", "video"];

/** A description as the contract has it (client.proto). */
export interface Described {
  generation: number;
  answers: number;
  body: Uint8Array;
  candidates: Uint8Array[];
}

export interface PeerListener {
  describe(description: Described): void;
  candidates(generation: number, candidates: Uint8Array[]): void;
  state(state: RTCPeerConnectionState): void;
  track(kind: Kind, track: MediaStreamTrack): void;
  /** The other side began anew with another connection; this one is of no use any more. */
  replaced(description: Described): void;
  problem(what: string): void;
}

export interface PeerOptions {
  polite: boolean;
  admitted: Admitted;
  configuration: RTCConfiguration;
  /** The highest generation that this line has used in this call. */
  generation: number;
  /** Descriptions of the other side up to this generation are of an earlier connection. */
  skip: number;
  create(configuration: RTCConfiguration): RTCPeerConnection;
  /** Random name of this connection. */
  name: string;
}

const CODEC_ORDER: Record<Kind, readonly string[]> = {
  audio: ["audio/opus"],
  video: ["video/vp8", "video/vp9", "video/rtx"],
};
const INLINE_CANDIDATES = 30;

export class Peer {
  private readonly pc: RTCPeerConnection;
  private readonly batch: CandidateBatch;
  private readonly tracks: Record<Kind, MediaStreamTrack | null> = { audio: null, video: null };
  private admitted: Admitted;
  private generation: number;
  private offerGeneration = 0;
  private remoteGeneration: number;
  private remoteName: string | undefined;
  private makingOffer = false;
  private begun = false;
  private closed = false;
  private prepared: RTCSessionDescriptionInit | undefined;
  private gathered: { ufrag: string; candidates: Uint8Array[] } = { ufrag: "", candidates: [] };
  private early: { generation: number; candidates: Uint8Array[] }[] = [];
  private readonly added = new Set<string>();
  private queue: Promise<void> = Promise.resolve();

  constructor(
    private readonly options: PeerOptions,
    private readonly listener: PeerListener,
  ) {
    this.admitted = options.admitted;
    this.generation = options.generation;
    this.remoteGeneration = options.skip;
    this.pc = options.create(options.configuration);
    this.batch = new CandidateBatch((candidates) => listener.candidates(this.generation, candidates));
    this.pc.onicecandidate = ({ candidate }) => this.gather(candidate);
    this.pc.onconnectionstatechange = () => listener.state(this.pc.connectionState);
    this.pc.ontrack = ({ track, transceiver }) => this.arrived(track, transceiver);
    this.pc.onnegotiationneeded = () => {
      if (this.begun) void this.run(() => this.offer(false));
    };
  }

  /** Makes the first offer without applying it: nothing is gathered and nothing leaves this device yet. */
  async prepare(): Promise<Described> {
    for (const kind of KINDS) {
      const transceiver = this.pc.addTransceiver(kind, { direction: this.direction(kind) });
      preferCodecs(transceiver, kind);
    }
    const offer = await this.pc.createOffer();
    this.prepared = offer;
    return this.next(offer, 0);
  }

  /** The server said yes: applies the prepared offer. Gathering starts now. */
  commit(configuration: RTCConfiguration): Promise<void> {
    return this.run(async () => {
      const offer = this.prepared;
      this.prepared = undefined;
      if (offer === undefined) return;
      this.configure(configuration);
      await this.pc.setLocalDescription(offer);
      this.begun = true;
      await this.attachAll();
    });
  }

  /** A description of the other side; what is old or known is ignored. */
  remote(description: Described): Promise<void> {
    return this.run(() => this.accept(description));
  }

  remoteCandidates(generation: number, candidates: Uint8Array[]): Promise<void> {
    return this.run(async () => {
      if (generation > this.remoteGeneration) this.early.push({ generation, candidates });
      else await this.addCandidates(candidates);
    });
  }

  /** What this side sends of a kind from now on; null sends nothing. No negotiation: the other side hears no gap. */
  send(kind: Kind, track: MediaStreamTrack | null): Promise<void> {
    this.tracks[kind] = track;
    return this.run(() => this.attach(kind));
  }

  admit(admitted: Admitted): Promise<void> {
    this.admitted = admitted;
    return this.run(() => this.attachAll());
  }

  /** Looks for a path anew, with fresh relay credentials or through the relay only. */
  restart(configuration?: RTCConfiguration): Promise<void> {
    return this.run(async () => {
      if (configuration !== undefined) this.configure(configuration);
      if (this.begun) await this.offer(true);
    });
  }

  /** Nothing that was offered waits for its answer. */
  get settled(): boolean {
    return this.pc.signalingState === "stable";
  }

  get connected(): boolean {
    return this.pc.connectionState === "connected";
  }

  /** The highest generation that this line has used. */
  get newestGeneration(): number {
    return this.generation;
  }

  async stats(): Promise<Iterable<Record<string, unknown>>> {
    const found: Record<string, unknown>[] = [];
    (await this.pc.getStats()).forEach((report) => found.push(report as Record<string, unknown>));
    return found;
  }

  /** How loud the other side is at this moment, from 0 to 1; as decoded: packets tell nobody on the way how loud they are. */
  async loudness(): Promise<number> {
    let level = 0;
    (await this.transceiver("audio")?.receiver.getStats())?.forEach((report: { audioLevel?: number }) => {
      level = Math.max(level, report.audioLevel ?? 0);
    });
    return level;
  }

  close(): void {
    this.closed = true;
    this.batch.stop();
    this.pc.onicecandidate = null;
    this.pc.onconnectionstatechange = null;
    this.pc.ontrack = null;
    this.pc.onnegotiationneeded = null;
    this.pc.close();
  }

  private async accept(description: Described): Promise<void> {
    if (description.generation < this.remoteGeneration) return;
    if (description.generation === this.remoteGeneration) return this.addCandidates(description.candidates);
    const session = decodeSession(description.body);
    if (session === undefined) return this.listener.problem("a description cannot be read");
    if (this.remoteName !== undefined && session.connection !== this.remoteName) {
      return this.listener.replaced(description);
    }
    // Both made their first offer: rolled back, ours would leave transceivers behind that belong to nothing.
    const first = this.remoteName === undefined && this.pc.signalingState === "have-local-offer";
    if (first && session.type === "offer" && this.options.polite) return this.listener.replaced(description);
    this.remoteGeneration = description.generation;
    if (session.type === "answer") await this.acceptAnswer(description, session);
    else await this.acceptOffer(description, session);
    await this.addCandidates(description.candidates);
    const early = this.early.filter((batch) => batch.generation <= this.remoteGeneration);
    this.early = this.early.filter((batch) => batch.generation > this.remoteGeneration);
    for (const batch of early) await this.addCandidates(batch.candidates);
  }

  private async acceptAnswer(description: Described, session: Session): Promise<void> {
    if (this.pc.signalingState !== "have-local-offer" || description.answers !== this.offerGeneration) return;
    const sdp = filterDescription(session.sdp, this.admitted);
    await this.pc.setRemoteDescription({ type: "answer", sdp });
    this.remoteName = session.connection;
    await this.attachAll();
  }

  private async acceptOffer(description: Described, session: Session): Promise<void> {
    const collision = this.makingOffer || this.pc.signalingState !== "stable";
    if (collision && !this.options.polite) return;
    const sdp = filterDescription(session.sdp, this.admitted);
    await this.pc.setRemoteDescription({ type: "offer", sdp });
    this.remoteName = session.connection;
    for (const kind of KINDS) {
      const transceiver = this.transceiver(kind);
      if (transceiver !== undefined && !this.begun) preferCodecs(transceiver, kind);
    }
    await this.attachAll();
    const answer = await this.pc.createAnswer();
    const described = this.next(answer, description.generation);
    await this.pc.setLocalDescription(answer);
    this.begun = true;
    this.listener.describe(described);
  }

  private async offer(iceRestart: boolean): Promise<void> {
    const state = this.pc.signalingState;
    if (state !== "stable" && !(iceRestart && state === "have-local-offer")) return;
    this.makingOffer = true;
    try {
      const offer = await this.pc.createOffer({ iceRestart });
      const described = this.next(offer, 0);
      await this.pc.setLocalDescription(offer);
      this.listener.describe(described);
    } finally {
      this.makingOffer = false;
    }
  }

  /** Gives a description its generation, with the candidates that still belong to it. */
  private next(local: RTCSessionDescriptionInit, answers: number): Described {
    const sdp = local.sdp ?? "";
    const ufrag = /^a=ice-ufrag:(.+)$/m.exec(sdp)?.[1]?.trim() ?? "";
    const known = ufrag === this.gathered.ufrag ? this.gathered.candidates.slice(0, INLINE_CANDIDATES) : [];
    if (ufrag !== this.gathered.ufrag) this.gathered = { ufrag, candidates: [] };
    this.batch.restart();
    this.generation += 1;
    if (local.type === "offer") this.offerGeneration = this.generation;
    const type = local.type === "answer" ? "answer" : "offer";
    const body = encodeSession({ connection: this.options.name, type, sdp });
    return { generation: this.generation, answers, body, candidates: known };
  }

  private gather(candidate: RTCIceCandidate | null): void {
    if (candidate === null || candidate.candidate === "" || this.closed) return;
    const bytes = encodeCandidate(candidate);
    if (bytes === undefined) return;
    const ufrag = candidate.usernameFragment;
    if (ufrag === null || ufrag === this.gathered.ufrag) this.gathered.candidates.push(bytes);
    this.batch.add(bytes);
  }

  private async addCandidates(candidates: Uint8Array[]): Promise<void> {
    if (this.remoteName === undefined) return;
    for (const bytes of candidates) {
      const candidate = decodeCandidate(bytes);
      if (candidate === undefined || !this.fresh(candidate)) continue;
      try {
        await this.pc.addIceCandidate({
          candidate: candidate.candidate,
          sdpMid: candidate.mid,
          usernameFragment: candidate.ufrag === "" ? null : candidate.ufrag,
        });
      } catch (error) {
        // One for a path that was given up meanwhile, or one that this browser cannot read: the others remain.
        this.listener.problem(`a candidate was refused: ${String(error)}`);
      }
    }
  }

  /** The size of the pool may not change once candidates are gathered. */
  private configure(configuration: RTCConfiguration): void {
    const iceCandidatePoolSize = this.options.configuration.iceCandidatePoolSize ?? 0;
    this.pc.setConfiguration({ ...configuration, iceCandidatePoolSize });
  }

  /** The same candidate comes by itself and again with the next view. */
  private fresh(candidate: Candidate): boolean {
    const key = JSON.stringify(candidate);
    if (this.added.has(key)) return false;
    this.added.add(key);
    return true;
  }

  private async attachAll(): Promise<void> {
    for (const kind of KINDS) await this.attach(kind);
  }

  private async attach(kind: Kind): Promise<void> {
    const transceiver = this.transceiver(kind);
    if (transceiver === undefined) return;
    const direction = this.direction(kind);
    if (transceiver.direction !== direction) transceiver.direction = direction;
    const track = this.admitted[kind].send ? this.tracks[kind] : null;
    if (transceiver.sender.track !== track) await transceiver.sender.replaceTrack(track);
  }

  private direction(kind: Kind): RTCRtpTransceiverDirection {
    const { send, receive } = this.admitted[kind];
    if (send) return receive ? "sendrecv" : "sendonly";
    return receive ? "recvonly" : "inactive";
  }

  private transceiver(kind: Kind): RTCRtpTransceiver | undefined {
    return this.pc.getTransceivers().find((one) => one.receiver.track.kind === kind);
  }

  private arrived(track: MediaStreamTrack, transceiver: RTCRtpTransceiver): void {
    const kind = KINDS.find((one) => one === track.kind);
    if (kind !== undefined && this.transceiver(kind) === transceiver) this.listener.track(kind, track);
  }

  /** One thing after the other, in the order in which it was asked. */
  private run(work: () => Promise<void> | void): Promise<void> {
    this.queue = this.queue.then(async () => {
      if (this.closed) return;
      try {
        await work();
      } catch (error) {
        if (!this.closed) this.listener.problem(String(error));
      }
    });
    return this.queue;
  }
}

/** VP8 before VP9: encoded transforms work on both, and nothing else is offered. */
function preferCodecs(transceiver: RTCRtpTransceiver, kind: Kind): void {
  const known = RTCRtpReceiver.getCapabilities(kind)?.codecs ?? [];
  const order = CODEC_ORDER[kind];
  const rank = (mime: string) => order.indexOf(mime.toLowerCase());
  const wanted = known.filter((codec) => rank(codec.mimeType) >= 0);
  wanted.sort((a, b) => rank(a.mimeType) - rank(b.mimeType));
  if (wanted.length > 0) transceiver.setCodecPreferences(wanted);
}
