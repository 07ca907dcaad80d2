/** When it does not ring, on the clock of one's own time zone, and who rings all the same. */
import type { QuietHours, QuietSpan } from "@ringline/client";
import { useRef } from "react";
import { Button, Input, Label, Switch, TextField, ToggleButton, ToggleButtonGroup } from "react-aria-components";
import { Track } from "../design/box";
import { MoonIcon, TrashIcon } from "../design/icons";
import type { Message } from "../words/words";
import { say } from "../words/words";
import { firstSpan, ownTimeZone, quietFrom, quietUntil } from "./quiet";
import { fromWords, untilWords, weekdayWords } from "./quiet_words";
import { useNow } from "./use_consent";
import { Zone } from "./zone";
import "./consent.css";

const WEEKDAYS = [1, 2, 3, 4, 5, 6, 7];
const MOST_SPANS = 7;

interface QuietProps {
  hours: QuietHours;
  change(hours: QuietHours): void;
}

export function Quiet({ hours, change }: QuietProps) {
  // Whoever turns them off and on again finds the times as they were.
  const before = useRef<QuietSpan[]>([]);
  const { spans } = hours;
  const isOn = spans.length > 0;
  const turn = (on: boolean) => {
    if (!on) before.current = spans;
    const wanted = before.current.length > 0 ? before.current : [firstSpan()];
    // An emergency reaches whoever has never thought about it.
    const first = on && hours.time_zone === "" && before.current.length === 0 ? { favourites: true, repeated: true } : {};
    const zone = hours.time_zone === "" ? ownTimeZone() : hours.time_zone;
    change({ ...hours, ...first, spans: on ? wanted : [], time_zone: zone });
  };
  const setSpan = (index: number, span: QuietSpan) => change({ ...hours, spans: spans.map((one, at) => (at === index ? span : one)) });
  return (
    <section className="settings-group" aria-label={say("Quiet hours")}>
      <h2 className="settings-title">{say("Quiet hours")}</h2>
      <div className="settings-card">
        <Switch className="switch settings-row" isSelected={isOn} onChange={turn}>
          <span className="row-icon">
            <MoonIcon />
          </span>
          <span className="settings-words grow">
            {say("Do not ring at set times")}
            <Status hours={hours} />
          </span>
          <Track />
        </Switch>
        {isOn && (
          <>
            {spans.map((span, index) => (
              <Span
                key={index}
                span={span}
                change={(wish) => setSpan(index, wish)}
                remove={spans.length > 1 ? () => change({ ...hours, spans: spans.filter((_, at) => at !== index) }) : undefined}
              />
            ))}
            {spans.length < MOST_SPANS && (
              <div className="settings-row slim">
                <Button className="link" onPress={() => change({ ...hours, spans: [...spans, { ...firstSpan(), weekdays: [6, 7] }] })}>
                  {say("Add other times")}
                </Button>
              </div>
            )}
            <Zone zone={hours.time_zone} choose={(time_zone) => change({ ...hours, time_zone })} />
            <Exception on={hours.favourites} name="Favourites ring anyway" more="People you marked with a star" change={(favourites) => change({ ...hours, favourites })} />
            <Exception
              on={hours.repeated}
              name="Whoever calls twice within three minutes rings anyway"
              more="The second call comes through, so that an emergency reaches you"
              change={(repeated) => change({ ...hours, repeated })}
            />
          </>
        )}
      </div>
    </section>
  );
}

function Status({ hours }: { hours: QuietHours }) {
  const now = useNow();
  const until = quietUntil(hours, now);
  const from = quietFrom(hours, now);
  if (until !== undefined) return <span className="quiet-now">{untilWords(until)}</span>;
  return <span className="quiet">{from === undefined ? say("At night, or at work. What did not ring is listed below.") : fromWords(from)}</span>;
}

function Span({ span, change, remove }: { span: QuietSpan; change(span: QuietSpan): void; remove: (() => void) | undefined }) {
  const { weekdays, from, to } = span;
  return (
    <div className="settings-row span">
      <ToggleButtonGroup
        className="weekdays"
        aria-label={say("On these days")}
        selectionMode="multiple"
        disallowEmptySelection
        selectedKeys={weekdays.map(String)}
        onSelectionChange={(keys) => change({ ...span, weekdays: [...keys].map(Number).sort() })}
      >
        {WEEKDAYS.map((weekday) => (
          <ToggleButton key={weekday} id={String(weekday)} className="weekday">
            <span aria-hidden="true">{weekdayWords(weekday, "short").replace(/\.$/, "")}</span>
            <span className="hidden-text">{weekdayWords(weekday, "long")}</span>
          </ToggleButton>
        ))}
      </ToggleButtonGroup>
      <div className="times">
        <Time name="From" value={from} change={(time) => change({ ...span, from: time })} />
        <Time name={endName(span)} value={to} change={(time) => change({ ...span, to: time })} />
        {remove !== undefined && (
          <Button className="icon-button" aria-label={say("Remove these times")} onPress={remove}>
            <TrashIcon />
          </Button>
        )}
      </div>
    </div>
  );
}

function endName({ from, to }: QuietSpan): Message {
  if (from === to) return "Until (all day)";
  return to < from ? "Until (next day)" : "Until";
}

function Time({ name, value, change }: { name: Message; value: string; change(time: string): void }) {
  return (
    <TextField className="time" value={value} onChange={(time) => /^\d\d:\d\d$/.test(time) && change(time)}>
      <Label>{say(name)}</Label>
      <Input type="time" required />
    </TextField>
  );
}

function Exception({ on, name, more, change }: { on: boolean; name: Message; more: Message; change(on: boolean): void }) {
  return (
    <Switch className="switch settings-row" isSelected={on} onChange={change}>
      <span className="settings-words">
        {say(name)}
        <span className="quiet">{say(more)}</span>
      </span>
      <Track />
    </Switch>
  );
}
