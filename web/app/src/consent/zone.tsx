/** The time zone whose clock the quiet hours go by. */
import { Button } from "react-aria-components";
import { region, say } from "../words/words";
import { ownTimeZone } from "./quiet";
import { useNow } from "./use_consent";

export function Zone({ zone, choose }: { zone: string; choose(zone: string): void }) {
  const own = ownTimeZone();
  return (
    <div className="settings-row zone">
      <label className="zone-words">
        <span className="settings-words">
          {say("Time zone")}
          <span className="quiet">{say("It is {time} there now", { time: timeIn(zone, useNow()) })}</span>
        </span>
        <select value={zone} onChange={(event) => choose(event.target.value)}>
          {[...byRegion(zone)].map(([name, zones]) => (
            <optgroup key={name} label={name}>
              {zones.map((one) => (
                <option key={one} value={one}>
                  {placeOf(one)}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
      </label>
      {zone !== own && (
        <Button className="link" onPress={() => choose(own)}>
          {say("Use that of this device: {place}", { place: placeOf(own) })}
        </Button>
      )}
    </div>
  );
}

function byRegion(chosen: string): Map<string, string[]> {
  const zones = new Set([...Intl.supportedValuesOf("timeZone"), "UTC", ownTimeZone(), chosen].filter((one) => one !== ""));
  const regions = new Map<string, string[]>();
  for (const one of [...zones].sort()) {
    const name = one.includes("/") ? (one.split("/")[0] ?? "") : "UTC";
    regions.set(name, [...(regions.get(name) ?? []), one]);
  }
  return regions;
}

/** "America/Argentina/Buenos_Aires" is Buenos Aires to those who live there. */
function placeOf(zone: string): string {
  return (zone.split("/").at(-1) ?? zone).replaceAll("_", " ");
}

function timeIn(zone: string, now: number): string {
  const options = { hour: "numeric", minute: "2-digit" } as const;
  try {
    return new Date(now).toLocaleTimeString(region(), { ...options, timeZone: zone });
  } catch {
    return new Date(now).toLocaleTimeString(region(), options);
  }
}
