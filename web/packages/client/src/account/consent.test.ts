import { describe, expect, it } from "vitest";
import { Consent } from "./consent";

/** Answers by method and path, and keeps what was asked. */
class Service {
  readonly asked: [string, unknown][] = [];
  readonly answers = new Map<string, unknown>();

  async ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    this.asked.push([`${method} ${path}`, body]);
    return this.answers.get(`${method} ${path}`) as T;
  }
}

const person = (username: string) => ({ user_id: `u_${username}`, username, display_name: "", verified: false });

describe("who may ring", () => {
  it("is what it was before, where an older server says only the audiences", async () => {
    const service = new Service();
    service.answers.set("GET /v1/me/call-settings", { audiences: ["contacts"] });
    expect(await new Consent(service).settings()).toEqual({
      audiences: ["contacts"],
      audio_only: [],
      must_have_messaged: false,
      always_relay: false,
      quiet_hours: { spans: [], time_zone: "", favourites: false, repeated: false },
    });
  });

  it("is asked about with the settings in force, unless others are given", async () => {
    const service = new Service();
    const answer = [{ kind: "stranger", rings: false, audio_only: false, relay: true, reason: "audience.none" }];
    service.answers.set("POST /v1/me/call-settings/preview", { previews: answer });
    service.answers.set("GET /v1/me/call-settings", { audiences: [] });
    const consent = new Consent(service);
    expect(await consent.preview([{ kind: "stranger" }])).toEqual(answer);
    const draft = await consent.settings();
    await consent.preview([{ username: "bob" }], draft);
    expect(service.asked[0]?.[1]).toEqual({ people: [{ kind: "stranger" }] });
    expect(service.asked[2]?.[1]).toEqual({ settings: draft, people: [{ username: "bob" }] });
  });

  it("leaves nothing behind of a person for whom nothing is chosen any more", async () => {
    const service = new Service();
    const consent = new Consent(service);
    await consent.choose("bob", { allowed: true, audio_only: false, favourite: false });
    await consent.choose("bob", { allowed: false, audio_only: false, favourite: false });
    expect(service.asked).toEqual([
      ["PUT /v1/me/people-settings/bob", { allowed: true, audio_only: false, favourite: false }],
      ["DELETE /v1/me/people-settings/bob", undefined],
    ]);
  });

  it("says nothing of its own about somebody who is not in the list", async () => {
    const service = new Service();
    service.answers.set("GET /v1/me/people-settings", { people: [{ person: person("bob"), allowed: true, audio_only: false, favourite: true }] });
    const consent = new Consent(service);
    expect(await consent.choices("bob")).toEqual({ allowed: true, audio_only: false, favourite: true });
    expect(await consent.choices("cy")).toEqual({ allowed: false, audio_only: false, favourite: false });
  });
});

describe("attempts that did not ring", () => {
  it("are read page by page", async () => {
    const service = new Service();
    const attempt = { person: person("cy"), at_ms: 1, video: false, reason: "audience.none" };
    service.answers.set("GET /v1/me/refused-attempts?limit=100&before=0", { attempts: [attempt], next: 7 });
    service.answers.set("GET /v1/me/refused-attempts?limit=100&before=7", { attempts: [], next: 0 });
    const consent = new Consent(service);
    expect(await consent.refusedAttempts()).toEqual({ attempts: [attempt], next: 7 });
    expect((await consent.refusedAttempts(7)).next).toBe(0);
  });
});

describe("a report", () => {
  it("carries what its writer chose, and no words where there are none", async () => {
    const service = new Service();
    const report = { username: "mallory", category: "spam", text: "", call_ids: ["c1"], message_ids: [], block: true, client_id: "r1" } as const;
    await new Consent(service).report({ ...report, call_ids: ["c1"], message_ids: [] });
    expect(service.asked).toEqual([
      ["POST /v1/me/reports", { username: "mallory", category: "spam", call_ids: ["c1"], message_ids: [], block: true, client_id: "r1" }],
    ]);
  });
});
