/** What the user of this tab asked for, kept over a reload of the page: a call is not believed without it (S1). */
import type { Kinds } from "../gen/ringline/v1/types_pb";

export interface Wanted {
  audio: boolean;
  video: boolean;
}

const KEY = "ringline.consents";
const KEPT = 8;

export class Consents {
  /** @param storage that of the tab; a copy of the tab gets another line and so no calls of this one */
  constructor(private readonly storage: Pick<Storage, "getItem" | "setItem">) {}

  give(callId: string, wanted: Wanted): void {
    const others = this.all().filter(([id]) => id !== callId);
    this.storage.setItem(KEY, JSON.stringify([...others, [callId, wanted]].slice(-KEPT)));
  }

  /** The call is over: what was asked for was asked for in it alone. */
  withdraw(callId: string): void {
    this.keep((id) => id !== callId);
  }

  /** Only these go on here. */
  keepOnly(callIds: ReadonlySet<string>): void {
    this.keep((id) => callIds.has(id));
  }

  private keep(stays: (callId: string) => boolean): void {
    const all = this.all();
    const kept = all.filter(([id]) => stays(id));
    if (kept.length < all.length) this.storage.setItem(KEY, JSON.stringify(kept));
  }

  of(callId: string): Wanted | undefined {
    return this.all().find(([id]) => id === callId)?.[1];
  }

  private all(): [string, Wanted][] {
    try {
      const value: unknown = JSON.parse(this.storage.getItem(KEY) ?? "[]");
      return Array.isArray(value) ? (value as [string, Wanted][]) : [];
    } catch {
      return [];
    }
  }
}

export function wantedOf(kinds: Kinds | undefined): Wanted {
  return { audio: kinds?.audio === true, video: kinds?.video === true };
}
