/** A made-up service that says who may ring: as much of the rules as the pictures need. */
import type { Asker, CallSettings, ChosenPerson, PersonChoices, Preview, QuietSpan, RefusedAttempt, Sample } from "@ringline/client";
import { Consent, Reason, Refused } from "@ringline/client";
import { ownTimeZone, quietUntil } from "../src/consent/quiet";
import { bob, people, person } from "./people";

const HOUR = 3_600_000;
const OF_KIND = { contact: "contacts", following: "following", verified: "verified", stranger: "everyone" } as const;

/** Hours that began, or will begin, so many hours from now. */
function spanFrom(begins: number): QuietSpan {
  const time = (at: number) => `${String(new Date(at).getHours()).padStart(2, "0")}:00`;
  return { weekdays: [1, 2, 3, 4, 5, 6, 7], from: time(Date.now() + begins * HOUR), to: time(Date.now() + (begins + 9) * HOUR) };
}

const usual: CallSettings = {
  audiences: ["contacts", "following"],
  audio_only: [],
  must_have_messaged: false,
  always_relay: false,
  quiet_hours: { spans: [], time_zone: ownTimeZone(), favourites: true, repeated: true },
};

export const variants: Record<"usual" | "planned" | "quiet" | "open" | "nobody", CallSettings> = {
  usual,
  planned: { ...usual, audiences: ["contacts", "following", "verified"], audio_only: ["verified"], quiet_hours: { ...usual.quiet_hours, spans: [spanFrom(3)] } },
  quiet: { ...usual, quiet_hours: { ...usual.quiet_hours, time_zone: ownTimeZone(), spans: [spanFrom(-1), { weekdays: [6, 7], from: "13:00", to: "15:00" }] } },
  open: { ...usual, audiences: ["contacts", "everyone"], audio_only: ["everyone"], must_have_messaged: true, always_relay: true },
  nobody: { ...usual, audiences: [] },
};

const chosen: ChosenPerson[] = [
  { person: person("mei.lin", "Mei Lin"), allowed: true, audio_only: false, favourite: true },
  { person: person("jonas", "Jonas Weber"), allowed: false, audio_only: true, favourite: false },
];
const attempts: RefusedAttempt[] = [
  { person: person("nadia", "Nadia Brandt"), at_ms: Date.now() - 2 * HOUR, video: true, reason: "audience.none" },
  { person: person("jonas", "Jonas Weber"), at_ms: Date.now() - 9 * HOUR, video: false, reason: "quiet_hours" },
  { person: person("jonas", "Jonas Weber"), at_ms: Date.now() - 9.1 * HOUR, video: false, reason: "quiet_hours" },
  { person: person("mallory", "Mallory Stone"), at_ms: Date.now() - 27 * HOUR, video: false, reason: "blocked" },
  { person: person("leo", "Leo Park"), at_ms: Date.now() - 30 * HOUR, video: true, reason: "operator" },
  { person: person("tomas", ""), at_ms: Date.now() - 50 * HOUR, video: false, reason: "a_rule_of_tomorrow" },
];

export type Trouble = "none" | "slow" | "lost";

class Service implements Asker {
  private choices = new Map<string, ChosenPerson>(chosen.map((one) => [one.person.username, one]));

  constructor(
    private settings: CallSettings,
    private readonly attempts: RefusedAttempt[],
    private readonly trouble: Trouble,
  ) {}

  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    if (this.trouble === "slow") await new Promise(() => undefined);
    if (this.trouble === "lost" && path !== "/v1/me/call-settings") throw new Refused(Reason.UNAVAILABLE, "");
    return this.answer(method, path, body) as T;
  }

  private answer(method: string, path: string, body: unknown): unknown {
    if (path.endsWith("/preview")) {
      const { settings = this.settings, people } = body as { settings?: CallSettings; people: Sample[] };
      return { previews: people.map((one) => this.preview(one, settings)) };
    }
    if (path === "/v1/me/people-settings") return { people: [...this.choices.values()] };
    if (path.startsWith("/v1/me/refused-attempts")) return { attempts: this.attempts, next: 0 };
    if (path.startsWith("/v1/me/people-settings/")) return this.choose(path.split("/").at(-1) ?? "", method === "DELETE" ? undefined : (body as PersonChoices));
    if (path === "/v1/me/call-settings" && method === "PUT") this.settings = body as CallSettings;
    return this.settings;
  }

  private choose(username: string, choices: PersonChoices | undefined): undefined {
    const who = people.find((one) => one.username === username) ?? bob;
    if (choices === undefined) this.choices.delete(username);
    else this.choices.set(username, { person: who, ...choices });
  }

  private preview(sample: Sample, settings: CallSettings): Preview {
    const choices = "username" in sample ? this.choices.get(sample.username) : undefined;
    const audience = "username" in sample ? "contacts" : OF_KIND[sample.kind];
    const isStranger = audience === "verified" || audience === "everyone";
    const held = settings.audiences.includes(audience) ? audience : settings.audiences.includes("everyone") ? "everyone" : undefined;
    const { favourites } = settings.quiet_hours;
    const about = { audio_only: settings.audio_only.includes(held ?? "everyone") || choices?.audio_only === true, relay: isStranger || settings.always_relay };
    const isAllowed = choices?.allowed === true;
    if (held === undefined && !isAllowed) return { ...about, rings: false, reason: "audience.none" };
    if (isStranger && settings.must_have_messaged && !isAllowed) return { ...about, rings: false, reason: "must_have_messaged" };
    if (quietUntil(settings.quiet_hours, Date.now()) === undefined) return { ...about, rings: true, reason: isAllowed ? "person.allowed" : `audience.${held}` };
    return choices?.favourite === true && favourites ? { ...about, rings: true, reason: "quiet_hours.favourite" } : { ...about, rings: false, reason: "quiet_hours" };
  }
}

export function consentOf(settings: CallSettings, trouble: Trouble = "none", tried: RefusedAttempt[] = attempts): Consent {
  return new Consent(new Service(settings, tried, trouble));
}
