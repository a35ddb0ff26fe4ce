// The page that shows a desktop.

import { initLogging } from "../node_modules/@novnc/novnc/core/util/logging.js";
import { h } from "./ui/dom.ts";
import { t } from "./ui/language.ts";
import { Notes } from "./ui/notes.ts";
import { startPage } from "./ui/start.ts";
import { browser, tab } from "./ui/storage.ts";
import { Clipboard } from "./viewer/clipboard.ts";
import { Company } from "./viewer/company.ts";
import { buildControls } from "./viewer/controls.ts";
import { Desk } from "./viewer/desk.ts";
import { endpointOf } from "./viewer/endpoint.ts";
import { Links } from "./viewer/links.ts";
import { readSettings, type Refused } from "./viewer/settings.ts";
import { Stage } from "./viewer/stage.ts";
import { Viewer } from "./viewer/viewer.ts";
import { Warning } from "./viewer/warning.ts";

/** Choices are kept per folder: desktops at different places want different sizes. */
const folder = new URL("./", location.origin + location.pathname).pathname;
const STORAGE_KEY = `portway:viewer:${folder}`;
const INSECURE_KEY = "portway:insecure-told";

async function main(): Promise<void> {
  const page = await startPage();
  const read = readSettings(page, browser.recall(STORAGE_KEY));
  const endpoint = endpointOf(page, read);
  hidePassword(page);
  initLogging(read.settings.logging);

  const screen = h("div", { id: "screen" });
  const stage = new Stage();
  const notes = new Notes();
  const desk = new Desk(read.settings, STORAGE_KEY);
  const clipboard = new Clipboard(desk, screen);
  const { toolbar, touchField } = buildControls({
    desk,
    clipboard,
    notes,
    links: new Links(endpoint),
    onLeave: () => viewer.leave(),
  });
  const warning = new Warning();
  const company = new Company(desk, notes, warning, screen);
  const viewer = new Viewer({ screen, stage, notes, toolbar, clipboard, company, desk, endpoint });

  document.body.replaceChildren(
    h("main", {}, screen, stage.element, touchField),
    warning.element,
    toolbar.element,
    notes.element,
    stage.announcer,
  );
  watchKeyboard(screen, () => toolbar.toggleByKeyboard());
  screen.addEventListener("pointerdown", () => toolbar.closePanel(), { capture: true });
  explain([...read.refused, ...(endpoint.pathHonoured ? [] : (["path-outside"] as const))], notes);
  viewer.start();
}

/** Says once what in the link was not followed, and what plain HTTP means. */
function explain(refused: Refused[], notes: Notes): void {
  for (const one of refused) {
    notes.lasting(t(NOTE_OF[one]));
  }
  if (!window.isSecureContext && tab.recall(INSECURE_KEY) === null) {
    tab.keep(INSECURE_KEY, "1");
    notes.lasting(t("note.insecure"));
  }
}

const NOTE_OF = {
  "password-in-query": "note.password",
  "foreign-address": "note.address",
  "path-outside": "note.path",
} as const satisfies Record<Refused, string>;

/** A password in the fragment is read once and then kept off the screen and out of the history. */
function hidePassword(page: URL): void {
  const fragment = new URLSearchParams(page.hash.slice(1));
  if (fragment.has("password")) {
    fragment.delete("password");
    const rest = fragment.toString();
    history.replaceState(null, "", `${page.pathname}${page.search}${rest && `#${rest}`}`);
  }
}

function watchKeyboard(screen: HTMLElement, onMenu: () => void): void {
  // noVNC lets go of keys when the window loses the focus; so it must when a panel takes it.
  screen.addEventListener("focusout", () => window.dispatchEvent(new Event("blur")));
  const modifiers = ["ControlLeft", "ControlRight", "AltLeft", "ShiftLeft", "ShiftRight"];
  const together = (event: KeyboardEvent) =>
    event.ctrlKey && event.altKey && event.shiftKey && modifiers.includes(event.code);
  window.addEventListener(
    "keydown",
    (event) => {
      if (together(event) && !event.repeat) {
        event.preventDefault();
        onMenu();
      }
    },
    { capture: true },
  );
}

await main();
