import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeCandidate } from "./candidates";
import { decodeSession, encodeSession } from "./description";

describe("the opaque bytes of a description", () => {
  it("come back as they went", () => {
    const session = { connection: "x", type: "answer", sdp: "v=0\r\n" } as const;
    expect(decodeSession(encodeSession(session))).toEqual(session);
  });

  it("fit the slot or are refused", () => {
    expect(() => encodeSession({ connection: "x", type: "offer", sdp: "a".repeat(31 * 1024) })).toThrow(RangeError);
  });

  it("are read without harm, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.json(), (bytes, json) => {
        for (const input of [bytes, new TextEncoder().encode(json)]) {
          decodeSession(input);
          decodeCandidate(input);
        }
      }),
    );
  });
});
