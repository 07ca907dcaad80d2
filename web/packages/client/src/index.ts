/** The Ringline client for web pages: an account, a line, calls. No framework. */
export type {
  Asker, CallSettings, ChosenPerson, PersonChoices, Preview, QuietHours, QuietSpan, RefusedAttempt, RefusedAttempts, Report, ReportCategory, Sample, SampleKind,
} from "./account/consent";
export { Consent, hasChoice, NO_CHOICES } from "./account/consent";
export type { Account, Audience, Device, Entitlement, Person, Standing } from "./account/rest";
export { Rest } from "./account/rest";
export { Session } from "./account/session";
export { normal } from "./account/device";
export type { LocalCall } from "./call/call";
export type { Meanwhile } from "./call/calls";
export type { Wanted } from "./call/consents";
export type { Sound, State } from "./call/table";
export type { Status } from "./call/view";
export { statusOf } from "./call/view";
export type { Call } from "./gen/ringline/v1/client_pb";
export { Phase, Role } from "./gen/ringline/v1/client_pb";
export { Reason } from "./gen/ringline/v1/reasons_pb";
export type { Profile } from "./gen/ringline/v1/types_pb";
export { Ending } from "./gen/ringline/v1/types_pb";
export { Refused } from "./line/commands";
export type { LineEnd } from "./line/endings";
export type { LineState } from "./line/line";
export type { Capture, Captured, DeviceWishes, Problem } from "./media/capture";
export { DeviceCapture } from "./media/capture";
export type { Kind } from "./media/peer";
export { isVoice } from "./media/vitals";
export type { Quality } from "./media/vitals";
export type { RinglineOptions } from "./ringline";
export { Ringline } from "./ringline";
export type { Peer } from "./threads/api";
export type { Conversation } from "./threads/conversation";
export { merge } from "./threads/history";
export type { Pending } from "./threads/outbox";
export type { CallEntry, EndedCall, Entry, Folder, InboxState, MessageEntry, PastCall, Thread } from "./threads/shapes";
export { Threads } from "./threads/threads";
