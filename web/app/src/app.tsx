/** Who is here: nobody, somebody new who has to save recovery codes, or somebody signed in. */
import { Reason, Refused, Session } from "@ringline/client";
import { useEffect, useState } from "react";
import { I18nProvider } from "react-aria-components";
import { Codes } from "./account/codes";
import { devLink } from "./account/dev_link";
import type { Door } from "./account/enter";
import { Enter } from "./account/enter";
import { keepFocus } from "./design/focus";
import { rest } from "./gateway";
import { Home } from "./home";
import { refusal } from "./words/refusal";
import { region, say, useLanguage } from "./words/words";

type Here =
  | { is: "unknown" }
  | { is: "out"; notice?: string }
  /** Without a session where the account was made and signing in did not work: the codes are shown all the same. */
  | { is: "new"; username: string; session: Session | undefined; codes: string[] }
  | { is: "in"; session: Session };

const now = () => Date.now();
const AT_THE_DOOR = { [Reason.LIMITED]: "Too many tries from your network. Wait a while, then try again." } as const;

export function App() {
  useLanguage();
  useEffect(keepFocus, []);
  return (
    <I18nProvider locale={region()}>
      <Whoever />
    </I18nProvider>
  );
}

function Whoever() {
  const [here, setHere] = useState<Here>({ is: "unknown" });
  const [door, setDoor] = useState<Door>("sign-in");
  useEffect(() => {
    void arrive().then(setHere);
  }, []);

  switch (here.is) {
    case "unknown":
      return null;
    case "in":
      return <Home session={here.session} left={(notice) => setHere(notice === undefined ? { is: "out" } : { is: "out", notice })} />;
    case "new":
      return (
        <Codes
          username={here.username}
          codes={here.codes}
          done={() => setHere(here.session === undefined ? { is: "out" } : { is: "in", session: here.session })}
        />
      );
    case "out":
      return (
        <Enter
          door={door}
          goTo={setDoor}
          notice={here.notice}
          actions={{
            signIn: async (username, password) => setHere({ is: "in", session: await signIn(username, password) }),
            signUp: async (username, password, displayName) => {
              const codes = await spoken(Session.signUp(rest, username, password, displayName));
              const session = await signIn(username, password).catch(() => undefined);
              setHere({ is: "new", username: session?.account.username ?? username, session, codes });
            },
            recover: async (username, code, password) => {
              const left = await spoken(Session.recover(rest, username, code, password));
              setDoor("sign-in");
              setHere({ is: "out", notice: say("Your password is set. You have {left} recovery codes left. Now sign in with it.", { left }) });
            },
          }}
        />
      );
  }
}

/** The session of the link that was opened, or that of an earlier visit. */
async function arrive(): Promise<Here> {
  try {
    const link = await devLink(rest);
    const known = await Session.resume(rest, now);
    if (link !== undefined && (known?.account.username !== link.username || !(await known.holds()))) {
      return { is: "in", session: await Session.signIn(rest, now, link.username, link.password) };
    }
    return known === undefined ? { is: "out" } : { is: "in", session: known };
  } catch (error) {
    return { is: "out", notice: wordsOf(error) };
  }
}

function signIn(username: string, password: string): Promise<Session> {
  return spoken(Session.signIn(rest, now, username, password));
}

/** A refusal in words for people. */
async function spoken<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(wordsOf(error));
  }
}

function wordsOf(error: unknown): string {
  if (error instanceof Refused) return refusal(error, AT_THE_DOOR);
  return say("This browser lets the page keep no key: open it over https or on localhost.");
}

