// The bar of controls at the upper edge: out of the way until the pointer, a tap or
// Ctrl+Alt+Shift asks for it. It can be moved along the edge.

import { h } from "../ui/dom.ts";
import { icon, type IconName } from "../ui/icons.ts";
import { t } from "../ui/language.ts";

/** A card of controls that one of the bar's buttons opens. */
export interface Panel {
  title: string;
  element: HTMLElement;
  /** Called each time that it comes into view. */
  onOpen?(): void;
}

interface Tool {
  button: HTMLButtonElement;
  panel: Panel | null;
}

const HIDE_AFTER_MS = 1200;
const GREETING_MS = 3500;
/** The pointer or the focus that comes with a click opens the bar before the click is seen. */
const JUST_OPENED_MS = 500;
/** A press that moves less than this is a tap. */
const DRAG_THRESHOLD_PX = 6;

export class Toolbar {
  readonly element: HTMLElement;
  readonly #handle: HTMLButtonElement;
  readonly #tools = h("div", { class: "tools", role: "toolbar", "aria-label": t("bar") });
  readonly #sheet = h("div", { class: "sheet", role: "dialog", hidden: true });
  readonly #onClose: () => void;
  readonly #all: Tool[] = [];
  #openTool: Tool | null = null;
  #hideTimer: number | null = null;
  /** Infinite while it is not open. */
  #openedAt = Number.POSITIVE_INFINITY;

