/** What is asked of the conversations service, over REST. */
import type { Person } from "../account/rest";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Refused } from "../line/commands";
import type { Entry, Folder, InboxState, PastCall, Thread } from "./shapes";

/** Who a thread is with. Paths carry the id: the name may be somebody else's by now. */
export type Peer = Pick<Person, "user_id" | "username">;

/** Asks as the signed-in user. Rejects with Refused. */
export type Ask = <T>(method: string, path: string, body?: unknown) => Promise<T>;

export interface ThreadPage {
  threads: Thread[];
  next: number;
  state: InboxState;
}

export interface Changes {
  threads: Thread[];
  /** The server was restored from a backup and knows of fewer changes than were asked for. */
  anew?: boolean;
  more: boolean;
  state: InboxState;
}

export interface Sent {
  entry: Entry;
  thread: Thread;
}

export interface EntryPage {
  thread: Thread;
  /** Newest first. */
  entries: Entry[];
  next: number;
}

export interface CallPage {
  calls: PastCall[];
  next: string;
}

const THREADS_A_PAGE = 50;
const ENTRIES_A_PAGE = 100;
const CALLS_A_PAGE = 50;

export class ThreadsApi {
  constructor(private readonly ask: Ask) {}

  threads(folder: Folder, before: number): Promise<ThreadPage> {
    return this.ask("GET", `/v1/threads?folder=${folder}&before=${before}&limit=${THREADS_A_PAGE}`);
  }

  changes(since: number): Promise<Changes> {
    return this.ask("GET", `/v1/threads/changes?since=${since}&limit=100`);
  }

  async entries(to: Peer, before: number): Promise<EntryPage> {
    return this.ask("GET", `${pathOf(to)}/entries?before=${before}&limit=${ENTRIES_A_PAGE}`);
  }

  async send(to: Peer, clientId: string, text: string): Promise<Sent> {
    const sent = await this.ask<Sent | undefined>("POST", `${pathOf(to)}/messages`, { client_id: clientId, text });
    if (typeof sent?.entry?.number === "number" && typeof sent.thread?.feed === "number") return sent;
    throw new Refused(Reason.UNAVAILABLE, "The answer is not one to a message.");
  }

  async markRead(to: Peer, number: number): Promise<void> {
    await this.ask<Thread>("PUT", `${pathOf(to)}/read`, { number });
  }

  async accept(to: Peer): Promise<Thread> {
    return this.ask("PUT", `${pathOf(to)}/accepted`);
  }

  async remove(to: Peer): Promise<void> {
    return this.ask("DELETE", pathOf(to));
  }

  calls(missed: boolean, before: string): Promise<CallPage> {
    return this.ask("GET", `/v1/calls?missed=${missed}&before=${encodeURIComponent(before)}&limit=${CALLS_A_PAGE}`);
  }

  /** Who of these users is there, as far as one may see it. */
  async online(userIds: string[]): Promise<string[]> {
    const query = userIds.map((one) => `user_id=${encodeURIComponent(one)}`).join("&");
    return (await this.ask<{ online: string[] }>("GET", `/v1/presence?${query}`)).online;
  }
}

function pathOf({ user_id }: Peer): string {
  return `/v1/threads/${encodeURIComponent(user_id)}`;
}
