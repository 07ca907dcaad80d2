/** For tests: an RTCPeerConnection in what decides about sending: states, transceivers, what a description does to them. */
import type { Kind } from "./peer";

const FINGERPRINT = `sha-256 ${Array.from({ length: 32 }, () => "AB").join(":")}`;
const CODECS: Record<string, [payload: number, name: string]> = { audio: [111, "opus/48000/2"], video: [96, "VP8/90000"] };
const REVERSED: Record<string, string> = { sendrecv: "sendrecv", sendonly: "recvonly", recvonly: "sendonly", inactive: "inactive" };

export interface Section {
  kind: string;
  direction: string;
}

/** A session description as browsers write it, with these sections. */
export function sdpOf(sections: readonly Section[], ufrag = "abcd"): string {
  const head = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0"];
  const parts = sections.flatMap(({ kind, direction }, mid) => {
    const [payload, name] = CODECS[kind] ?? [0, "PCMU/8000"];
    return [
      `m=${kind} 9 UDP/TLS/RTP/SAVPF ${payload}`, "c=IN IP4 0.0.0.0", `a=ice-ufrag:${ufrag}`, "a=ice-pwd:0123456789012345678901",
      `a=fingerprint:${FINGERPRINT}`, "a=setup:actpass", `a=mid:${mid}`, `a=rtpmap:${payload} ${name}`, `a=${direction}`, "a=rtcp-mux",
    ];
  });
  return [...head, ...parts, ""].join("\r\n");
}

function sectionsOf(sdp: string): Section[] {
  return sdp.split("\r\nm=").slice(1).map((part) => ({
    kind: part.slice(0, part.indexOf(" ")),
    direction: /^a=(sendrecv|sendonly|recvonly|inactive)\r?$/m.exec(part)?.[1] ?? "sendrecv",
  }));
}

export class FakeTrack {
  readyState = "live";
  enabled = true;

  /** @param device the id of the device that it comes from */
  constructor(
    readonly kind: Kind,
    readonly device: string = kind,
  ) {}

  getSettings() {
    return { deviceId: this.device };
  }

  addEventListener(): void {}

  stop(): void {
    this.readyState = "ended";
  }
}

export class FakeTransceiver {
  mid: number | undefined;
  readonly receiver: { track: FakeTrack; getStats(): Promise<Map<string, unknown>> };
  readonly sender = {
    track: null as FakeTrack | null,
    replaceTrack: (track: FakeTrack | null) => {
      this.sender.track = track;
      return Promise.resolve();
    },
  };

  constructor(
    kind: Kind,
    private way: string,
    private readonly turned: () => void,
  ) {
    this.receiver = { track: new FakeTrack(kind), getStats: () => Promise.resolve(new Map()) };
  }

  get direction(): string {
    return this.way;
  }

  set direction(way: string) {
    this.way = way;
    this.turned();
  }

  setCodecPreferences(): void {}
}

type Event = { candidate: { candidate: string; sdpMid: string; usernameFragment: string } | null };

