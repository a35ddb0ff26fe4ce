// How long to wait before connecting again: longer each time, never at the same moment as others.

const FIRST_MS = 1500;
const LAST_MS = 30_000;
/** A gateway that restarts must not meet all its viewers at once. */
const JITTER = 0.35;

/** The wait before attempt `attempt` (from 0); `chosen` is the person's own first wait. */
export function delayMs(attempt: number, chosen: number | null, random: () => number): number {
  const first = chosen ?? FIRST_MS;
  const grown = Math.min(first * 2 ** Math.min(attempt, 10), Math.max(LAST_MS, first));
  return Math.round(grown * (1 + JITTER * (2 * random() - 1)));
}
