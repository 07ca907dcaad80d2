import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Admitted } from "./filter";
import { DescriptionRefused, filterDescription } from "./filter";

const FINGERPRINT = `sha-256 ${Array.from({ length: 32 }, () => "AB").join(":")}`;
const both = { send: true, receive: true };
const all: Admitted = { audio: both, video: both };
const audioOnly: Admitted = { audio: both, video: { send: false, receive: false } };

function section(kind: "audio" | "video", direction = "sendrecv", extra: string[] = []): string[] {
  const [payloads, maps] =
    kind === "audio"
      ? ["111 0", ["a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1", "a=rtpmap:0 PCMU/8000"]]
      : ["96 97 98 99", ["a=rtpmap:96 VP8/90000", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "a=rtpmap:98 H264/90000", "a=rtpmap:99 rtx/90000", "a=fmtp:99 apt=98"]];
  return [
    `m=${kind} 9 UDP/TLS/RTP/SAVPF ${payloads}`,
    "c=IN IP4 0.0.0.0",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:0123456789012345678901",
    `a=fingerprint:${FINGERPRINT}`,
    "a=setup:actpass",
    `a=mid:${kind}`,
    ...maps,
    `a=${direction}`,
    "a=rtcp-mux",
    ...extra,
  ];
}

function sdp(...sections: string[][]): string {
  return ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE audio video", ...sections.flat(), ""].join("\r\n");
}

function directions(filtered: string): string[] {
  return filtered.split("\r\n").filter((line) => /^a=(sendrecv|sendonly|recvonly|inactive)$/.test(line));
}

describe("the filter of remote descriptions (S17)", () => {
  it("keeps what a call needs", () => {
    const filtered = filterDescription(sdp(section("audio"), section("video")), all);
    expect(filtered).toContain("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n");
    expect(filtered).toContain("m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n");
    expect(filtered).toContain("a=fmtp:97 apt=96");
    expect(directions(filtered)).toEqual(["a=sendrecv", "a=sendrecv"]);
  });

  it("removes codecs, extensions and attributes that are not ours", () => {
    const extra = ["a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level", "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", "a=simulcast:send h;m", "a=rid:h send", "a=crypto:1 x", "i=title"];
    const filtered = filterDescription(sdp(section("audio", "sendrecv", extra), section("video")), all);
    for (const gone of ["PCMU", "H264", "apt=98", "audio-level", "simulcast", "a=rid", "crypto", "i=title"]) {
      expect(filtered).not.toContain(gone);
    }
    expect(filtered).toContain("a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid");
  });

  it("never lets the other side widen what was admitted (S17)", () => {
    const filtered = filterDescription(sdp(section("audio"), section("video")), audioOnly);
    expect(directions(filtered)).toEqual(["a=sendrecv", "a=inactive"]);
    const oneWay = { audio: both, video: { send: false, receive: true } };
    expect(directions(filterDescription(sdp(section("audio"), section("video")), oneWay))[1]).toBe("a=sendonly");
  });

  it("reads a missing direction and the last of several as browsers do, and narrows it all the same", () => {
    const forged = section("video", "inactive", ["a=sendrecv"]);
    expect(directions(filterDescription(sdp(section("audio"), forged), audioOnly))).toEqual(["a=sendrecv", "a=inactive"]);
    const bare = section("video").filter((line) => line !== "a=sendrecv");
    expect(directions(filterDescription(sdp(section("audio"), bare), audioOnly))[1]).toBe("a=inactive");
  });

  it.each([
    ["three sections", sdp(section("audio"), section("video"), section("video"))],
    ["the same kind twice", sdp(section("audio"), section("audio"))],
    ["a data channel", sdp(section("audio"), ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel"])],
    ["media without encryption", sdp(section("audio")).replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")],
    ["no fingerprint", sdp(section("audio")).replaceAll(/a=fingerprint.*\r\n/g, "")],
    ["a weak fingerprint", sdp(section("audio")).replaceAll("sha-256", "md5")],
    ["only codecs of others", sdp(section("audio")).replace("opus", "G729")],
    ["no section", sdp()],
    ["a line without a type", `${sdp(section("audio"))}hello\r\n`],
    ["something else", "hello"],
  ])("refuses %s", (_, text) => {
    expect(() => filterDescription(text, all)).toThrow(DescriptionRefused);
  });

  it("removes candidates that are none", () => {
    const good = "a=candidate:1 1 udp 2122 192.0.2.1 5000 typ host generation 0";
    const bad = "a=candidate:1 1 udp 2122 192.0.2.1 5000 typ evil";
    const filtered = filterDescription(sdp(section("audio", "sendrecv", [good, bad])), all);
    expect(filtered).toContain("typ host");
    expect(filtered).not.toContain("typ evil");
  });

  it("refuses what a parser could take for the end of a line", () => {
    for (const inside of ["a=mid:0\ra=sendrecv", "a=mid:0\u0000", "a=mid:0\u2028a=sendrecv"]) {
      expect(() => filterDescription(sdp(section("audio", "sendrecv", [inside])), all)).toThrow(DescriptionRefused);
    }
  });

  it("keeps no second name for a payload that it knows", () => {
    for (const second of ["a=rtpmap:111 G729/8000", "a=rtpmap:111 G729/8000 ", "a=rtpmap:111  G729/8000"]) {
      for (const lines of [[second, ...section("audio").slice(1)], [...section("audio").slice(1), second]]) {
        const forged = [section("audio")[0] ?? "", ...lines];
        expect(filtered(sdp(forged), all) ?? "").not.toContain("G729");
      }
    }
  });

  it("lets through nothing that was not admitted and adds nothing, whatever is put in, taken out or moved (S17)", () => {
    let through = 0;
    fc.assert(
      fc.property(forgeries, doors, (text, admitted) => {
        const out = filtered(text, admitted);
        if (out === undefined) return;
        through += 1;
        const given = new Set(text.split(/\r\n|\n/));
        const parts = out.trimEnd().split("\r\nm=");
        expect(parts.length).toBeGreaterThan(1);
        const kinds = parts.slice(1).map((part) => part.slice(0, part.indexOf(" ")) as "audio" | "video");
        expect(kinds).toEqual([...new Set(kinds)].filter((kind) => kind === "audio" || kind === "video"));
        expect(kinds).toEqual([...text.matchAll(/^m=(\w+)/gm)].map((match) => match[1]));
        for (const [n, kind] of kinds.entries()) lookAt(parts[n + 1] ?? "", kind, admitted, given);
        expect(filtered(out, admitted)).toBe(out);
      }),
      { numRuns: 3000 },
    );
    expect(through).toBeGreaterThan(300);
  });
});

const pool = [
  ...section("audio"), ...section("video"), "a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive", "a=sendrecv:1", "a=sendrecv ",
  "a=Sendrecv", "a=constructor", "a=__proto__", "a=toString", "m=video 9 UDP/TLS/RTP/SAVPF 96", "m=audio 0 RTP/AVP 0",
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=rtpmap:96 H264/90000", "a=rtpmap:111 G729/8000", "a=rtpmap:97 VP8/90000",
  "a=fmtp:97 apt=98", "a=simulcast:send h", "a=rid:h send", "a=sctp-port:5000", "a=crypto:1 x inline:y", "a=bundle-only",
  "a=extmap:9 urn:ietf:params:rtp-hdrext:ssrc-audio-level", "a=ice-lite", "a=identity:x", "b=AS:9", "i=x", "k=prompt", "v=0", "",
];
const edit = fc.record({
  at: fc.nat({ max: 60 }),
  take: fc.integer({ min: 0, max: 3 }),
  put: fc.array(fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...pool) }, { weight: 1, arbitrary: fc.string({ maxLength: 12 }) }), { maxLength: 3 }),
});
const whole = fc.constantFrom(sdp(section("audio"), section("video")), sdp(section("video"), section("audio")), sdp(section("audio")));
/** A description of a browser with some lines put in, taken out or put elsewhere. */
const forgeries = fc.tuple(whole, fc.array(edit, { maxLength: 4 }), fc.constantFrom("\r\n", "\n")).map(([text, edits, end]) => {
  const lines = text.split("\r\n");
  for (const { at, take, put } of edits) lines.splice(at % lines.length, take, ...put);
  return lines.join(end);
});
const way = fc.record({ send: fc.boolean(), receive: fc.boolean() });
const doors: fc.Arbitrary<Admitted> = fc.record({ audio: way, video: way });

