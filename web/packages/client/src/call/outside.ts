/** What a call needs from the line it lives on. */
import type { MediaOptions } from "../media/session";
import type { LocalCall } from "./call";
import type { Consents } from "./consents";
import type { SpeechOutside } from "./speech";
import type { Room } from "./view";

export interface CallOutside extends SpeechOutside {
  consents: Consents;
  media: Omit<MediaOptions, "polite" | "now">;
  now(): number;
  /** Of the connection on which views come at this moment. */
  incarnation(): bigint;
  changed(): void;
  /** Nothing comes from the other side: is the server still heard? */
  doubt(): void;
  /** Place was answered: from now on the call has an id, or is over. */
  placed(call: LocalCall): void;
  /** At most one call of a device is talked in, and one is on hold (S8). */
  room(call: LocalCall): Room;
}
