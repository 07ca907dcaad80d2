/** What a browser says of the network, its many words made into one. */

/** Five to seven words come within a tenth of a second, and before the last one nothing gets through. */
const SETTLE_MS = 150;

export interface NetworkListener {
  /** The addresses are others now: what was open before may look open for long. */
  changed(): void;
  /** It may have changed. Chromium says the same when it only measured another speed. */
  doubt(): void;
}

/** The browser's own objects, or what stands for them in a test. */
export interface NetworkOutside {
  window: EventTarget;
  connection: (EventTarget & { readonly type?: string }) | undefined;
  later(ms: number, work: () => void): () => void;
}

/** @param signal ends it */
export function watchNetwork({ window, connection, later }: NetworkOutside, listener: NetworkListener, signal: AbortSignal): void {
  let type = connection?.type;
  let cancel = () => {};
  let other = false;
  const settle = (isOther: boolean) => {
    other ||= isOther;
    cancel();
    cancel = later(SETTLE_MS, () => {
      if (other) listener.changed();
      else listener.doubt();
      other = false;
    });
  };
  window.addEventListener("online", () => settle(true), { signal });
  connection?.addEventListener(
    "change",
    () => {
      const before = type;
      type = connection.type;
      settle(type !== before);
    },
    { signal },
  );
}
