/** Calls with everybody, newest first: pages of the thread service, and the last day's calls where it lags behind. */
import type { ThreadsApi } from "./api";
import type { PastCall } from "./shapes";
import { truer } from "./shapes";

export class CallHistory {
  loaded = false;
  loading = false;
  failed = false;
  private known: PastCall[] = [];
  private next = "";

  /** @param missed only the missed ones */
  constructor(
    private readonly missed: boolean,
    private readonly api: Pick<ThreadsApi, "calls">,
    private readonly changed: () => void,
  ) {}

  get more(): boolean {
    return this.next !== "";
  }

  /** Reads the newest page; older ones that follow on it are kept. */
  refresh(): Promise<void> {
    return this.read("");
  }

  older(): Promise<void> {
    return this.more ? this.read(this.next) : Promise.resolve();
  }

  /** @param ended the calls of the last day as the call service told them */
  calls(ended: PastCall[]): PastCall[] {
    const merged = merge(this.known, ended);
    return this.missed ? merged.filter((one) => one.entry.call?.missed === true) : merged;
  }

  private async read(before: string): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    this.changed();
    try {
      const page = await this.api.calls(this.missed, before);
      const fresh = merge(page.calls, []);
      const overlaps = fresh.some((one) => this.known.some((old) => idOf(old) === idOf(one)));
      if (before !== "" || overlaps) this.known = merge(fresh, this.known);
      else this.known = fresh;
      if (before !== "" || !overlaps) this.next = page.next;
      this.loaded = true;
      this.failed = false;
    } catch {
      this.failed = true;
    }
    this.loading = false;
    this.changed();
  }
}

function idOf(call: PastCall): string {
  return call.entry.call?.call_id ?? "";
}

/** Each call once, newest first. */
export function merge(calls: PastCall[], more: PastCall[]): PastCall[] {
  const byId = new Map<string, PastCall>();
  for (const one of [...calls, ...more]) {
    const known = byId.get(idOf(one));
    byId.set(idOf(one), known === undefined ? one : { peer: known.peer, entry: truer(known.entry, one.entry) });
  }
  return [...byId.values()].sort((a, b) => b.entry.at_ms - a.entry.at_ms);
}
