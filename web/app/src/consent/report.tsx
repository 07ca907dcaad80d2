/** Reporting somebody: what it is about, what of the conversation is shown, and what happens then. */
import type { Consent, Entry, ReportCategory } from "@ringline/client";
import { useState } from "react";
import { Button, Checkbox, CheckboxGroup, Dialog, Form, Heading, Label, Modal, ModalOverlay, Radio, RadioGroup, Switch, TextArea, TextField } from "react-aria-components";
import { callTitle } from "../calls/title";
import type { Shown } from "../design/avatar";
import { nameOf } from "../design/avatar";
import { Box, Track } from "../design/box";
import { CloseIcon, FlagIcon } from "../design/icons";
import { brief, clock, sameDay } from "../words/dates";
import type { Message } from "../words/words";
import { count, say } from "../words/words";
import "../design/sheet.css";
import "./consent.css";

const CATEGORIES: [ReportCategory, Message, Message][] = [
  ["spam", "Spam", "Advertising, fraud, the same thing again and again"],
  ["harassment", "Harassment", "Threats, insults, calls that do not stop"],
  ["impersonation", "Pretends to be somebody else", "A false name, or a copied profile"],
  ["other", "Something else", "Say below what it is"],
];
const LONGEST = 1000;
/** Of the newest messages and of the newest calls: as many as a report can carry. */
const MOST = 20;

interface ReportSheetProps {
  person: Shown;
  entries: Entry[];
  consent: Consent;
  /** They are blocked already: nothing is asked. */
  blocked: boolean;
  /** Called when they were blocked with it. */
  didBlock(): void;
  close(): void;
}

