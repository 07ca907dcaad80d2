/** Who may call, when and how; words about single people; and who could ring by all that. */
import type { Audience, Person } from "./rest";
import { segment } from "./rest";

/** A span of the week, on the clock of the person's time zone; it may end on the next day. */
export interface QuietSpan {
  /** Days on which it begins: 1 is Monday, 7 is Sunday. */
  weekdays: number[];
  /** "22:00" */
  from: string;
  /** On the next day where it is not later than `from`; the same is a whole day. */
  to: string;
}

/** Without a span devices never stay quiet. */
export interface QuietHours {
  spans: QuietSpan[];
  /** An IANA name; "" where there is no span. */
  time_zone: string;
  /** Favourites ring all the same. */
  favourites: boolean;
  /** Who tries again within three minutes rings all the same. */
  repeated: boolean;
}

export interface CallSettings {
  /** None means nobody. */
  audiences: Audience[];
  /** Those of the audiences that may send sound only. */
  audio_only: Audience[];
  /** Whoever is neither contact nor followed must have written before. */
  must_have_messaged: boolean;
  always_relay: boolean;
  quiet_hours: QuietHours;
}

/** A change: what is absent stays as it is. */
export type CallSettingsChange = Pick<CallSettings, "audiences"> & Partial<CallSettings>;

/** What one says about one other. */
export interface PersonSettings {
  /** May call whatever the audiences are. */
  allowed: boolean;
  /** May send sound only in the calls that he places. */
  audio_only: boolean;
  /** Breaks through quiet hours, where favourites do. */
  favourite: boolean;
}

export type SettledPerson = PersonSettings & { person: Person };

export type PreviewCaller = { username: string } | { kind: "contact" | "following" | "verified" | "stranger" };

/** What one's own rules say about a caller; nothing of his own, and nothing of the operator's. */
export interface Preview {
  username: string | null;
  kind: "contact" | "following" | "verified" | "stranger" | null;
  rings: boolean;
  /** It rings as a call without his picture. */
  audio_only: boolean;
  /** He does not learn one's address. */
  relay: boolean;
  /** The rule that settled it; "user_not_found" where nobody has that name, "self" for oneself. */
  reason: string;
  trace: { rule: string; held: boolean }[];
}

type Ask = <T>(method: string, path: string, body?: unknown) => Promise<T>;

const SETTINGS = "/v1/me/call-settings";
const PEOPLE = "/v1/me/people-settings";

/** The call settings of whoever is signed in. Everything throws Refused. */
export class CallSettingsOf {
  constructor(private readonly ask: Ask) {}

  read(): Promise<CallSettings> {
    return this.ask("GET", SETTINGS);
  }

  /** @returns what holds now */
  change(change: CallSettingsChange): Promise<CallSettings> {
    return this.ask("PUT", SETTINGS, change);
  }

  /**
   * Could they ring me, and why? At most 20 people.
   *
   * @param draft settings that are not in force; nothing of them is kept
   * @param atMs Unix milliseconds; now, where absent
   */
  async preview(people: PreviewCaller[], draft?: CallSettingsChange, atMs?: number): Promise<Preview[]> {
    const body = { people, ...(draft && { settings: draft }), ...(atMs !== undefined && { at_ms: atMs }) };
    return (await this.ask<{ previews: Preview[] }>("POST", `${SETTINGS}/preview`, body)).previews;
  }

  /** About whom one says something, newest first. */
  async people(): Promise<SettledPerson[]> {
    return (await this.ask<{ people: SettledPerson[] }>("GET", PEOPLE)).people;
  }

  setPerson(username: string, settings: PersonSettings): Promise<SettledPerson> {
    return this.ask("PUT", `${PEOPLE}/${segment(username)}`, settings);
  }

  resetPerson(username: string): Promise<void> {
    return this.ask("DELETE", `${PEOPLE}/${segment(username)}`);
  }
}
