// The warning that a session is about to end: what happens, how long there is, and what helps.

import { h } from "../ui/dom.ts";
import { button } from "../ui/fields.ts";
import { clock } from "../ui/format.ts";
import { icon } from "../ui/icons.ts";
import { t } from "../ui/language.ts";

export type WarningReason = "idle" | "time" | "removed" | "changed" | "password" | "restart";

const REASONS: readonly WarningReason[] = ["idle", "time", "removed", "changed", "password", "restart"];
const TICK_MS = 250;

export class Warning {
  readonly element = h("section", { class: "warning", role: "alert", hidden: true });
  /** Called when the person says that they are there. */
  onHere: () => void = () => undefined;
  #reason: WarningReason | null = null;
  #timer: number | null = null;

  /** Shows the reason and counts down; an unknown reason counts as the time being over. */
  show(reason: string, seconds: number): void {
    const known = REASONS.find((one) => one === reason) ?? "time";
    this.hide();
    this.#reason = known;
    const left = h("strong", { class: "left", "aria-hidden": "true" });
    const due = Date.now() + seconds * 1000;
    const tick = () => {
      const rest = (due - Date.now()) / 1000;
      left.textContent = clock(Math.ceil(rest));
      if (rest <= 0) {
        this.#stop();
      }
    };
    const answer =
      known === "idle"
        ? button(t("warning.here"), "primary", () => this.#here())
        : button(t("dismiss"), "plain", () => this.hide());
    this.element.replaceChildren(
      icon("clock"),
      h("p", {}, t(`warning.${known}`), " ", this.#spoken(seconds)),
      left,
      answer,
    );
    this.element.hidden = false;
    this.#timer = window.setInterval(tick, TICK_MS);
    tick();
  }

  /** The person did something that the machine was told of, so that nobody is idle. */
  noteInput(): void {
    if (this.#reason === "idle") {
      this.hide();
    }
  }

  hide(): void {
    this.#stop();
    this.#reason = null;
    this.element.hidden = true;
    this.element.replaceChildren();
  }

  #here(): void {
    this.hide();
    this.onHere();
  }

  /** The time for those who hear the page: once, not every second. */
  #spoken(seconds: number): HTMLElement {
    return h("span", { class: "unseen" }, t("warning.seconds", { seconds }));
  }

  #stop(): void {
    if (this.#timer !== null) {
      window.clearInterval(this.#timer);
      this.#timer = null;
    }
  }
}
