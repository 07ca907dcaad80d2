import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Rest } from "./rest";
import { Session } from "./session";

/** As much of IndexedDB as one store with get, put and delete needs. */
function fakeIndexedDb(kept: Map<string, unknown>) {
  const done = (result: unknown) => {
    const request = { result, onsuccess: () => undefined, onupgradeneeded: () => undefined };
    setTimeout(() => request.onsuccess(), 0);
    return request;
  };
  const store = {
    get: (name: string) => done(kept.get(name)),
    put: (value: unknown, name: string) => done(void kept.set(name, value)),
    delete: (name: string) => done(kept.delete(name)),
  };
  return { open: () => done({ transaction: () => ({ objectStore: () => store }) }) };
}

class Browser {
  readonly kept = new Map<string, unknown>();
  readonly words = new Map<string, string>();
  readonly asked: string[] = [];
  /** What the next requests are refused with: status and reason. */
  refusal: [number, string] | undefined;
  /** Reasons that the next requests are refused with, one each. */
  readonly refusals: string[] = [];
  /** It proves nothing then. */
  wrongClock = false;
  /** What somebody is called now. */
  readonly names = new Map<string, string>();
  private devices = 0;

  readonly rest = new Rest("", async (url, init) => {
    this.asked.push(`${init.method ?? ""} ${url}`);
    if (this.refusal !== undefined) return new Response(JSON.stringify({ reason: this.refusal[1] }), { status: this.refusal[0] });
    const token = new Headers(init.headers).get("Authorization")?.split(" ")[1] ?? "";
    if (url === "/v1/sessions/renew") return this.renewed(String(init.body));
    const reason = this.refusals.shift();
    if (reason !== undefined) return new Response(JSON.stringify({ reason }), { status: 401 });
    if (url === "/v1/me/username") this.names.set(token, (JSON.parse(String(init.body)) as { username: string }).username);
    if (url === "/v1/me" || url === "/v1/me/username") return Response.json(this.account(token));
    if (url !== "/v1/sessions") return Response.json({});
    this.devices += 1;
    const { username } = JSON.parse(String(init.body)) as { username: string };
    return Response.json({ account: this.account(username), device: { device_id: `d_${this.devices}` }, access_token: username, expires_in: 900 });
  });

  private renewed(body: string): Response {
    if (this.wrongClock) return new Response(JSON.stringify({ reason: "proof_invalid" }), { status: 401 });
    const { user_id } = JSON.parse(body) as { user_id: string };
    return Response.json({ access_token: user_id.slice(2), expires_in: 900 });
  }

  private account(name: string) {
    const username = this.names.get(name) ?? name;
    return { user_id: `u_${name}`, username, display_name: "", verified: false, tier: "", searchable: false };
  }

  signIn(username: string): Promise<Session> {
    return Session.signIn(this.rest, Date.now, username, "password");
  }
}

const before = { indexedDB: globalThis.indexedDB, sessionStorage: Object.getOwnPropertyDescriptor(globalThis, "sessionStorage") };
let browser: Browser;

beforeEach(() => {
  browser = new Browser();
  const { words } = browser;
  const storage = {
    get length() {
      return words.size;
    },
    key: (at: number) => [...words.keys()][at] ?? null,
    removeItem: (key: string) => words.delete(key),
  };
  Object.defineProperty(globalThis, "sessionStorage", { value: storage, configurable: true });
  Object.assign(globalThis, { indexedDB: fakeIndexedDb(browser.kept) });
});

afterEach(() => {
  Object.assign(globalThis, { indexedDB: before.indexedDB });
  if (before.sessionStorage === undefined) Reflect.deleteProperty(globalThis, "sessionStorage");
  else Object.defineProperty(globalThis, "sessionStorage", before.sessionStorage);
});

