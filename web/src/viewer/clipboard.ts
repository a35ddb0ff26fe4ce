// Keeps the two clipboards the same where the browser allows it, and makes Ctrl+V work elsewhere.

import type { Desk } from "./desk.ts";
import { KEYS } from "./keys.ts";

/** How long the browser may take to turn Ctrl+V into a paste event. */
const PASTE_EVENT_MS = 80;

export class Clipboard {
  /** The text that both sides have, as far as is known. */
  text = "";
  /** Called when the desktop's clipboard has changed. */
  onText: (text: string) => void = () => undefined;

  readonly #desk: Desk;
  #pasteTimer: number | null = null;

  constructor(desk: Desk, screen: HTMLElement) {
    this.#desk = desk;
    window.addEventListener("focus", () => void this.#offerLocal());
    screen.addEventListener("focusin", () => void this.#offerLocal());
    // Before noVNC, which would keep the browser from pasting.
    screen.addEventListener("keydown", (event) => this.#beforeKey(event), { capture: true });
    document.addEventListener("paste", (event) => this.#pasted(event));
  }

  /** The desktop has put `text` on its clipboard. */
  async receive(text: string): Promise<void> {
    if (!this.#desk.policy.clipboardOut) {
      return;
    }
    this.text = text;
    this.onText(text);
    if (this.#desk.settings.clipboard_auto && document.hasFocus()) {
      await writeLocal(text);
    }
  }

  /** Puts `text` on the desktop's clipboard. */
  send(text: string): void {
    this.text = text;
    if (this.#maySend()) {
      this.#desk.rfb?.clipboardPasteFrom(text);
    }
  }

  /** Sends this device's clipboard if the browser shows it without asking the person each time. */
  async #offerLocal(): Promise<void> {
    const { rfb, settings } = this.#desk;
    if (rfb === null || !this.#maySend() || !settings.clipboard_auto || !(await mayReadSilently())) {
      return;
    }
    const text = await navigator.clipboard.readText().catch(() => "");
    if (text !== "" && text !== this.text) {
      this.send(text);
    }
  }

  /**
   * Holds Ctrl+V back until the browser has handed over what is pasted, which needs no permission
   * and no HTTPS; then the desktop gets the text first and the key after it.
   */
  #beforeKey(event: KeyboardEvent): void {
    const pastes = event.ctrlKey && !event.altKey && !event.metaKey && event.code === "KeyV";
    if (!pastes || this.#desk.rfb === null || !this.#maySend()) {
      return;
    }
    event.stopImmediatePropagation();
    if (this.#pasteTimer === null) {
      this.#pasteTimer = window.setTimeout(() => this.#pressV(), PASTE_EVENT_MS);
    }
  }

  #pasted(event: ClipboardEvent): void {
    if (this.#pasteTimer === null) {
      return;
    }
    event.preventDefault();
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (text !== "" && text !== this.text) {
      this.send(text);
    }
    this.#pressV();
  }

  #maySend(): boolean {
    return !this.#desk.viewOnly && this.#desk.policy.clipboardIn;
  }

  #pressV(): void {
    if (this.#pasteTimer !== null) {
      window.clearTimeout(this.#pasteTimer);
      this.#pasteTimer = null;
    }
    this.#desk.rfb?.sendKey(KEYS.v.keysym, KEYS.v.code);
  }
}

/** Whether reading needs no prompt; asking the person is left to the panel's switch. */
async function mayReadSilently(): Promise<boolean> {
  return (await readPermission()) === "granted";
}

/** "unsupported" where the browser asks at each reading or has no clipboard interface. */
export async function readPermission(): Promise<PermissionState | "unsupported"> {
  if (navigator.clipboard?.readText === undefined) {
    return "unsupported";
  }
  try {
    // Only Chromium knows this name.
    const name = "clipboard-read" as PermissionName;
    return (await navigator.permissions.query({ name })).state;
  } catch {
    return "unsupported";
  }
}

/** Puts `text` on this device's clipboard; false if the browser does not allow it now. */
export async function writeLocal(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** The same from inside a click, also without HTTPS, by way of a selected text field. */
export async function copyFrom(field: HTMLTextAreaElement): Promise<boolean> {
  if (await writeLocal(field.value)) {
    return true;
  }
  field.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  }
}
