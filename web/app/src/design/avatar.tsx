import type { CSSProperties } from "react";

export interface Shown {
  username: string;
  display_name: string;
  verified: boolean;
}

/** The name people read; the username where none was set. */
export function nameOf(person: Shown): string {
  return person.display_name === "" ? `@${person.username}` : person.display_name;
}

/** A name between others' words: its direction is its own. */
export function Name({ person }: { person: Shown }) {
  return <bdi>{nameOf(person)}</bdi>;
}

/** A hue for a person, the same everywhere: chosen among those that sit well beside lagoon and apricot. */
export function hueOf(username: string): number {
  const hues = [12, 28, 152, 172, 200, 222, 258, 292, 330, 348];
  let sum = 7;
  for (const char of username) sum = (sum * 33 + (char.codePointAt(0) ?? 0)) % 100_003;
  return hues[sum % hues.length] ?? 172;
}

export function Avatar({ person, size }: { person: Shown; size: number }) {
  const words = (person.display_name || person.username).split(/[\s_.-]+/).filter((word) => word !== "");
  const initials = words.slice(0, 2).map((word) => [...word][0] ?? "").join("").toUpperCase();
  const style = { "--size": `${size}px`, "--hue": hueOf(person.username) } as CSSProperties;
  return (
    <span className="avatar" style={style} data-initials={initials} aria-hidden="true" />
  );
}
