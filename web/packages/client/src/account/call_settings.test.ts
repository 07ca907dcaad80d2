import { describe, expect, it } from "vitest";
import { CallSettingsOf } from "./call_settings";

function asked(answer: unknown): { said: unknown[][]; settings: CallSettingsOf } {
  const said: unknown[][] = [];
  const ask = <T,>(...words: unknown[]): Promise<T> => {
    said.push(words);
    return Promise.resolve(answer as T);
  };
  return { said, settings: new CallSettingsOf(ask) };
}

describe("call settings", () => {
  it("says of a change what was changed and nothing else", async () => {
    const { said, settings } = asked({});
    await settings.change({ audiences: ["contacts"], always_relay: true });
    expect(said).toEqual([["PUT", "/v1/me/call-settings", { audiences: ["contacts"], always_relay: true }]]);
  });

  it("asks for a preview of the settings in force, of a draft, and of another time", async () => {
    const previews = [{ rings: true }];
    const { said, settings } = asked({ previews });
    const people = [{ username: "ada" }, { kind: "stranger" as const }];
    expect(await settings.preview(people)).toBe(previews);
    await settings.preview(people, { audiences: [] }, 0);
    const path = "/v1/me/call-settings/preview";
    expect(said).toEqual([
      ["POST", path, { people }],
      ["POST", path, { people, settings: { audiences: [] }, at_ms: 0 }],
    ]);
  });

  it("says something about one other, and takes it back", async () => {
    const { said, settings } = asked({ people: [] });
    const words = { allowed: true, audio_only: false, favourite: true };
    await settings.setPerson("@Ada/b", words);
    await settings.resetPerson("ada");
    expect(await settings.people()).toEqual([]);
    expect(said).toEqual([
      ["PUT", "/v1/me/people-settings/Ada%2Fb", words],
      ["DELETE", "/v1/me/people-settings/ada"],
      ["GET", "/v1/me/people-settings"],
    ]);
  });
});
