/** A signed-in device: its token, renewed by its key, and what its user may ask. */
import { Reason } from "../gen/ringline/v1/reasons_pb";
import { Refused } from "../line/commands";
import type { Ticket } from "../line/line";
import { token as random } from "./bytes";
import { DeviceKey, forget, normal, read, write } from "./device";
import type { Account, Audience, Device, Entitlement, Person, ProfileChange, Rest, Standing } from "./rest";
import { ONCE_MS, segment } from "./rest";
import { endOf } from "../line/endings";
import { forgetOthers, forgetOutbox } from "../threads/outbox";

const KEPT = "session";
/** Sessions that were ended here, and at the server not yet. */
const LEFT = "left";
const EARLY_MS = 30_000;
/** Of a list of people that are read at most. */
const PAGES = 10;

interface SignedIn {
  account: Account;
  device: { device_id: string };
  access_token: string;
  expires_in: number;
}

/** What is kept of a session between visits; the token is not. */
interface Kept {
  keyName: string;
  account: Account;
  deviceId: string;
}

export class Session {
  private token = "";
  private expiresAt = 0;
  private renewing: Promise<void> | undefined;
  private readonly leaving = new AbortController();

  private constructor(
    private readonly rest: Rest,
    private readonly key: DeviceKey,
    private readonly now: () => number,
    public account: Account,
    readonly deviceId: string,
  ) {}

  /** The session of an earlier visit; undefined where nobody is signed in. Waits for no answer of the server. */
  static async resume(rest: Rest, now: () => number): Promise<Session | undefined> {
    const kept = await read<Kept>(KEPT);
    forgetOthers(sessionStorage, kept?.account.user_id ?? "");
    void Session.finish(rest, now).catch(() => undefined); // else with the next visit
    return kept === undefined ? undefined : Session.load(rest, now, kept);
  }

  /** Ends at the server what could not be ended there when its user signed out. */
  static async finish(rest: Rest, now: () => number): Promise<void> {
    for (const kept of (await read<Kept[]>(LEFT)) ?? []) await (await Session.load(rest, now, kept)).end();
  }

  private static async load(rest: Rest, now: () => number, { keyName, account, deviceId }: Kept): Promise<Session> {
    return new Session(rest, await DeviceKey.load(keyName), now, account, deviceId);
  }

  /** @throws Refused */
  static async signIn(rest: Rest, now: () => number, username: string, password: string): Promise<Session> {
    const keyName = `key.${random(9)}`;
    const key = await DeviceKey.load(keyName);
    const device = await key.prove("sign-in", normal(username), now(), deviceName());
    const answer = await rest
      .ask<SignedIn>("POST", "/v1/sessions", { username, password, device })
      .catch(async (error: unknown) => {
        await forget(keyName);
        throw error;
      });
    const kept: Kept = { keyName, account: answer.account, deviceId: answer.device.device_id };
    await write(KEPT, kept);
    const session = new Session(rest, key, now, answer.account, answer.device.device_id);
    session.keep(answer);
    return session;
  }

  /** @returns the recovery codes, which are shown once. @throws Refused */
  static async signUp(rest: Rest, username: string, password: string, displayName: string): Promise<string[]> {
    const body = { username, password, ...(displayName === "" ? {} : { display_name: displayName }) };
    const answer = await rest.ask<{ recovery_codes: string[] }>("POST", "/v1/accounts", body, undefined, ONCE_MS);
    return answer.recovery_codes;
  }

  static async recover(rest: Rest, username: string, code: string, password: string): Promise<number> {
    const body = { username, recovery_code: code, new_password: password };
    return (await rest.ask<{ codes_left: number }>("POST", "/v1/recoveries", body, undefined, ONCE_MS)).codes_left;
  }

  /** Whether the server still knows this device. Rejects with Refused where it cannot be reached. */
  async holds(): Promise<boolean> {
    try {
      await this.me();
      return true;
    } catch (error) {
      if (endOf(error) === "signed-out") return false;
      throw error;
    }
  }

