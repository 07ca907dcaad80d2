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

export class Rest {
  /** @param base the gateway's origin; "" means that of the page */
  constructor(
    private readonly base: string,
    private readonly fetch: Fetch,
  ) {}

  /** @throws Refused, with reason "unavailable" where the gateway cannot be reached */
  async ask<T>(method: string, path: string, body?: unknown, token?: string): Promise<T> {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
    let response: Response;
    try {
      const init: RequestInit = { method, headers };
      if (body !== undefined) init.body = JSON.stringify(body);
      response = await this.fetch(this.base + path, init);
    } catch (error) {
      throw new Refused(Reason.UNAVAILABLE, `The server cannot be reached: ${String(error)}`);
    }
    if (!response.ok) throw await problemOf(response);
    return (response.status === 204 ? undefined : await response.json()) as T;
  }
}

async function problemOf(response: Response): Promise<Refused> {
  const problem = (await response.json().catch(() => ({}))) as { reason?: unknown; detail?: unknown };
  const word = String(problem.reason ?? "").toUpperCase();
  const reason = (Reason as unknown as Record<string, Reason | undefined>)[word] ?? Reason.UNAVAILABLE;
  const wait = Number(response.headers.get("Retry-After") ?? 0);
  return new Refused(reason, String(problem.detail ?? response.statusText), wait * 1000);
}

export function segment(username: string): string {
  return encodeURIComponent(username.trim().replace(/^@+/, ""));
}
