/** Sign in, make an account, set a new password with a recovery code. */
import type { ReactNode } from "react";
import { useState } from "react";
import { Button, FieldError, Form, Input, Label, Text, TextField } from "react-aria-components";
import { Mark } from "../design/icons";
import type { Message } from "../words/words";
import { say } from "../words/words";
import "./enter.css";

export type Door = "sign-in" | "sign-up" | "recover";

export interface EnterActions {
  signIn(username: string, password: string): Promise<void>;
  signUp(username: string, password: string, displayName: string): Promise<void>;
  recover(username: string, code: string, password: string): Promise<void>;
}

interface EnterProps {
  door: Door;
  goTo(door: Door): void;
  actions: EnterActions;
  /** One sentence why somebody has to sign in again. */
  notice: string | undefined;
}

export function Enter({ door, goTo, actions, notice }: EnterProps) {
  const [wrong, setWrong] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const submit = (event: React.FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return; // the button stays what has the focus
    const data = new FormData(event.currentTarget);
    const text = (name: string) => String(data.get(name) ?? "");
    const work =
      door === "sign-in"
        ? actions.signIn(text("username"), text("password"))
        : door === "sign-up"
          ? actions.signUp(text("username"), text("password"), text("name"))
          : actions.recover(text("username"), text("code"), text("password"));
    setBusy(true);
    setWrong(undefined);
    work.catch((error: unknown) => setWrong(String(error instanceof Error ? error.message : error))).finally(() => setBusy(false));
  };
  const change = (to: Door) => () => {
    setWrong(undefined);
    goTo(to);
  };
  return (
    <Welcome>
      <h1>{say(TITLES[door])}</h1>
      <p className="quiet enter-lead">{say(LEADS[door])}</p>
      {(wrong ?? notice) !== undefined && (
        <p role="alert" className="notice">
          {wrong ?? notice}
        </p>
      )}
      <Form className="enter-form" onSubmit={submit} key={door}>
        <Username />
        {door === "sign-up" && (
          <TextField className="field" name="name" maxLength={50} autoComplete="name">
            <Label>{say("Name (optional)")}</Label>
            <Input placeholder={say("How people read you")} />
          </TextField>
        )}
        {door === "recover" && (
          <TextField className="field" name="code" isRequired autoComplete="off">
            <Label>{say("Recovery code")}</Label>
            <Input />
            <FieldError className="help" />
          </TextField>
        )}
        <Password door={door} />
        <Button className="button wide" type="submit" data-busy={busy}>
          {say(SUBMITS[door])}
        </Button>
      </Form>
      <Ways door={door} change={change} />
    </Welcome>
  );
}

/** To the other doors. */
function Ways({ door, change }: { door: Door; change(to: Door): () => void }) {
  return (
    <div className="enter-ways">
      {door === "sign-in" ? (
        <>
          <Button className="link" onPress={change("sign-up")}>
            {say("Create an account")}
          </Button>
          <Button className="link" onPress={change("recover")}>
            {say("Forgot your password?")}
          </Button>
        </>
      ) : (
        <Button className="link" onPress={change("sign-in")}>
          {say("I have an account")}
        </Button>
      )}
    </div>
  );
}

const TITLES: Record<Door, Message> = { "sign-in": "Welcome back", "sign-up": "Choose your username", recover: "Set a new password" };
const LEADS: Record<Door, Message> = {
  "sign-in": "Sign in to call and be called.",
  "sign-up": "It is all people need to call you. No phone number, no mail address.",
  recover: "One of the ten codes you saved when you made the account. It is good once, and every device is signed out.",
};
const SUBMITS: Record<Door, Message> = { "sign-in": "Sign in", "sign-up": "Create account", recover: "Set password" };

function Username() {
  return (
    <TextField className="field" name="username" isRequired autoComplete="username" maxLength={40}>
      <Label>{say("Username")}</Label>
      <span className="at-input">
        <span aria-hidden="true">@</span>
        <Input autoCapitalize="none" autoCorrect="off" spellCheck={false} />
      </span>
      <FieldError className="help" />
    </TextField>
  );
}

function Password({ door }: { door: Door }) {
  const fresh = door !== "sign-in";
  return (
    <TextField
      className="field"
      name="password"
      type="password"
      isRequired
      {...(fresh ? { minLength: 10 } : {})}
      maxLength={256}
      autoComplete={fresh ? "new-password" : "current-password"}
    >
      <Label>{door === "recover" ? say("New password") : say("Password")}</Label>
      <Input />
      {fresh && (
        <Text slot="description" className="help">
          {say("At least 10 characters.")}
        </Text>
      )}
      <FieldError className="help" />
    </TextField>
  );
}

/** The frame of everything before the first page. */
export function Welcome({ children }: { children: ReactNode }) {
  return (
    <div className="welcome">
      <aside className="welcome-side" aria-hidden="true">
        <div className="welcome-rings">
          <span />
          <span />
          <span />
          <Mark />
        </div>
        <p className="welcome-claim">{say("Call anyone by @username.")}</p>
        <p className="welcome-below">{say("Audio and video, from the place where you already write to each other.")}</p>
      </aside>
      <main className="welcome-main">
        <div className="welcome-card">
          <span className="brand welcome-brand">
            <Mark /> Ringline
          </span>
          {children}
        </div>
      </main>
    </div>
  );
}
