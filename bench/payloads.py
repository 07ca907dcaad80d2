"""What two browsers send each other in a call: descriptions of 2.8 KB, six candidates each."""

import json

CANDIDATES = 6
_AUDIO = (
    (111, "opus/48000/2"),
    (63, "red/48000/2"),
    (9, "G722/8000"),
    (0, "PCMU/8000"),
    (8, "PCMA/8000"),
    (13, "CN/8000"),
    (110, "telephone-event/48000"),
    (126, "telephone-event/8000"),
)
_VIDEO = (
    (96, "VP8/90000"),
    (97, "rtx/90000"),
    (98, "VP9/90000"),
    (99, "rtx/90000"),
    (102, "H264/90000"),
    (103, "rtx/90000"),
    (45, "AV1/90000"),
    (46, "rtx/90000"),
    (116, "red/90000"),
    (117, "ulpfec/90000"),
)
_EXTENSIONS = (
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "urn:3gpp:video-orientation",
    "urn:ietf:params:rtp-hdrext:toffset",
)
_FINGERPRINT = ":".join(f"{(number * 37 + 11) % 256:02X}" for number in range(32))


def description(ufrag: str, setup: str) -> bytes:
    """An audio and an inactive video section, as browsers write them (RFC 8866)."""
    lines = ["v=0", "o=- 4611731400921 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1"]
    for mid, kind, codecs, direction in (
        ("0", "audio", _AUDIO, "sendrecv"),
        ("1", "video", _VIDEO, "inactive"),
    ):
        lines += [
            f"m={kind} 9 UDP/TLS/RTP/SAVPF " + " ".join(str(number) for number, _ in codecs),
            "c=IN IP4 0.0.0.0",
            "a=rtcp:9 IN IP4 0.0.0.0",
            f"a=ice-ufrag:{ufrag}",
            f"a=ice-pwd:{ufrag}s8Jd0aPq3vWnE1yRtB6cLh",
            "a=ice-options:trickle",
            f"a=fingerprint:sha-256 {_FINGERPRINT}",
            f"a=setup:{setup}",
            f"a=mid:{mid}",
            *(f"a=extmap:{number} {name}" for number, name in enumerate(_EXTENSIONS, 1)),
            f"a={direction}",
            f"a=ssrc:{3735928559 - int(mid)} cname:h4FqT0cXnP1sVb9y",
            "a=msid:7b1f0e5c-8a7e-4c55-9d1e-2f6a1c0b9e77 0f9a7f06-3c5b-4a53-8d2e-6f0e2a5c1b3d",
            "a=rtcp-mux",
        ]
        for number, name in codecs:
            lines.append(f"a=rtpmap:{number} {name}")
            if name.startswith("opus"):
                lines += [
                    f"a=rtcp-fb:{number} transport-cc",
                    f"a=fmtp:{number} minptime=10;useinbandfec=1",
                ]
            elif kind == "video" and not name.startswith(("rtx", "red", "ulpfec")):
                lines += [
                    f"a=rtcp-fb:{number} {feedback}"
                    for feedback in ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")
                ]
    return ("\r\n".join(lines) + "\r\n").encode()


def candidate(side: int, number: int) -> bytes:
    """One candidate as a browser's JSON: about 200 bytes."""
    address = f"10.{side}.0.{10 + number}"
    kind = ("host", f"srflx raddr {address} rport 50000", "relay raddr 198.51.100.7 rport 40000")[number % 3]
    line = f"candidate:{842163049 + number} 1 udp {1677729535 - number} {address} {50000 + number} typ {kind}"
    line += " generation 0 ufrag kX7f network-id 1 network-cost 10"
    return json.dumps({"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0}, separators=(",", ":")).encode()


OFFER = description("Qm2z", "actpass")
ANSWER = description("kX7f", "active")
OF_CALLER = [candidate(1, number) for number in range(CANDIDATES)]
OF_CALLEE = [candidate(2, number) for number in range(CANDIDATES)]
