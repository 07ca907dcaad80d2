import { describe, expect, it } from "vitest";
import { Reading, Wished } from "./wished";

/** Keeps every question open until it is answered here. */
class Open<T> {
  readonly asked: T[] = [];
  private readonly ends: { resolve(value: T): void; reject(why: Error): void }[] = [];

  ask = (value: T): Promise<T> => {
    this.asked.push(value);
    return new Promise((resolve, reject) => this.ends.push({ resolve, reject }));
  };

  async answer(which: number, value: T): Promise<void> {
    this.ends[which]?.resolve(value);
    await settled();
  }

  async refuse(which: number): Promise<void> {
    this.ends[which]?.reject(new Error("unavailable"));
    await settled();
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}

function wished(): { reads: Open<string>; saves: Open<string>; it: Wished<string> } {
  const reads = new Open<string>();
  const saves = new Open<string>();
  return { reads, saves, it: new Wished(() => reads.ask("read"), saves.ask, () => undefined) };
}

describe("a wish", () => {
  it("is shown at once, and then what it became", async () => {
    const { reads, saves, it: one } = wished();
    void one.load();
    await reads.answer(0, "old");
    one.set("new");
    expect(one.shown).toBe("new");
    await saves.answer(0, "NEW");
    expect(one.shown).toBe("NEW");
  });

  it("is saved after the one before, and one that was overtaken is left out", async () => {
    const { saves, it: one } = wished();
    for (const wish of ["a", "b", "c"]) one.set(wish);
    expect(saves.asked).toEqual(["a"]);
    await saves.answer(0, "a");
    expect(one.shown).toBe("c");
    expect(saves.asked).toEqual(["a", "c"]);
    await saves.answer(1, "c");
    expect(one.shown).toBe("c");
  });

  it("that could not be saved is taken back, says so, and is wished again", async () => {
    const { reads, saves, it: one } = wished();
    void one.load();
    await reads.answer(0, "old");
    one.set("new");
    await saves.refuse(0);
    expect([one.shown, one.failed]).toEqual(["old", true]);
    one.again();
    expect([one.shown, one.failed]).toEqual(["new", false]);
    await saves.answer(1, "new");
    expect([one.shown, one.failed]).toEqual(["new", false]);
  });

  it("is newer than an answer that was read before it", async () => {
    const { reads, saves, it: one } = wished();
    void one.load();
    one.set("new");
    await saves.answer(0, "new");
    await reads.answer(0, "old");
    expect(one.shown).toBe("new");
  });

  it("is not said to be nothing where it could not be read", async () => {
    const { reads, it: one } = wished();
    void one.load();
    await reads.refuse(0);
    expect([one.shown, one.lost]).toEqual([undefined, true]);
    one.again();
    await reads.answer(1, "old");
    expect([one.shown, one.lost]).toEqual(["old", false]);
  });
});

describe("what is read again and again", () => {
  it("shows the answer to the newest question, and the one before until then", async () => {
    const asks = new Open<string>();
    const one = new Reading<string>(() => undefined);
    void one.read(() => asks.ask("first"));
    await asks.answer(0, "first");
    void one.read(() => asks.ask("second"));
    void one.read(() => asks.ask("third"));
    expect([one.value, one.busy]).toEqual(["first", true]);
    await asks.answer(2, "third");
    await asks.answer(1, "second");
    expect([one.value, one.busy]).toEqual(["third", false]);
  });

  it("forgets what was true before where nobody can say what is", async () => {
    const asks = new Open<string>();
    const one = new Reading<string>(() => undefined);
    void one.read(() => asks.ask("first"));
    await asks.answer(0, "first");
    void one.read(() => asks.ask("second"));
    await asks.refuse(1);
    expect([one.value, one.failed]).toEqual([undefined, true]);
  });
});
