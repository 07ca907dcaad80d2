/** Who is here: nobody, somebody new who has to save recovery codes, or somebody signed in. */
import { Reason, Refused, Session } from "@ringline/client";
import { useEffect, useState } from "react";
import { Codes } from "./account/codes";
import { devLink } from "./account/dev_link";
import type { Door } from "./account/enter";
import { Enter } from "./account/enter";
import { rest } from "./gateway";
import { Home } from "./home";
import type { Message } from "./words/words";
import { say, useLanguage } from "./words/words";

type Here =
  | { is: "unknown" }
  | { is: "out"; notice?: string }
  | { is: "new"; session: Session; codes: string[] }
  | { is: "in"; session: Session };

const now = () => Date.now();

export function App() {
  const [here, setHere] = useState<Here>({ is: "unknown" });
  const [door, setDoor] = useState<Door>("sign-in");
  useLanguage();
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
          username={here.session.account.username}
          codes={here.codes}
          done={() => setHere({ is: "in", session: here.session })}
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
              setHere({ is: "new", session: await signIn(username, password), codes });
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
    return { is: "out", notice: error instanceof Refused ? sentence(error) : say("This browser lets the page keep no key: open it over https or on localhost.") };
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
    throw error instanceof Refused ? new Error(sentence(error)) : error;
  }
}

const SENTENCES: Partial<Record<Reason, Message>> = {
  [Reason.USERNAME_TAKEN]: "That username is taken.",
  [Reason.USERNAME_RESERVED]: "That username cannot be had.",
  [Reason.USERNAME_LOOKALIKE]: "That username looks too much like somebody else's.",
  [Reason.USERNAME_INVALID]: "A username has letters, digits, dots and underscores, and begins with a letter.",
  [Reason.PASSWORD_WEAK]: "That password is too short or too common.",
  [Reason.CREDENTIALS_WRONG]: "Username and password do not belong together.",
  [Reason.SIGN_UP_CLOSED]: "New accounts cannot be made here at the moment.",
  [Reason.LIMITED]: "Too many tries from your network. Wait a while, then try again.",
  [Reason.UNAVAILABLE]: "Ringline cannot be reached. Check your connection and try again.",
};

function sentence(refused: Refused): string {
  const known = SENTENCES[refused.reason];
  return known === undefined ? refused.sentence : say(known);
}
