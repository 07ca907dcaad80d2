import { create } from "@bufbuild/protobuf";
import { afterEach, expect, it, vi } from "vitest";
import type { Session } from "./account/session";
import { WelcomeSchema } from "./gen/ringline/v1/client_pb";
import { Ringline } from "./ringline";
import { settle } from "./threads/fake_service";

afterEach(() => void vi.unstubAllGlobals());

it("asks with each welcome what its user is called now, and is drawn anew", async () => {
  const storage = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined };
  for (const name of ["sessionStorage", "localStorage"]) vi.stubGlobal(name, storage);
  vi.stubGlobal("document", { visibilityState: "visible" });
  const account = { user_id: "u_ada", username: "ada" };
  const me = async () => void (account.username = "lovelace");
  const ask = () => new Promise(() => undefined);
  const session = { account, me, ask, left: new AbortController().signal } as unknown as Session;
  const ringline = new Ringline({ session, base: "", clientVersion: "test", capture: { get: ask as never } });
  const drawn: string[] = [];
  ringline.subscribe(() => drawn.push(account.username));
  ringline["welcome"](create(WelcomeSchema, { incarnation: 1n }));
  await settle();
  expect(drawn.at(-1)).toBe("lovelace");
  ringline.stop();
});
