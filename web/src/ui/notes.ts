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

  /** Shows `text`, possibly with a title, until the person dismisses it. */
  lasting(text: string, symbol: IconName = "warning", title = ""): void {
    const note = this.#add(text, symbol, title);
    const dismiss = h(
      "button",
      { class: "quiet", type: "button", "aria-label": t("dismiss"), onclick: () => note.remove() },
      icon("close"),
    );
    note.append(dismiss);
  }

  /** Asks something beside the work: it stays until it is answered or closed. */
  question(text: string, answers: [label: string, run: () => void][]): void {
    this.lasting(text, "people");
    const note = this.element.lastElementChild;
    const buttons = answers.map(([label, run], index) =>
      h(
        "button",
        {
          type: "button",
          class: index === answers.length - 1 ? "primary" : "plain",
          onclick: () => {
            note?.remove();
            run();
          },
        },
        label,
      ),
    );
    note?.append(h("div", { class: "answers" }, ...buttons));
  }

  #add(text: string, symbol: IconName, title = ""): HTMLElement {
    const same = [...this.element.children].find((note) => textOf(note) === text);
    same?.remove();
    const head = title === "" ? null : h("strong", {}, title);
    const note = h("div", { class: "note" }, icon(symbol), h("div", {}, head, h("p", {}, text)));
    this.element.append(note);
    while (this.element.children.length > NOTES_MAX) {
      this.element.firstElementChild?.remove();
    }
    return note;
  }
}

function textOf(note: Element): string {
  return note.querySelector("p")?.textContent ?? "";
}
