/** Threads as the page knows them: the JSON of the REST API, into which frames and the views of calls are turned too. */
import type { Person } from "../account/rest";
import type { Call, Welcome } from "../gen/ringline/v1/client_pb";
import { Phase, Role } from "../gen/ringline/v1/client_pb";
import type { ThreadChanged } from "../gen/ringline/v1/client_pb";
import type { Entry as EntryFrame, Thread as ThreadFrame } from "../gen/ringline/v1/threads_pb";
import { Folder as FolderFrame } from "../gen/ringline/v1/threads_pb";
import type { Kinds, Profile } from "../gen/ringline/v1/types_pb";
import { Ending } from "../gen/ringline/v1/types_pb";

export type Folder = "inbox" | "requests";
export type CallEnding =
  | "cancelled" | "declined" | "no_answer" | "busy" | "hung_up" | "lost" | "media_failed" | "by_operator";

export interface MessageEntry {
  message_id: string;
  outgoing: boolean;
  text: string;
  /** The sender's own id for it; "" in the thread of the other. */
  client_id: string;
}

export interface CallEntry {
  call_id: string;
  outgoing: boolean;
  asked: { audio: boolean; video: boolean };
  ending: CallEnding;
  missed: boolean;
  duration_ms: number;
  answered_device_id: string;
}

export interface Entry {
  number: number;
  /** When it was written or placed; a call has its number by its end. */
  at_ms: number;
  message: MessageEntry | null;
  call: CallEntry | null;
}

export interface Thread {
  peer: Person;
  folder: Folder;
  unread: number;
  read: number;
  last: Entry | null;
  feed: number;
}

export interface InboxState {
  feed: number;
  unread: number;
  requests: number;
}

export interface PastCall {
  peer: Person;
  entry: Entry;
}

/** A call of the last day as the call service tells it; it stands in its thread by its end. */
export interface EndedCall extends PastCall {
  ended_ms: number;
}

/** One change of a thread, as a frame says it. */
export interface Change {
  thread: Thread;
  added: Entry | undefined;
  before: number;
  removed: boolean;
  unread: number;
  requests: number;
}

export function changeOf(frame: ThreadChanged): Change | undefined {
  if (frame.thread?.peer === undefined) return undefined;
  return {
    thread: threadOf(frame.thread, frame.thread.peer),
    added: frame.added === undefined ? undefined : entryOf(frame.added),
    before: Number(frame.before),
    removed: frame.removed,
    unread: frame.unread,
    requests: frame.requests,
  };
}

function threadOf(thread: ThreadFrame, peer: Profile): Thread {
  return {
    peer: personOf(peer),
    folder: thread.folder === FolderFrame.REQUESTS ? "requests" : "inbox",
    unread: thread.unread,
    read: Number(thread.read),
    last: thread.last === undefined ? null : entryOf(thread.last),
    feed: Number(thread.feed),
  };
}

function entryOf({ number, atMs, body }: EntryFrame): Entry {
  const entry: Entry = { number: Number(number), at_ms: Number(atMs), message: null, call: null };
  if (body.case === "message") {
    const { messageId, outgoing, text, clientId } = body.value;
    entry.message = { message_id: messageId, outgoing, text, client_id: clientId };
  } else if (body.case === "call") {
    const { callId, outgoing, asked, ending, missed, durationMs, answeredDeviceId } = body.value;
    entry.call = {
      call_id: callId,
      outgoing,
      asked: kindsOf(asked),
      ending: endingOf(ending),
      missed,
      duration_ms: Number(durationMs),
      answered_device_id: answeredDeviceId,
    };
  }
  return entry;
}

export function personOf(profile: Profile): Person {
  const { userId, username, displayName, verified } = profile;
  return { user_id: userId, username, display_name: displayName, verified };
}

/** The calls of a welcome that are over, as entries without a number: the event stream may not have brought them yet. */
export function endedOf(calls: Welcome["calls"]): EndedCall[] {
  return calls.flatMap((call) => endedCallOf(call) ?? []);
}

/** What the view of a call that is over says; undefined where it is not over. */
export function endedCallOf(view: Call): EndedCall | undefined {
  if (view.phase !== Phase.ENDED || view.peer === undefined) return undefined;
  const outgoing = view.role === Role.CALLER;
  const answered = view.answeredAtMs > 0n || view.ending === Ending.ANSWERED_ELSEWHERE;
  const ended = view.endedAtMs > 0n ? view.endedAtMs : view.placedAtMs;
  const call: CallEntry = {
    call_id: view.callId,
    outgoing,
    asked: kindsOf(view.asked),
    ending: answered && !TALKED.has(view.ending) ? "hung_up" : endingOf(view.ending),
    missed: !outgoing && !answered && !TURNED_DOWN.has(view.ending),
    duration_ms: view.answeredAtMs > 0n ? Math.max(0, Number(ended - view.answeredAtMs)) : 0,
    answered_device_id: "",
  };
  const entry = { number: 0, at_ms: Number(view.placedAtMs), message: null, call };
  return { peer: personOf(view.peer), entry, ended_ms: Number(ended) };
}

/**
 * Two accounts of the same call. The thread's counts, and it is missed only where neither knows of an answer: the last
 * day's calls may be ahead of the thread, or behind it.
 */
export function truer(known: Entry, other: Entry): Entry {
  const [one, two] = known.number > 0 ? [known, other] : [other, known];
  if (one.call === null || two.call === null) return one;
  return { ...one, call: { ...one.call, missed: one.call.missed && two.call.missed } };
}

const TURNED_DOWN: ReadonlySet<Ending> = new Set([Ending.DECLINED, Ending.DECLINED_ELSEWHERE]);
const TALKED: ReadonlySet<Ending> = new Set([Ending.HUNG_UP, Ending.LOST, Ending.MEDIA_FAILED, Ending.BY_OPERATOR]);

const ENDINGS: Partial<Record<Ending, CallEnding>> = {
  [Ending.CANCELLED]: "cancelled",
  [Ending.DECLINED]: "declined",
  [Ending.DECLINED_ELSEWHERE]: "declined",
  [Ending.NO_ANSWER]: "no_answer",
  [Ending.BUSY]: "busy",
  [Ending.LOST]: "lost",
  [Ending.MEDIA_FAILED]: "media_failed",
  [Ending.BY_OPERATOR]: "by_operator",
};

function endingOf(ending: Ending): CallEnding {
  return ENDINGS[ending] ?? "hung_up";
}

function kindsOf(kinds: Kinds | undefined): { audio: boolean; video: boolean } {
  return { audio: kinds?.audio === true, video: kinds?.video === true };
}
