// The keys panel: modifiers that stay down, combinations that browsers and systems keep for
// themselves, single keys, and the machine's power where the desktop offers it.

import { h } from "../ui/dom.ts";
import { button } from "../ui/fields.ts";
import { t } from "../ui/language.ts";
import type { Desk } from "./desk.ts";
import { chord, functionKey, KEYS, type Key } from "./keys.ts";
import { confirmed } from "./panels.ts";
import type { Panel } from "./toolbar.ts";

const HELD: [string, Key][] = [
  ["Ctrl", KEYS.control],
  ["Alt", KEYS.alt],
  ["Shift", KEYS.shift],
  ["Super", KEYS.super],
];

const COMBINATIONS: [string, Key[]][] = [
  ["Ctrl+Alt+Del", [KEYS.control, KEYS.alt, KEYS.delete]],
  ["Alt+Tab", [KEYS.alt, KEYS.tab]],
  ["Alt+F4", [KEYS.alt, functionKey(4)]],
  ["Ctrl+Esc", [KEYS.control, KEYS.escape]],
  ["Ctrl+Shift+Esc", [KEYS.control, KEYS.shift, KEYS.escape]],
  ["Ctrl+Alt+F1", [KEYS.control, KEYS.alt, functionKey(1)]],
  ["Ctrl+Alt+F2", [KEYS.control, KEYS.alt, functionKey(2)]],
];

const SINGLE: [string, Key][] = [
  ["Esc", KEYS.escape],
  ["Tab", KEYS.tab],
  ["Super", KEYS.super],
  ["Menu", KEYS.menu],
  ["PrtSc", KEYS.print],
  ["Ins", KEYS.insert],
  ["Del", KEYS.delete],
  ["Home", KEYS.home],
  ["End", KEYS.end],
  ["PgUp", KEYS.pageUp],
  ["PgDn", KEYS.pageDown],
  ["←", KEYS.left],
  ["↑", KEYS.up],
  ["↓", KEYS.down],
  ["→", KEYS.right],
];

const FUNCTION_KEYS = 12;

/** Keeps modifiers down until they are released or the session ends. */
class HeldKeys {
  readonly element: HTMLElement;
  readonly #buttons: HTMLButtonElement[];

  constructor(desk: Desk) {
    this.#buttons = HELD.map(([label, key]) => {
      const hold = button(label, "key", () => {
        const down = hold.getAttribute("aria-pressed") !== "true";
        hold.setAttribute("aria-pressed", String(down));
        desk.rfb?.sendKey(key.keysym, key.code, down);
        desk.rfb?.focus({ preventScroll: true });
      });
      hold.setAttribute("aria-pressed", "false");
      return hold;
    });
    this.element = h("div", { class: "keys" }, ...this.#buttons);
  }

  /** A new session begins with all keys up. */
  forget(): void {
    for (const hold of this.#buttons) {
      hold.setAttribute("aria-pressed", "false");
    }
  }
}

export function keysPanel(desk: Desk, onCompose: () => void): Panel {
  const held = new HeldKeys(desk);
  const press = (label: string, keys: Key[]) =>
    button(label, "key", () => {
      if (desk.rfb !== null) {
        chord(desk.rfb, keys);
      }
    });
  const functionKeys = Array.from({ length: FUNCTION_KEYS }, (_, index) =>
    press(`F${index + 1}`, [functionKey(index + 1)]),
  );
  const power = powerKeys(desk);
  const element = h(
    "div",
    { class: "panel" },
    group(t("keys.combos"), ...COMBINATIONS.map(([label, keys]) => press(label, keys))),
    h("section", {}, h("h3", {}, t("keys.hold")), held.element),
    group(t("keys.press"), ...SINGLE.map(([label, key]) => press(label, [key]))),
    h("section", {}, h("div", { class: "keys six" }, ...functionKeys)),
    button(t("keys.compose"), "plain", onCompose),
    power,
  );
  let session = desk.rfb;
  const show = () => {
    if (session !== desk.rfb) {
      session = desk.rfb;
      held.forget();
    }
    power.hidden = !desk.policy.power || !(desk.rfb?.capabilities.power ?? false);
    for (const one of element.querySelectorAll("button")) {
      one.disabled = desk.viewOnly;
    }
  };
  desk.onChange(show);
  return { title: t("keys.title"), element, onOpen: show };
}

function group(title: string, ...keys: HTMLElement[]): HTMLElement {
  return h("section", {}, h("h3", {}, title), h("div", { class: "keys" }, ...keys));
}

function powerKeys(desk: Desk): HTMLElement {
  return group(
    t("keys.power"),
    confirmed(t("keys.shutdown"), () => desk.rfb?.machineShutdown()),
    confirmed(t("keys.reboot"), () => desk.rfb?.machineReboot()),
    confirmed(t("keys.reset"), () => desk.rfb?.machineReset()),
  );
}
