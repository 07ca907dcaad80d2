/** Made-up people and what they said to each other. */
import type { CallEntry, Entry, PastCall, Pending } from "@ringline/client";
import type { Shown } from "../src/design/avatar";

export const person = (username: string, display_name: string, verified = false): Shown & { user_id: string } => ({ user_id: username, username, display_name, verified });
export const ada = person("ada", "Ada Lovelace");
export const bob = person("bob", "Bob Okafor", true);
export const people = [bob, person("mei.lin", "Mei Lin"), person("jonas", "Jonas Weber"), person("priya_r", "Priya Raman", true), person("tomas", "")];

const HOUR = 3_600_000;
const now = Date.now();

export function said(number: number, ago: number, text: string, outgoing: boolean): Entry {
  return { number, at_ms: now - ago, message: { message_id: `m${number}`, outgoing, text, client_id: "" }, call: null };
}

export function called(number: number, ago: number, part: Partial<CallEntry>): Entry {
  const call: CallEntry = { call_id: `c${number}`, outgoing: false, asked: { audio: true, video: false }, ending: "hung_up", missed: false, duration_ms: 0, answered_device_id: "", ...part };
  return { number, at_ms: now - ago, message: null, call };
}

export const thread: Entry[] = [
  said(1, 27 * HOUR, "Did you hear back from the venue?", false),
  said(2, 26.95 * HOUR, "Not yet. I'll call them this afternoon, they never answer mail.", true),
  called(3, 26 * HOUR, { outgoing: true, ending: "no_answer" }),
  called(4, 25.5 * HOUR, { asked: { audio: true, video: true }, duration_ms: 1_264_000, answered_device_id: "d1" }),
  said(5, 25 * HOUR, "Good talk. So: Saturday at seven, you bring the projector.", false),
  said(6, 24.99 * HOUR, "And Mei brings the cable this time 😄", false),
  said(7, 24.9 * HOUR, "Deal.", true),
  called(8, 3 * HOUR, { missed: true, ending: "no_answer" }),
  said(9, 2.9 * HOUR, "Tried to reach you. The room is bigger than we thought, we could ask a few more people. What do you think about inviting the whole team, plus the two from the Lisbon office if they are in town?", false),
  said(10, 0.3 * HOUR, "Yes! I'll write to them.", true),
  called(11, 0.25 * HOUR, { ending: "hung_up", duration_ms: 95_000, answered_device_id: "other" }),
  said(12, 0.1 * HOUR, "Perfect, thank you", false),
];

export const onTheWay: Pending[] = [
  { client_id: "p1", user_id: "bob", username: "bob", text: "One more thing: do we need a second microphone?", at_ms: now, progress: "waiting", why: undefined },
  { client_id: "p2", user_id: "bob", username: "bob", text: "This one did not make it", at_ms: now, progress: "failed", why: undefined },
];

export const rows = [
  { peer: bob, last: thread.at(-1) ?? null, unread: 0, online: true },
  { peer: person("mei.lin", "Mei Lin"), last: called(3, HOUR, { missed: true, ending: "no_answer" }), unread: 2, online: true },
  { peer: person("jonas", "Jonas Weber"), last: said(3, 5 * HOUR, "I'll send you the draft tonight, have a look when you can", true), unread: 0, online: false },
  { peer: person("priya_r", "Priya Raman", true), last: called(4, 26 * HOUR, { outgoing: true, asked: { audio: true, video: true }, duration_ms: 500_000 }), unread: 0, online: false },
  { peer: person("tomas", ""), last: said(3, 80 * HOUR, "See you Thursday then!", false), unread: 14, online: false },
];

export const calls: PastCall[] = [
  { peer: person("mei.lin", "Mei Lin"), entry: called(21, HOUR, { missed: true, ending: "no_answer" }) },
  { peer: bob, entry: called(22, 3 * HOUR, { duration_ms: 95_000, answered_device_id: "d1" }) },
  { peer: bob, entry: called(23, 26 * HOUR, { outgoing: true, ending: "no_answer" }) },
  { peer: person("priya_r", "Priya Raman", true), entry: called(24, 28 * HOUR, { outgoing: true, asked: { audio: true, video: true }, duration_ms: 3_900_000 }) },
  { peer: person("tomas", ""), entry: called(25, 60 * HOUR, { ending: "declined" }) },
];

/** Ten thousand entries. */
export const long: Entry[] = Array.from({ length: 10_000 }, (_, index) =>
  index % 23 === 7
    ? called(index + 1, (10_000 - index) * 600_000, { outgoing: index % 2 === 0, duration_ms: 60_000 })
    : said(index + 1, (10_000 - index) * 600_000, `Message number ${index + 1}${index % 5 === 0 ? ", a little longer than the others so that it takes a second line on a phone" : ""}`, index % 3 === 0),
);
