/** The recovery codes, shown once. */
import { useState } from "react";
import { Button, Checkbox } from "react-aria-components";
import { Welcome } from "./enter";

export function Codes({ username, codes, done }: { username: string; codes: string[]; done(): void }) {
  const [saved, setSaved] = useState(false);
  const [copied, setCopied] = useState(false);
  const text = codes.join("\n");
  const copy = () => void navigator.clipboard.writeText(text).then(() => setCopied(true));
  const file = `data:text/plain;charset=utf-8,${encodeURIComponent(`Ringline recovery codes of @${username}\n\n${text}\n`)}`;
  return (
    <Welcome>
      <h1>Save your recovery codes</h1>
      <p className="quiet enter-lead">
        They are the only way back into @{username} if you forget the password. Each one works once. They are not shown
        again.
      </p>
      <ul className="codes" aria-label="Recovery codes">
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ul>
      <div className="codes-ways">
        <Button className="button plain" onPress={copy}>
          {copied ? "Copied" : "Copy"}
        </Button>
        <a className="button plain" href={file} download={`ringline-${username}-recovery-codes.txt`}>
          Download
        </a>
      </div>
      <Checkbox className="checkbox" isSelected={saved} onChange={setSaved}>
        <Box />I have saved these codes
      </Checkbox>
      <Button className="button wide" isDisabled={!saved} onPress={done}>
        Continue
      </Button>
    </Welcome>
  );
}

export function Box() {
  return (
    <span className="checkbox-box">
      <svg viewBox="0 0 18 18" aria-hidden="true">
        <path d="m4 9.5 3.4 3.4L14 6" fill="none" stroke="currentColor" strokeWidth="2.4" strokeLinecap="round" strokeLinejoin="round" />
      </svg>
    </span>
  );
}
