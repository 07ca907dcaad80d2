/** Where one writes. Enter sends; with Shift it begins a line. */
import type { KeyboardEvent } from "react";
import { useEffect, useRef, useState } from "react";
import { Button, TextArea, TextField } from "react-aria-components";
import { SendIcon } from "../design/icons";
import { say } from "../words/words";

const LONGEST = 4_000;
/** What was begun and not sent, as long as the page lives. */
const drafts = new Map<string, string>();

/** @param owner this device as it is signed in: nobody finds what another one began here */
export function Composer({ owner, username, send }: { owner: string; username: string; send(text: string): void }) {
  const draft = `${owner} ${username}`;
  const [text, setText] = useState(drafts.get(draft) ?? "");
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    drafts.set(draft, text);
    grow(area.current);
  }, [draft, text]);
  useEffect(() => {
    // Whoever chose this window goes on here, but not who is at something else in it, such as a dialog.
    const at = document.activeElement;
    if (at !== document.body && at?.closest("nav") == null) return;
    // On a phone this would open the keyboard over what one came to read.
    if (matchMedia("(pointer: fine)").matches) area.current?.focus({ preventScroll: true });
  }, []);
  const words = text.trim();
  const submit = () => {
    if (words === "") return;
    send(words);
    setText("");
    area.current?.focus();
  };
  const press = (event: KeyboardEvent) => {
    // While a word is being composed (Japanese, Chinese), Enter belongs to the input method.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  };
  return (
    <div className="composer">
      <TextField className="composer-field" aria-label={say("Message to @{username}", { username })} value={text} onChange={setText} maxLength={LONGEST}>
        <TextArea ref={area} rows={1} placeholder={say("Message")} dir="auto" onKeyDown={press} enterKeyHint="send" />
      </TextField>
      <Button className="composer-send" aria-label={say("Send")} isDisabled={words === ""} onPress={submit}>
        <SendIcon />
      </Button>
    </div>
  );
}

function grow(area: HTMLTextAreaElement | null): void {
  if (area === null) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}
