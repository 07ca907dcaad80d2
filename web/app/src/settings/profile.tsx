/** The name people read, the username with which they call, and whether search finds one. */
import type { Account } from "@ringline/client";
import { useState } from "react";
import { Button, FieldError, Form, Input, Label, Switch, Text, TextField } from "react-aria-components";
import { Avatar, Name } from "../design/avatar";
import { Track } from "../design/box";
import { say } from "../words/words";

interface ProfileFormProps {
  account: Account;
  change(part: { display_name?: string; searchable?: boolean }): void;
  /** Answers why not, in words. */
  rename(username: string): Promise<string | undefined>;
}

export function ProfileForm({ account, change, rename }: ProfileFormProps) {
  const [name, setName] = useState<string | undefined>(undefined);
  const shown = name ?? account.display_name;
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    change({ display_name: shown.trim() });
    setName(undefined);
  };
  return (
    <section className="settings-group" aria-label={say("Profile")}>
      <div className="settings-me">
        <Avatar person={account} size={64} />
        <div>
          <h2><Name person={account} /></h2>
          <p className="quiet"><bdi>@{account.username}</bdi></p>
        </div>
      </div>
      <div className="settings-card">
        <Form className="settings-row settings-name" onSubmit={submit}>
          <TextField className="field" value={shown} onChange={setName} maxLength={50} autoComplete="name">
            <Label>{say("Name")}</Label>
            <Input placeholder={say("How people read you")} />
          </TextField>
          <Button className="button" type="submit" isDisabled={shown.trim() === account.display_name}>
            {say("Save")}
          </Button>
        </Form>
        <UsernameForm username={account.username} rename={rename} />
        <Switch className="switch settings-row" isSelected={account.searchable} onChange={(searchable) => change({ searchable })}>
          <span className="settings-words">
            {say("Let people find me by my name")}
            <span className="quiet">{say("Whoever knows your exact username always finds you.")}</span>
          </span>
          <Track />
        </Switch>
      </div>
    </section>
  );
}

function UsernameForm({ username, rename }: { username: string; rename: ProfileFormProps["rename"] }) {
  const [typed, setTyped] = useState<string | undefined>(undefined);
  const [wrong, setWrong] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const shown = typed ?? username;
  const wish = shown.trim().replace(/^@+/, "");
  const same = wish === "" || wish === username;
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    if (busy || same) return;
    setBusy(true);
    const why = await rename(wish);
    setBusy(false);
    setWrong(why);
    if (why === undefined) setTyped(undefined);
  };
  return (
    <Form className="settings-row settings-name" onSubmit={(event) => void submit(event)}>
      <TextField className="field" value={shown} onChange={(text) => (setTyped(text), setWrong(undefined))} isInvalid={wrong !== undefined} validationBehavior="aria" maxLength={40} autoComplete="off">
        <Label>{say("Username")}</Label>
        <span className="at-input">
          <span aria-hidden="true">@</span>
          <Input autoCapitalize="none" autoCorrect="off" spellCheck={false} />
        </span>
        {!same && wrong === undefined && (
          <Text slot="description" className="help">
            {say("People call you with it from then on. @{username} is held back for you for 30 days; after that somebody else may take it.", { username })}
          </Text>
        )}
        <span role="alert">
          <FieldError className="help wrong">{wrong}</FieldError>
        </span>
      </TextField>
      <Button className="button" type="submit" isDisabled={same} data-busy={busy}>
        {say("Change")}
      </Button>
    </Form>
  );
}
