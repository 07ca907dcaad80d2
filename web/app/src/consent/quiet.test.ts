import type { QuietHours } from "@ringline/client";
import { describe, expect, it } from "vitest";
import { quietFrom, quietUntil } from "./quiet";

const hours = (...spans: [number[], string, string][]): QuietHours => ({
  spans: spans.map(([weekdays, from, to]) => ({ weekdays, from, to })),
  time_zone: "Europe/Berlin",
  favourites: true,
  repeated: true,
});
/** 2026-11-23 is a Monday; Berlin is one hour ahead of UTC then. */
const berlin = (day: number, time: string) => Date.parse(`2026-11-${day}T${time}:00+01:00`);
const ALL = [1, 2, 3, 4, 5, 6, 7];

describe("quiet hours", () => {
  it("that begin in the evening end the next morning", () => {
    const nights = hours([ALL, "22:00", "07:00"]);
    expect(quietUntil(nights, berlin(23, "21:59"))).toBeUndefined();
    expect(quietUntil(nights, berlin(23, "22:00"))).toEqual({ weekday: 2, time: "07:00", ahead: 1 });
    expect(quietUntil(nights, berlin(24, "06:59"))).toEqual({ weekday: 2, time: "07:00", ahead: 0 });
    expect(quietUntil(nights, berlin(24, "07:00"))).toBeUndefined();
  });

  it("of a Sunday reach into Monday, and those of a day that was not chosen do not", () => {
    const sunday = hours([[7], "20:00", "06:00"]);
    expect(quietUntil(sunday, berlin(23, "05:00"))).toEqual({ weekday: 1, time: "06:00", ahead: 0 });
    expect(quietUntil(sunday, berlin(24, "05:00"))).toBeUndefined();
  });

  it("from and to the same time last a whole day", () => {
    const saturday = hours([[6], "00:00", "00:00"]);
    expect(quietUntil(saturday, berlin(28, "12:00"))).toEqual({ weekday: 7, time: "00:00", ahead: 1 });
    expect(quietUntil(saturday, berlin(27, "23:59"))).toBeUndefined();
  });

  it("that touch are one, and those that never end say so", () => {
    const touching = hours([[1], "20:00", "00:00"], [[2], "00:00", "09:30"]);
    expect(quietUntil(touching, berlin(23, "21:00"))).toEqual({ weekday: 2, time: "09:30", ahead: 1 });
    expect(quietUntil(hours([ALL, "08:00", "08:00"]), berlin(23, "21:00"))).toBe("always");
  });

  it("say when they begin next, unless they have begun or there are none", () => {
    const nights = hours([[1, 2], "22:00", "07:00"]);
    expect(quietFrom(nights, berlin(23, "20:00"))).toEqual({ weekday: 1, time: "22:00", ahead: 0 });
    expect(quietFrom(nights, berlin(25, "12:00"))).toEqual({ weekday: 1, time: "22:00", ahead: 5 });
    expect(quietFrom(nights, berlin(23, "23:00"))).toBeUndefined();
    expect(quietFrom(hours(), berlin(23, "23:00"))).toBeUndefined();
  });

  it("go by the clock of their zone, in summer and in winter", () => {
    const nights = hours([ALL, "22:00", "07:00"]);
    expect(quietUntil(nights, Date.parse("2026-07-06T20:30:00Z"))).toMatchObject({ time: "07:00" });
    expect(quietUntil(nights, Date.parse("2026-11-23T20:30:00Z"))).toBeUndefined();
  });

  it("in a zone that this browser does not know break nothing", () => {
    expect(() => quietUntil({ ...hours([ALL, "22:00", "07:00"]), time_zone: "Mars/Olympus" }, 0)).not.toThrow();
  });
});
