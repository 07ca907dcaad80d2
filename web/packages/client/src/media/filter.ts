/**
 * The allow-list through which every description of the other side passes before setRemoteDescription (S17).
 *
 * A remote description may say how media is to be carried, never that more is sent or received than was admitted:
 * sections other than one audio and one video, codecs, header extensions and attributes that this client does not
 * use are removed or refused, and directions are narrowed to what the server admitted.
 */

export interface Direction {
  /** This side may send. */
  send: boolean;
  /** This side may receive. */
  receive: boolean;
}

export interface Admitted {
  audio: Direction;
  video: Direction;
}

/** The description is none that this client takes part in. */
export class DescriptionRefused extends Error {
  override name = "DescriptionRefused";
}

const LINE_LIMIT = 1200;
const CODECS: Record<string, ReadonlySet<string>> = {
  audio: new Set(["opus/48000/2"]),
  video: new Set(["vp8/90000", "vp9/90000", "rtx/90000"]),
};
const EXTENSIONS: ReadonlySet<string> = new Set([
  "urn:ietf:params:rtp-hdrext:sdes:mid",
  "urn:ietf:params:rtp-hdrext:toffset",
  "urn:3gpp:video-orientation",
  "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
  "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
]);
const SESSION_ATTRIBUTES: ReadonlySet<string> = new Set([
  "group", "extmap-allow-mixed", "msid-semantic", "fingerprint", "ice-options", "ice-ufrag", "ice-pwd", "setup",
]);
const MEDIA_ATTRIBUTES: ReadonlySet<string> = new Set([
  "rtcp", "ice-ufrag", "ice-pwd", "ice-options", "fingerprint", "setup", "mid", "msid", "rtcp-mux", "rtcp-rsize",
  "ssrc", "ssrc-group", "candidate", "end-of-candidates", "bundle-only",
]);
const FINGERPRINTS = /^sha-(256|384|512) [0-9A-F:]{95,191}$/i;
const CANDIDATE = /^[\w+/-]{1,32} [12] (udp|tcp) \d+ [\w.:-]{1,255} \d+ typ (host|srflx|prflx|relay)( |$)/i;
/** No other character may be taken for the end of a line by whoever reads this next. */
const LINE = /^[a-z]=[^\p{Cc}\u2028\u2029]*$/u;
const DIRECTIONS: ReadonlyMap<string, readonly [sends: boolean, receives: boolean]> = new Map([
  ["sendrecv", [true, true]],
  ["sendonly", [true, false]],
  ["recvonly", [false, true]],
  ["inactive", [false, false]],
]);

/**
 * @param sdp a description of the other side (RFC 8866, as browsers write it: RFC 8829)
 * @returns what may be given to setRemoteDescription
 * @throws DescriptionRefused
 */
export function filterDescription(sdp: string, admitted: Admitted): string {
  const lines = sdp.split(/\r\n|\n/).filter((line) => line !== "");
  if (lines[0] !== "v=0") throw new DescriptionRefused("not a session description");
  if (lines.some((line) => line.length > LINE_LIMIT || !LINE.test(line))) {
    throw new DescriptionRefused("a line has no business there");
  }
  const starts = lines.flatMap((line, index) => (line.startsWith("m=") ? [index] : []));
  const session = sessionPart(lines.slice(0, starts[0] ?? lines.length));
  const sections = starts.map((start, n) => lines.slice(start, starts[n + 1] ?? lines.length));
  if (sections.length === 0 || sections.length > 2) throw new DescriptionRefused("not one audio and one video section");
  const kinds = sections.map(kindOf);
  if (new Set(kinds).size !== kinds.length) throw new DescriptionRefused("a kind appears twice");
  const parts = sections.map((section, n) => mediaPart(section, kinds[n] as keyof Admitted, admitted));
  const all = [...session, ...parts.flat()];
  if (!all.some((line) => line.startsWith("a=fingerprint:"))) throw new DescriptionRefused("no fingerprint");
  return `${all.join("\r\n")}\r\n`;
}

