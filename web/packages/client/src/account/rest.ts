/** The REST side of the public API (see /openapi.json); a problem (RFC 9457) is thrown as Refused. */
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Refused } from "../line/commands";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What everybody may know of a user. */
export interface Person {
  user_id: string;
  username: string;
  display_name: string;
  verified: boolean;
}

/** An account as its owner sees it. */
export interface Account extends Person {
  tier: string;
  searchable: boolean;
}

export type Audience = "contacts" | "following" | "verified" | "everyone";

/** A device as its owner sees it. */
export interface Device {
  device_id: string;
  name: string;
  created_at_ms: number;
  last_seen_at_ms: number;
  revoked: boolean;
}

/** How one stands to somebody else. */
export interface Standing {
  contact: boolean;
  follows: boolean;
  blocked: boolean;
}

export interface ProfileChange {
  display_name?: string;
  searchable?: boolean;
}

export interface Entitlement {
  place_audio: boolean;
  place_video: boolean;
}

const PATIENCE_MS = 10_000;
/** For what cannot be asked a second time, as its answer is told once. */
export const ONCE_MS = 60_000;

export class Rest {
  /**
   * @param base the gateway's origin; "" means that of the page
   * @param patienceMs for a request with its answer
   */
  constructor(
    private readonly base: string,
    private readonly fetch: Fetch,
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  /** @throws Refused, with reason "unavailable" where the gateway cannot be reached or does not answer in time */
  async ask<T>(method: string, path: string, body?: unknown, token?: string, patienceMs = this.patienceMs): Promise<T> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
    const init: RequestInit = { method, headers, signal: AbortSignal.timeout(patienceMs) };
    if (body !== undefined) init.body = JSON.stringify(body);
    try {
      const response = await this.fetch(this.base + path, init);
      if (!response.ok) throw await problemOf(response);
      return (response.status === 204 ? undefined : await response.json()) as T;
    } catch (error) {
      if (error instanceof Refused) throw error;
      throw new Refused(Reason.UNAVAILABLE, `The server cannot be reached: ${String(error)}`);
    }
  }

  /** Whether this server is one that people rely on: "dev" and "test" are not. */
  async environment(): Promise<string> {
    return (await this.ask<{ environment: string }>("GET", "/v1/config")).environment;
  }
}

async function problemOf(response: Response): Promise<Refused> {
  const problem = (await response.json().catch(() => ({}))) as { reason?: unknown; detail?: unknown };
  const word = String(problem.reason ?? "").toUpperCase();
  const reason = (Reason as unknown as Record<string, Reason | undefined>)[word] ?? Reason.UNAVAILABLE;
  const wait = Number(response.headers.get("Retry-After") ?? 0); // in seconds; a proxy's may be a date
  return new Refused(reason, String(problem.detail ?? response.statusText), wait > 0 ? wait * 1000 : 0);
}

export function segment(username: string): string {
  return encodeURIComponent(username.trim().replace(/^@+/, ""));
}