describe("a session", () => {
  it("that the server has ended leaves the one that was begun meanwhile in another tab", async () => {
    const old = await browser.signIn("ada");
    await browser.signIn("ada");
    await old.forget();
    expect((await Session.resume(browser.rest, Date.now))?.deviceId).toBe("d_2");
    expect(browser.asked.filter((one) => one.startsWith("DELETE"))).toEqual([]);
  });

  it("is over for all tabs where its user signs out, and leaves no words behind", async () => {
    const session = await browser.signIn("ada");
    browser.words.set("ringline.outbox.u_ada", "[...]").set("ringline.outbox.u_bob", "[...]");
    await session.signOut();
    expect(session.left.aborted).toBe(true);
    expect([...browser.words.keys()]).toEqual(["ringline.outbox.u_bob"]);
    expect(await Session.resume(browser.rest, Date.now)).toBeUndefined();
    expect(browser.asked.at(-1)).toBe("DELETE /v1/me/devices/d_1");
  });

  it("is held not to be over by a server that is only busy", async () => {
    const session = await browser.signIn("ada");
    expect(await session.holds()).toBe(true);
    browser.refusal = [429, "limited"];
    await expect(session.holds()).rejects.toThrow();
    browser.refusal = [401, "device_revoked"];
    expect(await session.holds()).toBe(false);
  });

  it("is not over for a token that is old: only a fresh one tells", async () => {
    const session = await browser.signIn("ada");
    browser.refusals.push("token_invalid");
    expect(await session.holds()).toBe(true);
    expect(browser.asked.slice(-3)).toEqual(["GET /v1/me", "POST /v1/sessions/renew", "GET /v1/me"]);
    browser.refusals.push("token_invalid", "token_invalid");
    expect(await session.holds()).toBe(false);
  });

  it("is not over for a clock that is wrong", async () => {
    const session = await browser.signIn("ada");
    browser.refusals.push("token_invalid");
    browser.wrongClock = true;
    await expect(session.holds()).rejects.toMatchObject({ reason: Reason.PROOF_INVALID });
    browser.wrongClock = false;
    expect(await session.holds()).toBe(true);
  });

  it("learns, and keeps, that its user was renamed on another device", async () => {
    const [here, there] = [await browser.signIn("ada"), await browser.signIn("ada")];
    await here.rename("lovelace");
    expect(here.account.username).toBe("lovelace");
    expect(browser.asked.at(-1)).toBe("PUT /v1/me/username");
    await there.me();
    expect(there.account).toMatchObject({ user_id: "u_ada", username: "lovelace" });
    expect((await Session.resume(browser.rest, Date.now))?.account.username).toBe("lovelace");
  });

  it("does not go back to its old name for an answer of before", async () => {
    const session = await browser.signIn("ada");
    const old = session.me();
    session.account = { ...session.account, username: "lovelace" };
    await old;
    expect(session.account.username).toBe("lovelace");
  });

  it("is worth more patience where it begins: codes that are told once are not asked for again", async () => {
    const slow = new Rest(
      "",
      (_, { signal }) =>
        new Promise((resolve, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason));
          setTimeout(() => resolve(Response.json({ recovery_codes: ["a"], codes_left: 7 })), 50);
        }),
      5,
    );
    expect(await Session.signUp(slow, "ada", "password", "")).toEqual(["a"]);
    expect(await Session.recover(slow, "ada", "a", "password")).toBe(7);
  });

  it("is ended at the server with a later visit where it could not be at once", async () => {
    const session = await browser.signIn("ada");
    browser.refusal = [503, "unavailable"];
    await session.signOut();
    browser.refusal = undefined;
    browser.asked.length = 0;
    await Session.finish(browser.rest, Date.now);
    expect(browser.asked).toEqual(["POST /v1/sessions/renew", "DELETE /v1/me/devices/d_1"]);
    await Session.finish(browser.rest, Date.now);
    expect(browser.asked).toHaveLength(2);
  });

  it("leaves nobody else's words in a tab that begins anew", async () => {
    await browser.signIn("ada");
    browser.words.set("ringline.outbox.u_ada", "[...]").set("ringline.outbox.u_bob", "[...]").set("other", "1");
    await Session.resume(browser.rest, Date.now);
    expect([...browser.words.keys()]).toEqual(["ringline.outbox.u_ada", "other"]);
  });

  it("writes its own name into no session of somebody else", async () => {
    const old = await browser.signIn("ada");
    await browser.signIn("bob");
    await old.changeProfile({ display_name: "Ada" });
    expect((await Session.resume(browser.rest, Date.now))?.account.username).toBe("bob");
  });
});