/** What comes through, or undefined where it is refused; it is never refused by accident. */
function filtered(text: string, admitted: Admitted): string | undefined {
  try {
    return filterDescription(text, admitted);
  } catch (error) {
    expect(error).toBeInstanceOf(DescriptionRefused);
    return undefined;
  }
}

/** One section that came through: its direction, its codecs, and that each line was there before. */
function lookAt(part: string, kind: "audio" | "video", admitted: Admitted, given: ReadonlySet<string>): void {
  const [first = "", ...lines] = part.split("\r\n");
  const ways = lines.filter((line) => /^a=(sendrecv|sendonly|recvonly|inactive)/i.test(line));
  expect(ways).toHaveLength(1);
  if (!admitted[kind].receive) expect(["a=recvonly", "a=inactive"]).toContain(ways[0]);
  if (!admitted[kind].send) expect(["a=sendonly", "a=inactive"]).toContain(ways[0]);
  for (const line of lines) if (line !== ways[0]) expect(given).toContain(line);
  const codecs = kind === "audio" ? /^a=rtpmap:\d+ opus\/48000\/2$/i : /^a=rtpmap:\d+ (vp8|vp9|rtx)\/90000$/i;
  const maps = lines.filter((line) => line.startsWith("a=rtpmap:"));
  for (const line of maps) expect(line).toMatch(codecs);
  const payloads = first.split(" ").slice(3);
  for (const payload of payloads) expect(maps.filter((line) => line.startsWith(`a=rtpmap:${payload} `))).toHaveLength(1);
  expect(part).not.toMatch(/^a=(crypto|simulcast|rid|sctp|identity|ice-lite)/m);
}
