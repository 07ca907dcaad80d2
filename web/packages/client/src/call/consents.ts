/** What the user of this tab asked for, kept over a reload of the page: a call is not believed without it (S1). */
import type { Call } from "../gen/ringline/v1/client_pb";
import type { Kinds } from "../gen/ringline/v1/types_pb";

export interface Wanted {
  audio: boolean;
  video: boolean;
}

interface Consent extends Wanted {
  /** The user put the call on hold, or took it back; absent where neither was asked for, and in what older pages kept. */
  holds?: boolean;
}

const KEY = "ringline.consents";
const KEPT = 8;

export class Consents {
  /** @param storage that of the tab; a copy of the tab gets another line and so no calls of this one */
  constructor(private readonly storage: Pick<Storage, "getItem" | "setItem">) {}

  give(callId: string, { audio, video }: Wanted): void {
    this.keep(callId, { ...this.find(callId), audio, video });
  }

  /** The call is over: what was asked for was asked for in it alone. */
  withdraw(callId: string): void {
    this.only((id) => id !== callId);
  }

  /** Only these go on here. */
  keepOnly(callIds: ReadonlySet<string>): void {
    this.only((id) => callIds.has(id));
  }

  private only(stays: (callId: string) => boolean): void {
    const all = this.all();
    const kept = all.filter(([id]) => stays(id));
    if (kept.length < all.length) this.storage.setItem(KEY, JSON.stringify(kept));
  }

  of(callId: string): Wanted | undefined {
    const found = this.find(callId);
    return found === undefined ? undefined : { audio: found.audio, video: found.video };
  }

  /** Notes that the user holds a call from now on, or does no more; silence of one's own wish outlives the page (S9). */
  hold(callId: string, on: boolean): void {
    const found = this.find(callId);
    if (found !== undefined) this.keep(callId, { ...found, holds: on });
  }

  /** Undefined where the user never said a word about it. */
  holds(callId: string): boolean | undefined {
    return this.find(callId)?.holds;
  }

  private keep(callId: string, consent: Consent): void {
    const others = this.all().filter(([id]) => id !== callId);
    this.storage.setItem(KEY, JSON.stringify([...others, [callId, consent]].slice(-KEPT)));
  }

  private find(callId: string): Consent | undefined {
    return this.all().find(([id]) => id === callId)?.[1];
  }

  private all(): [string, Consent][] {
    try {
      const value: unknown = JSON.parse(this.storage.getItem(KEY) ?? "[]");
      return Array.isArray(value) ? (value as [string, Consent][]) : [];
    } catch {
      return [];
    }
  }
}

export function wantedOf(kinds: Kinds | undefined): Wanted {
  return { audio: kinds?.audio === true, video: kinds?.video === true };
}

/** A call that the server knows and this page does not: an incoming one, or one from before a reload. */
export function wantedFor(view: Call, consents: Consents): Wanted {
  const consented = consents.of(view.callId);
  if (consented === undefined) return { audio: true, video: false };
  const sends = wantedOf(view.sends);
  return view.here ? { audio: consented.audio && sends.audio, video: consented.video && sends.video } : consented;
}
