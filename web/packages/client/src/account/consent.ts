/** Who may ring: a person's settings, what they come to for somebody now, attempts that did not ring, and reports. */
import type { Audience, Person } from "./rest";
import { segment } from "./rest";

/** A time of the day that returns each week. */
export interface QuietSpan {
  /** On which it begins: 1 is Monday, 7 is Sunday. */
  weekdays: number[];
  /** "22:00"; the same as `to` means the whole day, and later than `to` that it ends on the next one. */
  from: string;
  to: string;
}

export interface QuietHours {
  /** None means that there are no quiet hours. */
  spans: QuietSpan[];
  /** Such as "Europe/Berlin". */
  time_zone: string;
  /** Favourites ring all the same. */
  favourites: boolean;
  /** So does whoever calls again within three minutes. */
  repeated: boolean;
}

export interface CallSettings {
  audiences: Audience[];
  /** Those of the audiences that ring without video. */
  audio_only: Audience[];
  /** Counts for those who are neither contacts nor followed. */
  must_have_messaged: boolean;
  always_relay: boolean;
  quiet_hours: QuietHours;
}

/** What counts for one person, whatever the audiences say. */
export interface PersonChoices {
  allowed: boolean;
  audio_only: boolean;
  favourite: boolean;
}

export interface ChosenPerson extends PersonChoices {
  person: Person;
}

export type SampleKind = "contact" | "following" | "verified" | "stranger";
/** About whom it is asked: somebody, or anybody of a kind. */
export type Sample = { username: string } | { kind: SampleKind };

/** What a call of somebody would come to. */
export interface Preview {
  username?: string | null;
  kind?: SampleKind | null;
  rings: boolean;
  audio_only: boolean;
  relay: boolean;
  /** The rule that settled it, such as "audience.contacts"; a newer server may know others than this page. */
  reason: string;
}

export interface RefusedAttempt {
  person: Person;
  at_ms: number;
  video: boolean;
  reason: string;
}

export interface RefusedAttempts {
  /** The newest first. */
  attempts: RefusedAttempt[];
  /** Where the next page begins; 0 at the end. */
  next: number;
}

export type ReportCategory = "spam" | "harassment" | "impersonation" | "other";

export interface Report {
  username: string;
  category: ReportCategory;
  /** At most 1000 characters. */
  text: string;
  /** What the reporter chose to show, at most 20 of each; nothing else of the conversation is. */
  call_ids: string[];
  message_ids: string[];
  block: boolean;
  /** The reporter's own id for it: sent twice, the report is there once. */
  client_id: string;
}

export const NO_CHOICES: PersonChoices = { allowed: false, audio_only: false, favourite: false };

const SETTINGS = "/v1/me/call-settings";
const PEOPLE = "/v1/me/people-settings";
const NEVER: QuietHours = { spans: [], time_zone: "", favourites: false, repeated: false };

/** Whoever may ask as a user: a session. */
export interface Asker {
  ask<T>(method: string, path: string, body?: unknown): Promise<T>;
}

/** Each method rejects with Refused. */
export class Consent {
  constructor(private readonly session: Asker) {}

  async settings(): Promise<CallSettings> {
    return whole(await this.session.ask("GET", SETTINGS));
  }

  /** @returns them as they are in force from now on */
  async set(settings: CallSettings): Promise<CallSettings> {
    return whole(await this.session.ask("PUT", SETTINGS, settings));
  }

  /**
   * @param settings as if they were these; those in force where it is left out
   * @returns one for each that was asked about, in the same order
   */
  async preview(people: Sample[], settings?: CallSettings): Promise<Preview[]> {
    const body = settings === undefined ? { people } : { settings, people };
    return (await this.session.ask<{ previews: Preview[] }>("POST", `${SETTINGS}/preview`, body)).previews;
  }

  /** Those for whom something of their own was chosen. */
  async people(): Promise<ChosenPerson[]> {
    return (await this.session.ask<{ people: ChosenPerson[] }>("GET", PEOPLE)).people;
  }

  async choices(username: string): Promise<PersonChoices> {
    const found = (await this.people()).find((one) => one.person.username === username);
    return found === undefined ? NO_CHOICES : only(found);
  }

  async choose(username: string, choices: PersonChoices): Promise<PersonChoices> {
    const path = `${PEOPLE}/${segment(username)}`;
    await (hasChoice(choices) ? this.session.ask("PUT", path, only(choices)) : this.session.ask("DELETE", path));
    return choices;
  }

  /**
   * Calls that did not ring here.
   *
   * @param before `next` of the page before
   */
  async refusedAttempts(before = 0): Promise<RefusedAttempts> {
    const { attempts, next = 0 } = await this.session.ask<Partial<RefusedAttempts>>("GET", `/v1/me/refused-attempts?limit=100&before=${before}`);
    return { attempts: attempts ?? [], next };
  }

  async report(report: Report): Promise<void> {
    const { text, ...rest } = report;
    await this.session.ask("POST", "/v1/me/reports", text === "" ? rest : report);
  }
}

export function hasChoice({ allowed, audio_only, favourite }: PersonChoices): boolean {
  return allowed || audio_only || favourite;
}

function only({ allowed, audio_only, favourite }: PersonChoices): PersonChoices {
  return { allowed, audio_only, favourite };
}

/** An older server says who may call, and nothing else. */
function whole(answer: Partial<CallSettings> & Pick<CallSettings, "audiences">): CallSettings {
  const { audiences, audio_only = [], must_have_messaged = false, always_relay = false, quiet_hours = NEVER } = answer;
  return { audiences, audio_only, must_have_messaged, always_relay, quiet_hours };
}
