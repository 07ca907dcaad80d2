/** The name of this tab: the same after a reload, never shared by two. */

const KEY = "ringline.instance";

/**
 * @param locks a copy of a tab copies its storage too; the lock tells which of the two had the name first
 * @param mint a new name, 8 to 32 characters of [A-Za-z0-9_-]
 */
export async function instanceOf(
  storage: Pick<Storage, "getItem" | "setItem">,
  locks: LockManager | undefined,
  mint: () => string,
): Promise<string> {
  const known = storage.getItem(KEY);
  if (known !== null && (await taken(locks, known))) return known;
  const fresh = mint();
  storage.setItem(KEY, fresh);
  await taken(locks, fresh);
  return fresh;
}

/** Takes the lock for as long as the page lives; false where another page holds it. */
function taken(locks: LockManager | undefined, name: string): Promise<boolean> {
  if (locks === undefined) return Promise.resolve(true);
  return new Promise((resolve) => {
    const held = locks.request(`ringline.${name}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise(() => undefined);
    });
    // A browser that gives no locks is as one that has none.
    held.catch(() => resolve(true));
  });
}
