// Text from on-screen keyboards and input methods: a hidden field whose changes become key presses.

import { h } from "../ui/dom.ts";
import { t } from "../ui/language.ts";
import type { Desk } from "./desk.ts";
import { difference, KEYS, typeCharacter, type Key } from "./keys.ts";

/** Something to erase must always be there, or a phone's keyboard never reports Backspace. */
const FILLER = "\u00a0".repeat(64);
const LENGTH_MAX = 512;

/** Keys that change no text, or none that the field would show. */
const PASSED_ON = new Map<string, Key>([
  ["ArrowLeft", KEYS.left],
  ["ArrowRight", KEYS.right],
  ["ArrowUp", KEYS.up],
  ["ArrowDown", KEYS.down],
  ["Escape", KEYS.escape],
  ["Tab", KEYS.tab],
  ["Delete", KEYS.delete],
  ["Home", KEYS.home],
  ["End", KEYS.end],
]);

export class TouchKeyboard {
  readonly field: HTMLTextAreaElement;
  readonly #desk: Desk;
  #before = FILLER;

  constructor(desk: Desk, onToggle: () => void) {
    this.#desk = desk;
    this.field = h("textarea", {
      class: "touch-field",
      "aria-label": t("bar.keyboard"),
      autocapitalize: "off",
      autocomplete: "off",
      autocorrect: "off",
      spellcheck: "false",
      tabindex: -1,
      oninput: () => this.#typed(),
      onkeydown: (event: KeyboardEvent) => this.#key(event),
      onfocus: onToggle,
      onblur: onToggle,
    });
    this.#reset();
  }

  get active(): boolean {
    return document.activeElement === this.field;
  }

  /** Shows or hides the device's keyboard; must run inside a click or tap. */
  toggle(): void {
    if (this.active) {
      this.field.blur();
      this.#desk.rfb?.focus({ preventScroll: true });
    } else {
      this.#reset();
      this.field.focus({ preventScroll: true });
    }
  }

  #key(event: KeyboardEvent): void {
    const key = PASSED_ON.get(event.key);
    if (key !== undefined && !event.isComposing) {
      event.preventDefault();
      this.#desk.rfb?.sendKey(key.keysym, key.code);
    }
  }

  #typed(): void {
    const { erased, added } = difference(this.#before, this.field.value);
    this.#before = this.field.value;
    const { rfb } = this.#desk;
    if (rfb !== null) {
      for (let count = 0; count < erased; count += 1) {
        rfb.sendKey(KEYS.backspace.keysym, KEYS.backspace.code);
      }
      for (const character of added) {
        typeCharacter(rfb, character);
      }
    }
    const length = this.field.value.length;
    if (length > LENGTH_MAX || length < FILLER.length / 2 || added.endsWith("\n")) {
      this.#reset();
    }
  }

  #reset(): void {
    this.field.value = FILLER;
    this.#before = FILLER;
    this.field.setSelectionRange(FILLER.length, FILLER.length);
  }
}