  /** Signs this device out, for all tabs of the browser. */
  async signOut(): Promise<void> {
    const kept = await read<Kept>(KEPT).catch(() => undefined);
    if (kept?.deviceId === this.deviceId) await this.note([kept]).catch(() => undefined);
    await this.forget();
    await this.end();
  }

  /** Signs this device out at the server, now or with the next visit. */
  private async end(): Promise<void> {
    try {
      await this.revoke(this.deviceId);
    } catch (error) {
      if (endOf(error) !== "signed-out") return;
    }
    await this.note([]);
  }

  /** What is still to be ended of this session, beside others. */
  private async note(own: Kept[]): Promise<void> {
    const others = ((await read<Kept[]>(LEFT)) ?? []).filter((one) => one.deviceId !== this.deviceId);
    await write(LEFT, [...others, ...own]);
  }

  /**
   * The server has signed this device out: forgets its session, unless another one was begun in this browser meanwhile.
   * The key stays behind and opens nothing by itself.
   */
  async forget(): Promise<void> {
    this.leaving.abort();
    forgetOutbox(sessionStorage, this.account.user_id);
    const kept = await read<Kept>(KEPT).catch(() => undefined);
    if (kept?.deviceId === this.deviceId) await forget(KEPT).catch(() => undefined);
  }

  /** Aborted when it is over: whoever works for it stops. */
  get left(): AbortSignal {
    return this.leaving.signal;
  }

  async ticket(patienceMs?: number): Promise<Ticket> {
    const body = { device_id: this.deviceId };
    const { ticket } = await this.ask<{ ticket: string }>("POST", "/v1/tickets", body, patienceMs);
    return { ticket, signature: await this.key.signTicket(ticket) };
  }

  profile(username: string): Promise<Person> {
    return this.ask("GET", `/v1/users/${segment(username)}`);
  }

  async search(query: string): Promise<Person[]> {
    const answer = await this.ask<{ people: Person[] }>("GET", `/v1/users?query=${encodeURIComponent(query)}`);
    return answer.people;
  }

  contacts(): Promise<Person[]> {
    return this.people("/v1/me/contacts");
  }

  setContact(username: string, present: boolean): Promise<unknown> {
    return this.ask(present ? "PUT" : "DELETE", `/v1/me/contacts/${segment(username)}`);
  }

  async audiences(): Promise<Audience[]> {
    return (await this.ask<{ audiences: Audience[] }>("GET", "/v1/me/call-settings")).audiences;
  }

  async setAudiences(audiences: Audience[]): Promise<Audience[]> {
    return (await this.ask<{ audiences: Audience[] }>("PUT", "/v1/me/call-settings", { audiences })).audiences;
  }

  setFollows(username: string, present: boolean): Promise<unknown> {
    return this.ask(present ? "PUT" : "DELETE", `/v1/me/follows/${segment(username)}`);
  }

  setBlocked(username: string, present: boolean): Promise<unknown> {
    return this.ask(present ? "PUT" : "DELETE", `/v1/me/blocks/${segment(username)}`);
  }

  async messageAudiences(): Promise<Audience[]> {
    return (await this.ask<{ audiences: Audience[] }>("GET", "/v1/me/message-settings")).audiences;
  }

  async setMessageAudiences(audiences: Audience[]): Promise<Audience[]> {
    return (await this.ask<{ audiences: Audience[] }>("PUT", "/v1/me/message-settings", { audiences })).audiences;
  }

  /** How one stands to somebody. Asked in lists, as the server keeps them. */
  async standing(username: string): Promise<Standing> {
    const [contacts, follows, blocks] = await Promise.all([
      this.people("/v1/me/contacts"),
      this.people("/v1/me/follows"),
      this.blocked(),
    ]);
    const among = (people: Person[]) => people.some((one) => one.username === username);
    return { contact: among(contacts), follows: among(follows), blocked: among(blocks) };
  }