export function ReportSheet(props: ReportSheetProps) {
  const [sent, setSent] = useState<"no" | "yes" | "and blocked">("no");
  const { person, close } = props;
  return (
    <ModalOverlay className="sheet-overlay" isOpen isDismissable={sent !== "no"} onOpenChange={(open) => open || close()}>
      <Modal className="sheet report-sheet">
        <Dialog className="sheet-dialog">
          <Button className="icon-button sheet-close" aria-label={say("Close")} onPress={close}>
            <CloseIcon />
          </Button>
          {sent === "no" ? (
            <>
              <div className="report-head">
                <Heading slot="title">{say("Report {name}", { name: nameOf(person) })}</Heading>
                <p className="quiet">{say("They do not learn who reported them.")}</p>
              </div>
              <ReportForm {...props} done={(blocked) => setSent(blocked ? "and blocked" : "yes")} />
            </>
          ) : (
            <Sent person={person} blocked={sent === "and blocked"} close={close} />
          )}
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function Sent({ person, blocked, close }: { person: Shown; blocked: boolean; close(): void }) {
  return (
    <div className="report-sent">
      <span className="report-mark">
        <FlagIcon />
      </span>
      <Heading slot="title">{say("Report sent")}</Heading>
      <p className="quiet" role="alert">
        {say("Thank you. The people who run this service will look at it and decide what to do. There is nothing more you have to do.")}
      </p>
      {blocked && <p className="quiet">{say("@{username} is blocked: their calls and messages do not reach you.", { username: person.username })}</p>}
      <Button className="button wide" onPress={close} autoFocus>
        {say("Done")}
      </Button>
    </div>
  );
}

function ReportForm({ person, entries, consent, blocked, didBlock, done }: ReportSheetProps & { done(blocked: boolean): void }) {
  const [category, setCategory] = useState<ReportCategory | undefined>(undefined);
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState<string[]>([]);
  const [block, setBlock] = useState(!blocked);
  const [state, setState] = useState<"" | "busy" | "failed">("");
  // Sent again because no answer came, it is there once.
  const [clientId] = useState(() => crypto.randomUUID());
  const newest = [...entries.filter((one) => one.message !== null).slice(-MOST), ...entries.filter((one) => one.call !== null).slice(-MOST)];
  const shown = entries.filter((one) => newest.includes(one));
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    if (category === undefined || state === "busy") return;
    setState("busy");
    const picked = shown.filter((one) => chosen.includes(idOf(one) ?? ""));
    const call_ids = picked.flatMap(({ call }) => (call === null ? [] : [call.call_id]));
    const message_ids = picked.flatMap(({ message }) => (message === null ? [] : [message.message_id]));
    try {
      await consent.report({ username: person.username, category, text: text.trim(), call_ids, message_ids, block, client_id: clientId });
    } catch {
      setState("failed");
      return;
    }
    if (block) didBlock();
    done(block);
  };
  return (
    <Form className="report" onSubmit={(event) => void submit(event)}>
      <RadioGroup className="report-categories" value={category ?? null} onChange={(value) => setCategory(value as ReportCategory)}>
        <Label className="report-label">{say("What is it about?")}</Label>
        {CATEGORIES.map(([value, name, more]) => (
          <Radio key={value} value={value} className="report-category">
            <span className="radio-mark" aria-hidden="true" />
            <span className="settings-words">
              {say(name)}
              <span className="quiet">{say(more)}</span>
            </span>
          </Radio>
        ))}
      </RadioGroup>
      {shown.length > 0 && <Evidence entries={shown} person={person} chosen={chosen} choose={setChosen} />}
      <TextField className="field" value={text} onChange={setText} maxLength={LONGEST}>
        <Label>{say("In your words (optional)")}</Label>
        <TextArea rows={3} />
      </TextField>
      {!blocked && (
        <Switch className="switch report-block" isSelected={block} onChange={setBlock}>
          <span className="settings-words">
            {say("Block @{username} as well", { username: person.username })}
            <span className="quiet">{say("Their calls and messages stop at once.")}</span>
          </span>
          <Track />
        </Switch>
      )}
      <p className="quiet report-then">
        {say("What you write and choose here goes to the people who run this service, and nothing else of your conversation.")}
      </p>
      <div role="alert">{state === "failed" && <p className="notice">{say("Your report could not be sent. Nothing is lost: try again.")}</p>}</div>
      <Button className="button wide danger-fill" type="submit" isDisabled={category === undefined} data-busy={state === "busy"}>
        {say("Send report")}
      </Button>
    </Form>
  );
}

function Evidence({ entries, person, chosen, choose }: { entries: Entry[]; person: Shown; chosen: string[]; choose(ids: string[]): void }) {
  const now = Date.now();
  return (
    <CheckboxGroup className="evidence" value={chosen} onChange={choose}>
      <div className="evidence-head">
        <Label className="report-label">{say("What may they see of it?")}</Label>
        <span className="quiet">{chosen.length === 0 ? say("Nothing chosen") : count(chosen.length, "{count} chosen", "{count} of them chosen")}</span>
      </div>
      <div className="evidence-list" ref={toEnd} tabIndex={-1}>
        {entries.map((entry) => (
          <Checkbox key={idOf(entry)} value={idOf(entry) ?? ""} className="checkbox evidence-row">
            <Box />
            <span className="evidence-words">
              <bdi>{entry.call === null ? entry.message?.text : callTitle(entry.call)}</bdi>
              <span className="quiet">
                {isMine(entry) ? say("You") : nameOf(person)} · {sameDay(entry.at_ms, now) ? clock(entry.at_ms) : `${brief(entry.at_ms, now)}, ${clock(entry.at_ms)}`}
              </span>
            </span>
          </Checkbox>
        ))}
      </div>
    </CheckboxGroup>
  );
}

/** What was last is mostly what it is about. */
function toEnd(list: HTMLDivElement | null): void {
  if (list !== null) list.scrollTop = list.scrollHeight;
}

function idOf(entry: Entry): string | undefined {
  return entry.call?.call_id ?? entry.message?.message_id;
}

function isMine(entry: Entry): boolean {
  return (entry.call?.outgoing ?? entry.message?.outgoing) === true;
}
