// Short messages at the edge of the page, read out by screen readers; they never take the focus.

import { h } from "./dom.ts";
import { icon, type IconName } from "./icons.ts";
import { t } from "./language.ts";

const SHOWN_MS = 6000;
const NOTES_MAX = 4;

export class Notes {
  readonly element = h("div", { class: "notes", role: "status", "aria-live": "polite" });

  /** Shows `text` for a while. */
  brief(text: string, symbol: IconName = "info"): void {
    const note = this.#add(text, symbol);
    setTimeout(() => note.remove(), SHOWN_MS);
  }

  /** Shows `text` until the person dismisses it. */
  lasting(text: string, symbol: IconName = "warning"): void {
    const note = this.#add(text, symbol);
    const dismiss = h(
      "button",
      { class: "quiet", type: "button", "aria-label": t("dismiss"), onclick: () => note.remove() },
      icon("close"),
    );
    note.append(dismiss);
  }

  #add(text: string, symbol: IconName): HTMLElement {
    const same = [...this.element.children].find((note) => note.textContent === text);
    same?.remove();
    const note = h("div", { class: "note" }, icon(symbol), h("p", {}, text));
    this.element.append(note);
    while (this.element.children.length > NOTES_MAX) {
      this.element.firstElementChild?.remove();
    }
    return note;
  }
}
