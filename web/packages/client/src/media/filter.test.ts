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

  it("never lets the other side widen what was admitted", () => {
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

  it("lets through no direction beyond the admitted one, whatever lines are put in", () => {
    const lines = fc.array(fc.constantFrom("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive", "a=mid:x", "b=AS:9", "a=x", "a=sendrecv\u0000", "a=sendrecv:1"), { maxLength: 6 });
    const bit = fc.boolean();
    fc.assert(
      fc.property(lines, bit, bit, (extra, send, receive) => {
        const admitted = { audio: both, video: { send, receive } };
        const [, video = ""] = directions(filterDescription(sdp(section("audio"), section("video", "sendrecv", extra)), admitted));
        if (!receive) expect(["a=recvonly", "a=inactive"]).toContain(video);
        if (!send) expect(["a=sendonly", "a=inactive"]).toContain(video);
      }),
      { numRuns: 500 },
    );
  });
});
