// The few form controls of the pages, each with its label.

import { freshId, h } from "./dom.ts";
import { icon, type IconName } from "./icons.ts";
import { t } from "./language.ts";

/** A switch with a label and, if given, a line that explains it. */
export function toggle(
  label: string,
  hint: string,
  on: boolean,
  onChange: (on: boolean) => void,
): { element: HTMLElement; input: HTMLInputElement; hint: HTMLElement } {
  const id = freshId();
  const hintId = freshId();
  const input = h("input", {
    id,
    type: "checkbox",
    role: "switch",
    "aria-describedby": hintId,
    onchange: () => onChange(input.checked),
  });
  input.checked = on;
  const explanation = h("small", { id: hintId }, hint);
  const words = h("label", { for: id }, h("span", {}, label), explanation);
  return { element: h("div", { class: "row" }, words, input), input, hint: explanation };
}

export interface Choice<Value extends string> {
  element: HTMLElement;
  choose(value: Value): void;
  /** Makes one unavailable, with the reason as its tooltip, or available again. */
  disable(value: Value, disabled: boolean, reason: string): void;
}

/** One of a few, all visible. */
export function choice<Value extends string>(
  label: string,
  options: readonly (readonly [Value, string])[],
  chosen: Value,
  onChange: (value: Value) => void,
): Choice<Value> {
  const name = freshId();
  const inputs = options.map(([value, words]) => {
    const id = freshId();
    const input = h("input", { id, name, value, type: "radio", onchange: () => onChange(value) });
    input.checked = value === chosen;
    return { value, input, label: h("label", { for: id }, words) };
  });
  const element = h(
    "fieldset",
    { class: "choice" },
    h("legend", {}, label),
    h("div", { class: "segments" }, ...inputs.flatMap(({ input, label }) => [input, label])),
  );
  const choose = (value: Value) => {
    for (const one of inputs) {
      one.input.checked = one.value === value;
    }
  };
  const disable = (value: Value, disabled: boolean, reason: string) => {
    const one = inputs.find((input) => input.value === value);
    if (one !== undefined) {
      one.input.disabled = disabled;
      one.label.title = disabled ? reason : "";
    }
  };
  return { element, choose, disable };
}

const LEVEL_MAX = 9;

/** A level from 0 to 9, or to less where that is all that is allowed. */
export function level(
  label: string,
  ends: [string, string],
  value: number,
  onChange: (value: number) => void,
): { element: HTMLElement; limit: (most: number, hint: string) => void } {
  const id = freshId();
  const shown = h("output", { for: id }, String(value));
  const input = h("input", {
    id,
    type: "range",
    min: 0,
    max: LEVEL_MAX,
    step: 1,
    oninput: () => (shown.textContent = input.value),
    onchange: () => onChange(Number(input.value)),
  });
  input.value = String(value);
  const highest = h("small", {}, ends[1]);
  const limit = (most: number, hint: string) => {
    input.max = String(most);
    shown.textContent = input.value;
    highest.textContent = most < LEVEL_MAX ? hint : ends[1];
  };
  const words = h("label", { for: id }, label);
  const lowest = h("small", {}, ends[0]);
  return { element: h("div", { class: "level" }, words, shown, input, lowest, highest), limit };
}

/** A labelled line of text. */
export function textField(
  label: string,
  attributes: Record<string, string | boolean>,
): { element: HTMLElement; input: HTMLInputElement } {
  const id = freshId();
  const input = h("input", { id, autocapitalize: "off", spellcheck: "false", ...attributes });
  return { element: h("div", { class: "field" }, h("label", { for: id }, label), input), input };
}

/** A password, which the person may look at. */
export function passwordField(attributes: Record<string, string | boolean>): {
  element: HTMLElement;
  input: HTMLInputElement;
} {
  const field = textField(t("login.password"), {
    type: "password",
    autocomplete: "current-password",
    ...attributes,
  });
  const reveal = h("button", { type: "button", class: "reveal", "aria-pressed": "false" });
  reveal.append(icon("eye"), h("span", { class: "unseen" }, t("login.show")));
  reveal.addEventListener("click", () => {
    const hidden = field.input.type === "password";
    field.input.type = hidden ? "text" : "password";
    reveal.setAttribute("aria-pressed", String(hidden));
  });
  field.element.append(reveal);
  return field;
}

/** A button that shows only an icon; the words are its name. */
export function iconButton(name: IconName, label: string, onClick: () => void): HTMLButtonElement {
  const attributes = { type: "button", class: "tool", title: label, "aria-label": label };
  return h("button", { ...attributes, onclick: onClick }, icon(name));
}

/** A button with words. */
export function button(label: string, look: string, onClick: () => void): HTMLButtonElement {
  return h("button", { type: "button", class: look, onclick: onClick }, label);
}
