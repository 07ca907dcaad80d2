/** The key of this browser profile: Ed25519 (RFC 8032), made here, kept in IndexedDB, and not extractable. */
import { b64url } from "./bytes";

const DATABASE = "ringline";
const STORE = "device";

/** A proof that this device holds its private key; DeviceProof in directory.proto. */
export interface Proof {
  public_key: string;
  signed_at_ms: number;
  signature: string;
  name: string;
}

export class DeviceKey {
  private constructor(
    private readonly pair: CryptoKeyPair,
    private readonly publicBytes: Uint8Array,
  ) {}

  /** The key kept under this name, or a new one. Needs a secure context: https or localhost. */
  static async load(name: string): Promise<DeviceKey> {
    const known = await read<CryptoKeyPair>(name);
    const pair = known ?? ((await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair);
    if (known === undefined) await write(name, pair);
    return new DeviceKey(pair, new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
  }

  /** @param subject the username in normal form; the user's id for "renew" */
  async prove(purpose: "sign-in" | "register" | "renew", subject: string, now: number, name: string): Promise<Proof> {
    const text = `ringline-device-v1:${purpose}:${subject}:${now}`;
    return { public_key: b64url(this.publicBytes), signed_at_ms: now, signature: b64url(await this.sign(text)), name };
  }

  signTicket(ticket: string): Promise<Uint8Array> {
    return this.sign(`ringline-line-v1:${ticket}`);
  }

  private async sign(text: string): Promise<Uint8Array> {
    const bytes = new TextEncoder().encode(text);
    return new Uint8Array(await crypto.subtle.sign("Ed25519", this.pair.privateKey, bytes));
  }
}

/** A username as a device signs it: without "@", in compatibility form, lower case. */
export function normal(username: string): string {
  return username.trim().replace(/^@+/, "").normalize("NFKC").toLowerCase().normalize("NFC");
}

/** What a kept value of this device is, such as the session; undefined where nothing is kept. */
export async function read<T>(name: string): Promise<T | undefined> {
  return finished<T | undefined>((await store("readonly")).get(name));
}

export async function write(name: string, value: unknown): Promise<void> {
  await finished((await store("readwrite")).put(value, name));
}

export async function forget(name: string): Promise<void> {
  await finished((await store("readwrite")).delete(name));
}

async function store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await finished<IDBDatabase>(opening);
  return database.transaction(STORE, mode).objectStore(STORE);
}

function finished<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("The browser's storage failed."));
  });
}
