// The time within a recording: runs at a speed, stands while paused or waiting for data, and runs
// faster where nothing happens.

export const SPEEDS = [0.5, 1, 1.5, 2, 4, 8, 16] as const;

export class PlayClock {
  #ms: number;
  #atMs: number;
  #speed = 1;
  #runs = false;

  /** `now` is a steady time in milliseconds, here as everywhere below. */
  constructor(ms: number, now: number) {
    this.#ms = ms;
    this.#atMs = now;
  }

  get ms(): number {
    return this.#ms;
  }

  get runs(): boolean {
    return this.#runs;
  }

  /** Brings the time up to `now`, but not beyond `limitMs`; returns it. */
  advance(now: number, limitMs: number): number {
    if (this.#runs) {
      const wanted = this.#ms + (now - this.#atMs) * this.#speed;
      this.#ms = Math.max(this.#ms, Math.min(wanted, limitMs));
    }
    this.#atMs = now;
    return this.#ms;
  }

  run(runs: boolean, now: number): void {
    this.advance(now, Number.POSITIVE_INFINITY);
    this.#runs = runs;
  }

  speed(speed: number): void {
    this.#speed = speed;
  }

  set(ms: number, now: number): void {
    this.#ms = ms;
    this.#atMs = now;
  }
}

/** What is less than this of a slice counts as nothing. */
const QUIET = 0.004;
/** Shorter pauses belong to the work. */
const IDLE_MS_MIN = 3000;

/** Where the quiet stretch around `ms` ends; null if there is none worth skipping. */
export function idleUntil(ms: number, activity: readonly number[], sliceMs: number): number | null {
  if (sliceMs <= 0) {
    return null;
  }
  let slice = Math.floor(ms / sliceMs);
  while (slice < activity.length && (activity[slice] ?? 0) < QUIET) {
    slice += 1;
  }
  const end = slice * sliceMs;
  return end - ms >= IDLE_MS_MIN ? end : null;
}
