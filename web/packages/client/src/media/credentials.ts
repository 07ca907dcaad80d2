/**
 * The relay's credentials of one call: the newest there are, asked for anew before they expire. A connection is told when
 * it looks for a path, and not before: Chromium would ask the relay for another address at once.
 */
import type { Relay } from "../gen/ringline/v1/client_pb";

/** Renewed after this share of their life: what is looked for through the relay then has time left. */
const SHARE = 0.8;
const AGAIN_MS = 20_000;

export class Credentials {
  /** Nothing but the relay is tried, whatever the call admits. */
  relayOnly = false;
  private relay: Relay | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asking: Promise<void> | undefined;
  private keeps = false;

  /** @param ask fresh ones, or undefined where they cannot be had now */
  constructor(private readonly ask: () => Promise<Relay | undefined>) {}

  get hasRelay(): boolean {
    return this.relay?.urls.some((url) => url.startsWith("turn")) === true;
  }

  /** Those of a view; undefined where it has none. */
  take(relay: Relay | undefined): void {
    if (relay === undefined) return;
    this.relay = relay;
    this.keep(relay.ttlS * SHARE * 1000);
  }

  /** Media may pass: from now on there are always some that are good. */
  start(): void {
    this.keeps = true;
    this.keep((this.relay?.ttlS ?? 0) * SHARE * 1000);
  }

  /** Asks once, however often it is called meanwhile; where there are none to be had, those of before remain. */
  renew(): Promise<void> {
    this.asking ??= this.ask().then((relay) => {
      this.asking = undefined;
      if (relay === undefined) this.keep(AGAIN_MS);
      else this.take(relay);
    });
    return this.asking;
  }

  /** @param pool how many components are gathered for before there is a description */
  configuration(pool: number): RTCConfiguration {
    const { relay } = this;
    const servers: RTCIceServer[] =
      relay === undefined || relay.urls.length === 0
        ? []
        : [{ urls: relay.urls, username: relay.username, credential: relay.credential }];
    return {
      iceServers: servers,
      iceTransportPolicy: relay?.only === true || this.relayOnly ? "relay" : "all",
      bundlePolicy: "max-bundle",
      iceCandidatePoolSize: pool,
    };
  }

  stop(): void {
    this.keeps = false;
    clearTimeout(this.timer);
  }

  private keep(ms: number): void {
    clearTimeout(this.timer);
    if (this.keeps && this.hasRelay && ms > 0) this.timer = setTimeout(() => void this.renew(), ms);
  }
}
