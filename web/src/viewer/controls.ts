// Puts the bar together: which buttons there are, what they do, when they show.

import { t } from "../ui/language.ts";
import type { Notes } from "../ui/notes.ts";
import { icon } from "../ui/icons.ts";
import type { Clipboard } from "./clipboard.ts";
import { clipboardPanel } from "./clipboard-panel.ts";
import type { Desk } from "./desk.ts";
import { download, hasFullScreen, pictureName, toggleFullScreen } from "./device.ts";
import { keysPanel } from "./keys-panel.ts";
import { infoPanel, settingsPanel } from "./panels.ts";
import { Toolbar } from "./toolbar.ts";
import { TouchKeyboard } from "./touch.ts";

export interface Controls {
  toolbar: Toolbar;
  touchField: HTMLElement;
}

export interface ControlParts {
  desk: Desk;
  clipboard: Clipboard;
  notes: Notes;
  onLeave(): void;
}

export function buildControls({ desk, clipboard, notes, onLeave }: ControlParts): Controls {
  const toolbar = new Toolbar(() => desk.rfb?.focus({ preventScroll: true }));
  toolbar.panel("clipboard", t("bar.clipboard"), clipboardPanel(desk, clipboard));
  const touch = new TouchKeyboard(desk, () => desk.changed());
  const compose = () => {
    toolbar.closePanel();
    touch.toggle();
  };
  const keys = toolbar.panel("keys", t("bar.keys"), keysPanel(desk, compose));
  const keyboard = toolbar.action("touch", t("bar.keyboard"), () => touch.toggle());
  // The button must not take the focus from the field before it can see that it is to be hidden.
  keyboard.addEventListener("pointerdown", (event) => event.preventDefault());
  const drag = toolbar.action("hand", t("bar.drag"), () => {
    if (desk.rfb !== null) {
      desk.rfb.dragViewport = !desk.rfb.dragViewport;
      desk.changed();
    }
  });
  addFullScreen(toolbar, notes);
  toolbar.panel("display", t("bar.display"), settingsPanel(desk));
  toolbar.action("camera", t("bar.shot"), () => savePicture(desk, notes));
  toolbar.panel("info", t("bar.info"), infoPanel(desk));
  toolbar.action("leave", t("bar.leave"), onLeave).classList.add("leave");
  const coarse = window.matchMedia("(any-pointer: coarse)");
  const show = () => {
    keys.hidden = desk.viewOnly;
    keyboard.hidden = desk.viewOnly || !coarse.matches;
    keyboard.setAttribute("aria-pressed", String(touch.active));
    drag.hidden = !(desk.rfb?.clippingViewport ?? false);
    drag.setAttribute("aria-pressed", String(desk.rfb?.dragViewport ?? false));
    toolbar.element.classList.toggle("watching", desk.viewOnly);
  };
  desk.onChange(show);
  show();
  return { toolbar, touchField: touch.field };
}

function addFullScreen(toolbar: Toolbar, notes: Notes): void {
  if (!hasFullScreen()) {
    return;
  }
  const full = toolbar.action("full", t("bar.full"), async () => {
    if ((await toggleFullScreen()) === "locked") {
      notes.brief(t("note.lock"), "full");
    }
  });
  document.addEventListener("fullscreenchange", () => {
    const inside = document.fullscreenElement !== null;
    const label = t(inside ? "bar.full.exit" : "bar.full");
    full.replaceChildren(icon(inside ? "exitFull" : "full"));
    full.title = label;
    full.setAttribute("aria-label", label);
  });
}

function savePicture(desk: Desk, notes: Notes): void {
  desk.rfb?.toBlob((blob) => {
    if (blob === null) {
      notes.brief(t("note.shot.failed"), "warning");
    } else {
      download(blob, pictureName(desk.name, new Date()));
    }
  }, "image/png");
}
