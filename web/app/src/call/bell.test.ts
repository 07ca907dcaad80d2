/** The locks are those of Node: the same contract as a browser's, and real. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { End } from "./bell";
import { Bell } from "./bell";

const { locks } = navigator;
const PAUSE_MS = 1500;

/** Lets every request for a lock have its answer. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await locks.query();
}

async function after(ms: number): Promise<void> {
  await settle();
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
}

describe("the bell of a browser profile", () => {
  /** The pages that sound at this moment. */
  const sounding: string[] = [];
  const ends: End[] = [];

  /** A page of this profile begins to ring. */
  const takes = (name: string, bell = new Bell(locks)): End => {
    const end = bell.take(() => {
      sounding.push(name);
      return () => void sounding.splice(sounding.indexOf(name), 1);
    });
    ends.push(end);
    return end;
  };

  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
  afterEach(async () => {
    for (const end of ends.splice(0)) end();
    expect(sounding).toEqual([]);
    await settle();
    vi.useRealTimers();
    expect((await locks.query()).held).toEqual([]);
    expect((await locks.query()).pending).toEqual([]);
  });

  it("is one page's, however many ring", async () => {
    for (const name of ["one", "two", "three"]) takes(name);
    await after(60_000);
    expect(sounding).toEqual(["one"]);
  });

  it("sounds at once where no other page has it", async () => {
    takes("one");
    await after(0);
    expect(sounding).toEqual(["one"]);
  });

  it("goes to the page that waits longest, after a pause", async () => {
    const end = takes("one");
    takes("two");
    takes("three");
    await after(0);
    end();
    expect(sounding).toEqual([]);
    await after(PAUSE_MS - 1);
    expect(sounding).toEqual([]);
    await after(1);
    expect(sounding).toEqual(["two"]);
  });

  it("does not sound in a page that learns of the end within the pause (L1)", async () => {
    const answered = takes("one");
    const elsewhere = takes("two");
    await after(0);
    answered();
    await after(PAUSE_MS - 1);
    elsewhere();
    await after(60_000);
    expect(sounding).toEqual([]);
    takes("three");
    await after(0);
    expect(sounding).toEqual(["three"]);
  });

  it("is not waited for by a page whose ring is over (L1)", async () => {
    const end = takes("one");
    const gone = takes("two");
    takes("three");
    await after(0);
    gone();
    end();
    await after(PAUSE_MS);
    expect(sounding).toEqual(["three"]);
  });

  it("is never rung by a ring that was over before the browser gave it (L1)", async () => {
    takes("one")();
    await after(PAUSE_MS);
    expect(sounding).toEqual([]);
    takes("two");
    await after(0);
    expect(sounding).toEqual(["two"]);
  });

  it("rings in every page where the browser has no locks", () => {
    const end = takes("one", new Bell(undefined));
    takes("two", new Bell(undefined));
    expect(sounding).toEqual(["one", "two"]);
    end();
    expect(sounding).toEqual(["two"]);
  });

  it("rings where the browser refuses locks", async () => {
    const refusing = { request: () => Promise.reject(new DOMException("not here", "SecurityError")) } as unknown as LockManager;
    const end = takes("one", new Bell(refusing));
    await after(0);
    expect(sounding).toEqual(["one"]);
    end();
    expect(sounding).toEqual([]);
  });
});
