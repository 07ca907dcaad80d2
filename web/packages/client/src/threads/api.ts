/** What is asked of the conversations service, over REST. */
import { segment } from "../account/rest";
import type { Entry, Folder, InboxState, PastCall, Thread } from "./shapes";

/** Asks as the signed-in user. Rejects with Refused. */
export type Ask = <T>(method: string, path: string, body?: unknown) => Promise<T>;

export interface ThreadPage {
  threads: Thread[];
  next: number;
  state: InboxState;
}

export interface Changes {
  threads: Thread[];
  more: boolean;
  state: InboxState;
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

  entries(username: string, before: number): Promise<EntryPage> {
    return this.ask("GET", `/v1/threads/${segment(username)}/entries?before=${before}&limit=${ENTRIES_A_PAGE}`);
  }

  send(username: string, clientId: string, text: string): Promise<{ entry: Entry; thread: Thread }> {
    return this.ask("POST", `/v1/threads/${segment(username)}/messages`, { client_id: clientId, text });
  }

  markRead(username: string, number: number): Promise<Thread> {
    return this.ask("PUT", `/v1/threads/${segment(username)}/read`, { number });
  }

  accept(username: string): Promise<Thread> {
    return this.ask("PUT", `/v1/threads/${segment(username)}/accepted`);
  }

  remove(username: string): Promise<void> {
    return this.ask("DELETE", `/v1/threads/${segment(username)}`);
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
