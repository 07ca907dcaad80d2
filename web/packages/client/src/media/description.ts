/** The opaque body of a description: JSON with the session description (RFC 8829) and the connection it belongs to. */

const BODY_LIMIT = 30 * 1024;

export interface Session {
  /** Random name of the sender's RTCPeerConnection: after a reload of the page it is another one. */
  connection: string;
  type: "offer" | "answer";
  sdp: string;
}

/** @throws RangeError where the description is too long for its slot */
export function encodeSession(session: Session): Uint8Array {
  const bytes = new TextEncoder().encode(JSON.stringify({ v: 1, p: session.connection, t: session.type, s: session.sdp }));
  if (bytes.length > BODY_LIMIT) throw new RangeError("The description is longer than its slot.");
  return bytes;
}

/** @returns the session, or undefined where the bytes are none that this client understands */
export function decodeSession(bytes: Uint8Array): Session | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof value !== "object" || value === null) return undefined;
    const { v, p, t, s } = value as Record<string, unknown>;
    if (v !== 1 || typeof p !== "string" || typeof s !== "string") return undefined;
    return t === "offer" || t === "answer" ? { connection: p, type: t, sdp: s } : undefined;
  } catch {
    return undefined;
  }
}