export class FakeConnection {
  connectionState = "new";
  signalingState = "stable";
  onicecandidate: ((event: Event) => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  ontrack: ((event: unknown) => void) | null = null;
  onnegotiationneeded: (() => void) | null = null;
  readonly transceivers: FakeTransceiver[] = [];
  /** How many descriptions of this side were applied, and how many offers looked for a path anew. */
  applied = 0;
  restarts = 0;
  /** As it was set last. */
  configuration: RTCConfiguration | undefined;
  private remote: Section[] = [];
  /** The kinds of the sections, in their order: as agreed, and as offered. A later description only adds to them. */
  private agreed: string[] = [];
  private offered: string[] = [];
  private ufrag = 0;

  addTransceiver(kind: Kind, { direction }: { direction: string }): FakeTransceiver {
    const negotiate = () => void (this.signalingState === "stable" && this.onnegotiationneeded?.());
    const made = new FakeTransceiver(kind, direction, () => queueMicrotask(negotiate));
    this.transceivers.push(made);
    return made;
  }

  getTransceivers(): FakeTransceiver[] {
    return this.transceivers;
  }

  createOffer(options?: { iceRestart?: boolean }) {
    if (options?.iceRestart === true) this.restarts += 1;
    if (this.ufrag === 0 || options?.iceRestart === true) this.ufrag += 1;
    const sections = this.transceivers.map(({ receiver, direction }) => ({ kind: receiver.track.kind, direction }));
    return this.whileOpen({ type: "offer", sdp: sdpOf(sections, `ufrag${this.ufrag}`) });
  }

  createAnswer() {
    this.ufrag += 1;
    const sections = this.remote.map(({ kind, direction }, mid) => {
      const ours = this.transceivers.find((one) => one.mid === mid)?.direction ?? "inactive";
      const has = (way: "send" | "recv", all: string) => all === "sendrecv" || all.startsWith(way);
      const send = has("send", ours) && has("recv", direction);
      const receive = has("recv", ours) && has("send", direction);
      return { kind, direction: send ? (receive ? "sendrecv" : "sendonly") : receive ? "recvonly" : "inactive" };
    });
    return this.whileOpen({ type: "answer", sdp: sdpOf(sections, `ufrag${this.ufrag}`) });
  }

  async setLocalDescription({ type, sdp }: { type: string; sdp: string }): Promise<void> {
    await this.whileOpen(undefined);
    if (type === "answer" && this.signalingState !== "have-remote-offer") throw new Error("InvalidStateError");
    this.applied += 1;
    this.signalingState = type === "answer" ? "stable" : "have-local-offer";
    if (type === "offer") this.transceivers.forEach((one, n) => (one.mid ??= n));
    const kinds = sectionsOf(sdp).map(({ kind }) => kind);
    if (type === "offer") this.offered = kinds;
    else this.agreed = kinds;
    const usernameFragment = /^a=ice-ufrag:(.+)\r$/m.exec(sdp)?.[1] ?? "";
    const candidate = { candidate: "candidate:1 1 udp 1 192.0.2.7 9 typ host", sdpMid: "0", usernameFragment };
    queueMicrotask(() => this.onicecandidate?.({ candidate }));
  }

  /** A new offer makes transceivers that only receive, as in a browser; an offer in the wrong moment rolls ours back. */
  async setRemoteDescription({ type, sdp }: { type: string; sdp: string }): Promise<void> {
    await this.whileOpen(undefined);
    if (type === "answer" && this.signalingState !== "have-local-offer") throw new Error("InvalidStateError");
    if (type === "offer" && this.signalingState === "have-local-offer") {
      for (const one of this.transceivers.filter(({ mid }) => (mid ?? 0) >= this.agreed.length)) one.mid = undefined;
    }
    const sections = sectionsOf(sdp);
    const known = type === "answer" ? this.offered : this.agreed;
    const fits = known.every((kind, n) => sections[n]?.kind === kind) && (type === "offer" || sections.length === known.length);
    if (!fits) throw new Error("InvalidAccessError: the order of the sections changed");
    this.signalingState = type === "answer" ? "stable" : "have-remote-offer";
    if (type === "answer") this.agreed = known;
    this.remote = sections;
    this.remote.forEach(({ kind, direction }, mid) => {
      let transceiver = this.transceivers.find((one) => one.mid === mid);
      if (transceiver === undefined) {
        transceiver = this.addTransceiver(kind as Kind, { direction: "recvonly" });
        transceiver.mid = mid;
      }
      if (REVERSED[direction] !== "sendonly") this.ontrack?.({ track: transceiver.receiver.track, transceiver });
    });
  }

  addIceCandidate(): Promise<void> {
    return this.whileOpen(undefined);
  }

  setConfiguration(configuration: RTCConfiguration): void {
    this.configuration = configuration;
  }

  getStats(): Promise<Map<string, unknown>> {
    return Promise.resolve(new Map());
  }

  close(): void {
    this.connectionState = this.signalingState = "closed";
  }

  /** The path becomes this. */
  become(state: string): void {
    if (this.connectionState === "closed") return;
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  /** The other side's tracks come. */
  arrives(): void {
    for (const transceiver of this.transceivers) this.ontrack?.({ track: transceiver.receiver.track, transceiver });
  }

  /** The kinds that leave this device, silent or not. */
  get sends(): Kind[] {
    if (this.connectionState === "closed") return [];
    return this.transceivers.filter((one) => one.sender.track !== null).map((one) => one.receiver.track.kind);
  }

  /** The kinds that are decoded into something that could be heard or seen. */
  get hears(): Kind[] {
    return this.transceivers.map((one) => one.receiver.track).filter((track) => track.enabled).map((track) => track.kind);
  }

  private whileOpen<T>(value: T): Promise<T> {
    return this.connectionState === "closed" ? Promise.reject(new Error("InvalidStateError")) : Promise.resolve(value);
  }
}
