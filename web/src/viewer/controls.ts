// Puts the bar together: which buttons there are, what they do, when they show.

import { h, setLabel } from "../ui/dom.ts";
import { t } from "../ui/language.ts";
import type { Notes } from "../ui/notes.ts";
import { icon, signal } from "../ui/icons.ts";
import type { Clipboard } from "./clipboard.ts";
import { clipboardPanel } from "./clipboard-panel.ts";
import type { Desk } from "./desk.ts";
import { download, hasFullScreen, pictureName, toggleFullScreen } from "./device.ts";
import { keysPanel } from "./keys-panel.ts";
import type { Links } from "./links.ts";
import { peoplePanel } from "./people-panel.ts";
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
  links: Links;
  onLeave(): void;
}

export function buildControls({ desk, clipboard, notes, links, onLeave }: ControlParts): Controls {
  const toolbar = new Toolbar(() => desk.rfb?.focus({ preventScroll: true }));
  const clip = toolbar.panel("clipboard", t("bar.clipboard"), clipboardPanel(desk, clipboard));
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
  addPeople(toolbar, desk, links);
  addInfo(toolbar, desk, notes);
  toolbar.action("leave", t("bar.leave"), onLeave).classList.add("leave");
  const coarse = window.matchMedia("(any-pointer: coarse)");
  const show = () => {
    const { clipboardIn, clipboardOut } = desk.policy;
    clip.hidden = !clipboardOut && (!clipboardIn || desk.viewOnly);
    keys.hidden = desk.viewOnly;
    keyboard.hidden = desk.viewOnly || !coarse.matches;
    keyboard.setAttribute("aria-pressed", String(touch.active));
    drag.hidden = !(desk.rfb?.clippingViewport ?? false);
    drag.setAttribute("aria-pressed", String(desk.rfb?.dragViewport ?? false));
    toolbar.element.classList.toggle("watching", desk.viewOnly);
    toolbar.element.classList.toggle("filmed", desk.policy.recorded);
    toolbar.closeHidden();
  };
  desk.onChange(show);
  show();
  return { toolbar, touchField: touch.field };
}

/** The people, with how many they are; only where the gateway says so. */
function addPeople(toolbar: Toolbar, desk: Desk, links: Links): void {
  const badge = h("span", { class: "badge-count", hidden: true });
  const people = toolbar.panel("people", t("bar.people"), peoplePanel(desk, links));
  people.append(badge);
  const show = () => {
    const count = desk.presence.people.length + desk.presence.more;
    people.hidden = count < 2 && !desk.links;
    badge.hidden = count < 2;
    badge.textContent = String(count);
    setLabel(people, count < 2 ? t("bar.people") : t("bar.people.count", { count }));
  };
  desk.onChange(show);
  show();
}

/** Up to these round trips in milliseconds, a connection has three bars, or two. */
const GOOD_MS = 90;
const FAIR_MS = 220;

function addInfo(toolbar: Toolbar, desk: Desk, notes: Notes): void {
  const info = toolbar.panel("info", t("bar.info"), infoPanel(desk, notes));
  const plain = icon("info");
  const bars = signal();
  const show = () => {
    const { roundTripMs } = desk;
    const known = roundTripMs !== null;
    const picture = known ? bars.element : plain;
    if (info.firstElementChild !== picture) {
      info.replaceChildren(picture);
    }
    if (known) {
      bars.show(roundTripMs <= GOOD_MS ? 3 : roundTripMs <= FAIR_MS ? 2 : 1);
      setLabel(info, t("bar.info.rtt", { ms: Math.round(roundTripMs) }));
    } else {
      setLabel(info, t("bar.info"));
    }
  };
  desk.onChange(show);
  show();
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
    full.replaceChildren(icon(inside ? "exitFull" : "full"));
    setLabel(full, t(inside ? "bar.full.exit" : "bar.full"));
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