  async blocked(): Promise<Person[]> {
    return (await this.ask<{ people: Person[] }>("GET", "/v1/me/blocks")).people;
  }

  async devices(): Promise<Device[]> {
    return (await this.ask<{ devices: Device[] }>("GET", "/v1/me/devices")).devices;
  }

  revoke(deviceId: string): Promise<unknown> {
    return this.ask("DELETE", `/v1/me/devices/${deviceId}`);
  }

  /** The account as it is now: another device may have changed it. */
  async me(): Promise<Account> {
    const before = this.account;
    const account = await this.ask<Account>("GET", "/v1/me");
    // What was changed here meanwhile is newer than this answer.
    if (this.account === before) await this.become(account);
    return this.account;
  }

  /** Takes another username. @throws Refused */
  async rename(username: string): Promise<Account> {
    await this.become(await this.ask<Account>("PUT", "/v1/me/username", { username }));
    return this.account;
  }

  /** Changes how one is shown to others, here and in what is kept of the session. */
  async changeProfile(change: ProfileChange): Promise<Account> {
    await this.become(await this.ask<Account>("PATCH", "/v1/me", change));
    return this.account;
  }

  entitlement(): Promise<Entitlement> {
    return this.ask("GET", "/v1/me/entitlement");
  }

  /** Asks as this device's user. Rejects with Refused. */
  async ask<T>(method: string, path: string, body?: unknown, patienceMs?: number): Promise<T> {
    if (this.now() > this.expiresAt - EARLY_MS) await this.freshen();
    const { token } = this;
    try {
      return await this.rest.ask<T>(method, path, body, token, patienceMs);
    } catch (error) {
      if (!(error instanceof Refused) || error.reason !== Reason.TOKEN_INVALID) throw error;
      // A clock that was set back takes an old token for a good one: only a fresh one tells who is signed out.
      if (token === this.token) await this.freshen();
      return this.rest.ask<T>(method, path, body, this.token, patienceMs);
    }
  }

  /** Renews the token, once for all who wait for it. */
  private freshen(): Promise<void> {
    this.renewing ??= this.renew().finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  /** For this visit and the next one, where the browser can keep it. */
  private async become(account: Account): Promise<void> {
    if (account.user_id !== this.account.user_id) return; // somebody else has answered
    this.account = account;
    const kept = await read<Kept>(KEPT).catch(() => undefined);
    if (kept?.deviceId === this.deviceId) await write(KEPT, { ...kept, account }).catch(() => undefined);
  }

  private async people(list: string): Promise<Person[]> {
    const all: Person[] = [];
    let after = "";
    for (let page = 0; page < PAGES; page += 1) {
      const path = `${list}?limit=200&after=${encodeURIComponent(after)}`;
      const answer = await this.ask<{ people: Person[]; next: string }>("GET", path);
      all.push(...answer.people);
      after = answer.next;
      if (after === "") break;
    }
    return all;
  }

  private async renew(): Promise<void> {
    const device = await this.key.prove("renew", this.account.user_id, this.now(), deviceName());
    const body = { user_id: this.account.user_id, device_id: this.deviceId, device };
    this.keep(await this.rest.ask<Pick<SignedIn, "access_token" | "expires_in">>("POST", "/v1/sessions/renew", body));
  }

  private keep(answer: Pick<SignedIn, "access_token" | "expires_in">): void {
    this.token = answer.access_token;
    this.expiresAt = this.now() + answer.expires_in * 1000;
  }
}

/** The owner's word for this device, such as "Firefox on Linux". */
function deviceName(): string {
  const agent = navigator.userAgent;
  const browser = /Firefox|Edg|Chrome|Safari/.exec(agent)?.[0] ?? "Browser";
  const system = /Android|iPhone|iPad|Windows|Mac|Linux/.exec(agent)?.[0];
  return system === undefined ? browser : `${browser} on ${system}`;
}
