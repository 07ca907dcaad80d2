/** The recovery codes, shown once. */
import { useState } from "react";
import { Button, Checkbox } from "react-aria-components";
import { Box } from "../design/box";
import { say } from "../words/words";
import { Welcome } from "./enter";

export function Codes({ username, codes, done }: { username: string; codes: string[]; done(): void }) {
  const [saved, setSaved] = useState(false);
  const [copied, setCopied] = useState(false);
  const text = codes.join("\n");
  // Where the browser keeps the clipboard to itself, the codes are still there to be downloaded or written down.
  const copy = () => void navigator.clipboard.writeText(text).then(() => setCopied(true), () => setCopied(false));
  const file = `data:text/plain;charset=utf-8,${encodeURIComponent(`${say("Ringline recovery codes of @{username}", { username })}\n\n${text}\n`)}`;
  return (
    <Welcome>
      <h1>{say("Save your recovery codes")}</h1>
      <p className="quiet enter-lead">
        {say("They are the only way back into @{username} if you forget the password. Each one works once. They are not shown again.", { username })}
      </p>
      <ul className="codes" aria-label={say("Recovery codes")}>
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <div className="codes-ways">
        <Button className="button plain" onPress={copy}>
          {copied ? say("Copied") : say("Copy")}
        </Button>
        <a className="button plain" href={file} download={`ringline-${username}-recovery-codes.txt`}>
          {say("Download")}
        </a>
      </div>
      <Checkbox className="checkbox" isSelected={saved} onChange={setSaved}>
        <Box />
        {say("I have saved these codes")}
      </Checkbox>
      <Button className="button wide" isDisabled={!saved} onPress={done}>
        {say("Continue")}
      </Button>
    </Welcome>
  );
}
