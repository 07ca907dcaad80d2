/** The name people read, and whether search finds one. */
import type { Account } from "@ringline/client";
import { useState } from "react";
import { Button, Form, Input, Label, Switch, TextField } from "react-aria-components";
import { Avatar, nameOf } from "../design/avatar";
import { Track } from "../design/box";
import { say } from "../words/words";

interface ProfileFormProps {
  account: Account;
  change(part: { display_name?: string; searchable?: boolean }): void;
}

export function ProfileForm({ account, change }: ProfileFormProps) {
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
          <h2>{nameOf(account)}</h2>
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
