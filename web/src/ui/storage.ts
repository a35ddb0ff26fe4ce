// What the browser keeps for the pages. Storage may be switched off or full: then nothing is kept.

class Memory {
  readonly #storage: () => Storage;

  /** Where storage is forbidden, naming it already fails; so it is named late. */
  constructor(storage: () => Storage) {
    this.#storage = storage;
  }

  recall(key: string): string | null {
    try {
      return this.#storage().getItem(key);
    } catch {
      return null;
    }
  }

  keep(key: string, value: string): void {
    try {
      this.#storage().setItem(key, value);
    } catch {
      // It lasts as long as the page.
    }
  }
}

/** For all pages of this origin, until the person clears it. */
export const browser = new Memory(() => localStorage);
/** For this tab, as long as it lives. */
export const tab = new Memory(() => sessionStorage);