function kindOf(section: string[]): keyof Admitted {
  const kind = /^m=(audio|video) \d+ UDP\/TLS\/RTP\/SAVPF( \d+)+$/.exec(section[0] ?? "")?.[1];
  if (kind !== "audio" && kind !== "video") throw new DescriptionRefused("a section is neither audio nor video");
  return kind;
}

function sessionPart(lines: string[]): string[] {
  return lines.filter((line) => {
    if (/^[vost]=/.test(line)) return true;
    return line.startsWith("a=") && SESSION_ATTRIBUTES.has(nameOf(line)) && wellFormed(line);
  });
}

function mediaPart(section: string[], kind: keyof Admitted, admitted: Admitted): string[] {
  const kept = payloadsOf(section, kind);
  const [first = "", port = "", profile = "", ...payloads] = (section[0] ?? "").split(" ");
  const order = payloads.filter((payload) => kept.has(payload));
  if (order.length === 0) throw new DescriptionRefused(`no codec of ours for ${kind}`);
  const out = [[first, port, profile, ...order].join(" ")];
  let direction = "sendrecv";
  for (const line of section.slice(1)) {
    if (line.startsWith("c=")) out.push(line);
    if (!line.startsWith("a=")) continue;
    const name = nameOf(line);
    if (DIRECTIONS.has(name)) direction = name;
    else if (keeps(line, name, kept)) out.push(line);
  }
  out.push(`a=${narrowed(direction, admitted[kind])}`);
  return out;
}

function keeps(line: string, name: string, payloads: ReadonlySet<string>): boolean {
  if (name === "rtpmap" || name === "fmtp" || name === "rtcp-fb") {
    const payload = /^a=[\w-]+:(\S+)/.exec(line)?.[1] ?? "";
    return payloads.has(payload) || (name === "rtcp-fb" && payload === "*");
  }
  if (name === "extmap") return EXTENSIONS.has(/^a=extmap:\d+(?:\/\w+)? (\S+)$/.exec(line)?.[1] ?? "");
  return MEDIA_ATTRIBUTES.has(name) && wellFormed(line);
}

/** The payload types whose codec is ours, and the retransmission types that belong to them. */
function payloadsOf(section: string[], kind: keyof Admitted): ReadonlySet<string> {
  const names = new Map<string, string>();
  const repairs = new Map<string, string>();
  for (const line of section) {
    if (nameOf(line) === "rtpmap") {
      const [, payload = "", codec = ""] = /^a=rtpmap:(\d+) (\S+)$/.exec(line) ?? [];
      if (payload === "" || names.has(payload)) throw new DescriptionRefused("it is not clear what a payload is");
      names.set(payload, codec.toLowerCase());
    }
    const apt = /^a=fmtp:(\d+) apt=(\d+)$/.exec(line);
    if (apt?.[1] !== undefined && apt[2] !== undefined) repairs.set(apt[1], apt[2]);
  }
  const ours = (payload: string) => CODECS[kind]?.has(names.get(payload) ?? "") === true;
  const main = [...names.keys()].filter((payload) => ours(payload) && !isRepair(names.get(payload)));
  const repair = [...names.keys()].filter(
    (payload) => ours(payload) && isRepair(names.get(payload)) && main.includes(repairs.get(payload) ?? ""),
  );
  return new Set([...main, ...repair]);
}

function isRepair(codec: string | undefined): boolean {
  return codec?.startsWith("rtx/") === true;
}

function wellFormed(line: string): boolean {
  const name = nameOf(line);
  const value = line.slice(line.indexOf(":") + 1);
  if (name === "fingerprint") return FINGERPRINTS.test(value);
  if (name === "candidate") return CANDIDATE.test(value);
  if (name === "setup") return /^(actpass|active|passive)$/.test(value);
  return true;
}

function nameOf(line: string): string {
  return /^a=([\w-]+)/.exec(line)?.[1] ?? "";
}

/** What the other side sends is what we receive, and the other way round. */
function narrowed(direction: string, ours: Direction): string {
  const [sends, receives] = DIRECTIONS.get(direction) ?? [false, false];
  const peerSends = sends && ours.receive;
  const peerReceives = receives && ours.send;
  if (peerSends) return peerReceives ? "sendrecv" : "sendonly";
  return peerReceives ? "recvonly" : "inactive";
}
