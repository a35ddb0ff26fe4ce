// Dark or light: what the person chose, else what the device prefers.

import { browser } from "./storage.ts";

export type Theme = "auto" | "dark" | "light";

const KEY = "portway:theme";
const device = window.matchMedia("(prefers-color-scheme: light)");
let chosen: Theme = "auto";

/** Sets the page's theme up; `asked` is the address's `theme=`, which lasts for this visit. */
export function startTheme(asked: string | null): void {
  chosen = parse(asked) ?? parse(browser.recall(KEY)) ?? "auto";
  device.addEventListener("change", show);
  show();
}

export function theme(): Theme {
  return chosen;
}

/** Takes the person's choice over and remembers it for all pages of this origin. */
export function chooseTheme(wanted: Theme): void {
  chosen = wanted;
  browser.keep(KEY, wanted);
  show();
}

function show(): void {
  const light = chosen === "light" || (chosen === "auto" && device.matches);
  document.documentElement.dataset["theme"] = light ? "light" : "dark";
}

function parse(text: string | null): Theme | null {
  return text === "auto" || text === "dark" || text === "light" ? text : null;
}
