/** How long to wait before the next try to connect: full jitter over a doubling ceiling, so that a crowd spreads. */

const FIRST_MS = 400;
const CEILING_MS = 15_000;

/**
 * @param failures tries that failed since the line was last open; 0 means it was open until now
 * @param random a number in [0, 1)
 * @returns milliseconds
 */
export function backoff(failures: number, random: number): number {
  const ceiling = Math.min(CEILING_MS, FIRST_MS * 2 ** Math.min(failures, 10));
  return Math.round(random * ceiling);
}