  /** `onClose` gives the keyboard back to the desktop. */
  constructor(onClose: () => void) {
    this.#onClose = onClose;
    const label = { title: t("bar.open"), "aria-label": t("bar.open"), "aria-expanded": "false" };
    this.#handle = h("button", { type: "button", class: "handle", ...label }, h("span"));
    this.element = h("nav", { class: "bar", hidden: true }, this.#tools, this.#handle, this.#sheet);
    this.element.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse") {
        this.#reveal();
      }
    });
    this.element.addEventListener("pointerleave", () => this.#hideSoon(HIDE_AFTER_MS));
    this.element.addEventListener("focusin", () => this.#reveal());
    this.element.addEventListener("focusout", () => this.#hideSoon(HIDE_AFTER_MS));
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.#makeMovable();
  }

  /** Adds a button that does something at once. */
  action(name: IconName, label: string, run: () => void): HTMLButtonElement {
    return this.#add(name, label, null, run);
  }

  /** Adds a button that opens `panel`. */
  panel(name: IconName, label: string, panel: Panel): HTMLButtonElement {
    const button = this.#add(name, label, panel, () => this.#toggle(button));
    button.setAttribute("aria-expanded", "false");
    return button;
  }

  /** Shows the bar for a moment, so that people learn where it is. */
  greet(): void {
    this.element.hidden = false;
    this.#reveal();
    this.#hideSoon(GREETING_MS);
  }

  /** Takes the bar off the page: there is nothing to control. */
  leave(): void {
    this.closePanel();
    this.#collapse();
    this.element.hidden = true;
  }

  /** Opens the bar for the keyboard, or closes it again. */
  toggleByKeyboard(): void {
    if (this.element.contains(document.activeElement)) {
      this.closePanel();
      this.#collapse();
      this.#onClose();
    } else {
      this.#reveal();
      this.#visible()[0]?.focus();
    }
  }

  closePanel(): void {
    if (this.#openTool !== null) {
      this.#openTool.button.setAttribute("aria-expanded", "false");
      this.#openTool = null;
      this.#sheet.hidden = true;
      this.#sheet.replaceChildren();
    }
  }

  /** Closes the panel if its button is gone: what it offered is not allowed any more. */
  closeHidden(): void {
    if (this.#openTool?.button.hidden === true) {
      const inside = this.#sheet.contains(document.activeElement);
      this.closePanel();
      if (inside) {
        this.#onClose();
      }
    }
  }

  #add(name: IconName, label: string, panel: Panel | null, run: () => void): HTMLButtonElement {
    const attributes = { type: "button", class: "tool", title: label, "aria-label": label };
    const button = h("button", { ...attributes, onclick: run }, icon(name));
    button.tabIndex = this.#all.length === 0 ? 0 : -1;
    this.#all.push({ button, panel });
    this.#tools.append(button);
    return button;
  }

  #toggle(button: HTMLButtonElement): void {
    const tool = this.#all.find((one) => one.button === button);
    const wasOpen = this.#openTool === tool;
    this.closePanel();
    if (wasOpen || tool?.panel == null) {
      this.#hideSoon(HIDE_AFTER_MS);
      return;
    }
    this.#openTool = tool;
    button.setAttribute("aria-expanded", "true");
    const { title, element } = tool.panel;
    const close = h("button", { type: "button", class: "tool", "aria-label": t("close") });
    close.append(icon("close"));
    close.addEventListener("click", () => this.#dismiss());
    this.#sheet.replaceChildren(h("header", {}, h("h2", {}, title), close), element);
    this.#sheet.setAttribute("aria-label", title);
    this.#sheet.hidden = false;
    tool.panel.onOpen?.();
    if (button.matches(":focus-visible")) {
      // Opened with the keyboard, which goes on inside.
      element.querySelector<HTMLElement>("input, button, textarea")?.focus();
    }
  }

  #dismiss(): void {
    this.closePanel();
    this.#hideSoon(HIDE_AFTER_MS);
    this.#onClose();
  }

  /** Arrow keys walk along the bar, Escape leaves it (WAI-ARIA toolbar pattern). */
  #key(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      event.preventDefault();
      const { button } = this.#openTool ?? {};
      const inSheet = this.#sheet.contains(document.activeElement);
      this.closePanel();
      if (inSheet && button !== undefined) {
        button.focus();
      } else {
        this.#collapse();
        this.#onClose();
      }
      return;
    }
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const buttons = this.#visible();
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (step !== 0 && at >= 0) {
      event.preventDefault();
      const next = buttons[(at + step + buttons.length) % buttons.length];
      buttons.forEach((button) => (button.tabIndex = button === next ? 0 : -1));
      next?.focus();
    }
  }

  #visible(): HTMLButtonElement[] {
    return this.#all.map(({ button }) => button).filter((button) => !button.hidden);
  }

  #reveal(): void {
    this.#stopHiding();
    if (!this.element.classList.contains("open")) {
      this.#openedAt = performance.now();
    }
    this.element.classList.add("open");
    this.#handle.setAttribute("aria-expanded", "true");
  }

  #collapse(): void {
    this.#stopHiding();
    this.#openedAt = Number.POSITIVE_INFINITY;
    this.element.classList.remove("open");
    this.#handle.setAttribute("aria-expanded", "false");
  }

  #hideSoon(afterMs: number): void {
    this.#stopHiding();
    this.#hideTimer = window.setTimeout(() => {
      const held = this.element.matches(":hover") || this.element.matches(":focus-within");
      if (this.#openTool === null && !held) {
        this.#collapse();
      }
    }, afterMs);
  }

  #stopHiding(): void {
    if (this.#hideTimer !== null) {
      window.clearTimeout(this.#hideTimer);
      this.#hideTimer = null;
    }
  }

  /** The handle moves the bar; a tap on it opens and closes it. */
  #makeMovable(): void {
    let start: { x: number; offset: number } | null = null;
    let offset = 0;
    let moved = false;
    this.#handle.addEventListener("pointerdown", (event) => {
      start = { x: event.clientX, offset };
      moved = false;
      this.#handle.setPointerCapture(event.pointerId);
    });
    this.#handle.addEventListener("pointermove", (event) => {
      if (start === null) {
        return;
      }
      moved ||= Math.abs(event.clientX - start.x) > DRAG_THRESHOLD_PX;
      if (moved) {
        const reach = Math.max(0, (window.innerWidth - this.element.offsetWidth) / 2 - 8);
        offset = Math.max(-reach, Math.min(reach, start.offset + event.clientX - start.x));
        this.element.style.setProperty("--offset", `${offset}px`);
      }
    });
    const end = () => (start = null);
    this.#handle.addEventListener("pointerup", end);
    this.#handle.addEventListener("pointercancel", end);
    this.#handle.addEventListener("click", () => {
      if (moved) {
        return;
      }
      const openFor = performance.now() - this.#openedAt;
      if (this.#openTool === null && openFor > JUST_OPENED_MS) {
        this.#collapse();
        this.#onClose();
      } else {
        this.#reveal();
      }
    });
  }
}
