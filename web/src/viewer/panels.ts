// The panels of the bar, one function each: they show the desk's state and change it.

import { bytes, clock } from "../ui/format.ts";
import { h } from "../ui/dom.ts";
import { button, choice, level, toggle } from "../ui/fields.ts";
import { t, type TextKey } from "../ui/language.ts";
import type { Notes } from "../ui/notes.ts";
import { signOutButton } from "../ui/sign-out.ts";
import { chooseTheme, theme } from "../ui/theme.ts";
import type { Desk } from "./desk.ts";
import type { Resize } from "./settings.ts";
import type { Panel } from "./toolbar.ts";

/** Picture and settings. */
export function settingsPanel(desk: Desk): Panel {
  const { settings } = desk;
  const hint = h("small", {});
  const explain = (resize: Resize) => (hint.textContent = t(`set.resize.hint.${resize}`));
  const sizes = (["scale", "off", "remote"] as const).map(
    (size) => [size, t(`set.resize.${size}`)] as const,
  );
  const resize = choice(t("set.resize"), sizes, settings.resize, (size) => {
    desk.set("resize", size);
    explain(size);
  });
  explain(settings.resize);
  const clip = toggle(t("set.clip"), "", settings.view_clip, (on) => desk.set("view_clip", on));
  const view = toggle(t("set.view"), "", desk.viewOnly, (on) => desk.set("view_only", on));
  const dot = toggle(t("set.dot"), "", settings.show_dot, (on) => desk.set("show_dot", on));
  const bell = toggle(t("set.bell"), "", settings.bell, (on) => desk.set("bell", on));
  const themes = (["auto", "light", "dark"] as const).map(
    (name) => [name, t(`set.theme.${name}`)] as const,
  );
  const look = choice(t("set.theme"), themes, theme(), chooseTheme);
  const ends: [string, string] = [t("set.low"), t("set.high")];
  const setLevel = (name: "quality" | "compression") => (value: number) => desk.set(name, value);
  const quality = level(t("set.quality"), ends, settings.quality, setLevel("quality"));
  const packing = level(t("set.compression"), ends, settings.compression, setLevel("compression"));
  const show = () => {
    const { policy, watching } = desk;
    view.input.checked = desk.viewOnly;
    view.input.disabled = watching === "gateway" || watching === "other";
    view.hint.textContent = t(`set.view.${watching ?? "hint"}`);
    quality.limit(policy.qualityMax, t("set.quality.limit", { quality: policy.qualityMax }));
    resize.disable("remote", !policy.resize, t("set.resize.forbidden"));
    clip.element.hidden = settings.resize !== "off";
    resize.choose(settings.resize);
  };
  desk.onChange(show);
  const element = h(
    "div",
    { class: "panel" },
    resize.element,
    hint,
    clip.element,
    view.element,
    quality.element,
    packing.element,
    dot.element,
    bell.element,
    look.element,
  );
  return { title: t("set.title"), element, onOpen: show };
}

const INFO_EVERY_MS = 1000;

/** About this connection. */
export function infoPanel(desk: Desk, notes: Notes): Panel {
  const list = h("dl", { class: "facts" });
  const values = new Map<TextKey, HTMLElement>();
  const row = (key: TextKey, text: string | null) => {
    let value = values.get(key);
    if (value === undefined && text !== null) {
      value = h("dd");
      values.set(key, value);
      list.append(h("dt", {}, t(key)), value);
    }
    if (value !== undefined && value.textContent !== text) {
      value.textContent = text ?? "";
    }
  };
  const show = () => {
    const locale = document.documentElement.lang;
    const { received, sent } = desk.traffic();
    const { canvas, connectedAt, roundTripMs } = desk;
    row("info.name", desk.name);
    row("info.size", canvas === null ? "" : `${canvas.width} × ${canvas.height}`);
    row("info.gateway", location.host);
    const encrypted = location.protocol === "https:";
    row("info.encrypted", t(encrypted ? "info.encrypted.yes" : "info.encrypted.no"));
    row("info.access", t(desk.viewOnly ? "info.access.view" : "info.access.control"));
    row("info.recorded", desk.policy.recorded ? t("yes") : null);
    row("info.since", connectedAt === null ? "" : clock((Date.now() - connectedAt) / 1000));
    row("info.traffic", `${bytes(received, locale)}, ${bytes(sent, locale)}`);
    row("info.rtt", roundTripMs === null ? null : `${Math.round(roundTripMs)} ms`);
  };
  const onOpen = () => {
    show();
    const timer = setInterval(() => {
      if (list.isConnected) {
        show();
      } else {
        clearInterval(timer);
      }
    }, INFO_EVERY_MS);
  };
  const out = h("div", { class: "actions" }, signOutButton(notes));
  desk.onChange(() => (out.hidden = !desk.signOut));
  out.hidden = true;
  return { title: t("info.title"), element: h("div", { class: "panel" }, list, out), onOpen };
}

/** A button that acts only when pressed twice, for what cannot be taken back. */
export function confirmed(label: string, run: () => void): HTMLButtonElement {
  let armed = false;
  const disarm = () => {
    armed = false;
    element.textContent = label;
    element.classList.remove("danger");
  };
  const element = button(label, "plain", () => {
    if (armed) {
      disarm();
      run();
    } else {
      armed = true;
      element.textContent = t("keys.power.confirm");
      element.classList.add("danger");
    }
  });
  element.addEventListener("blur", disarm);
  return element;
}
