// Does something again and again while the page is looked at, one after the other.

export class Refresh {
  readonly #run: () => Promise<void>;
  readonly #everyMs: number;
  #timer: number | null = null;
  #running = false;
  #again = false;

  constructor(everyMs: number, run: () => Promise<void>) {
    this.#everyMs = everyMs;
    this.#run = run;
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") {
        void this.now();
      }
    });
  }

  /** Does it at once; if it runs already, once more when it is done. */
  async now(): Promise<void> {
    window.clearTimeout(this.#timer ?? undefined);
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    do {
      this.#again = false;
      await this.#run();
    } while (this.#again);
    this.#running = false;
    if (document.visibilityState === "visible") {
      this.#timer = window.setTimeout(() => void this.now(), this.#everyMs);
    }
  }
}
