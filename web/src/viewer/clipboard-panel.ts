// The clipboard panel: what the desktop copied, what can be pasted there, and typing it out.

import { h } from "../ui/dom.ts";
import { button, toggle } from "../ui/fields.ts";
import { t } from "../ui/language.ts";
import { copyFrom, readPermission, type Clipboard } from "./clipboard.ts";
import type { Desk } from "./desk.ts";
import { typeText } from "./keys.ts";
import type { Panel } from "./toolbar.ts";

export function clipboardPanel(desk: Desk, clipboard: Clipboard): Panel {
  const said = h("p", { class: "said", role: "status", "aria-live": "polite" });
  const say = (text: string) => (said.textContent = text);
  const field = h("textarea", {
    rows: 6,
    "aria-label": t("clip.label"),
    placeholder: t("clip.placeholder"),
    spellcheck: "false",
    oninput: () => say(""),
  });
  const copy = button(t("clip.copy"), "plain", async () => {
    say(t((await copyFrom(field)) ? "clip.copied" : "clip.failed"));
  });
  const send = button(t("clip.send"), "primary", () => {
    clipboard.send(field.value);
    say(t("clip.sent"));
  });
  const type = typeButton(desk, field, say);
  const auto = autoSwitch(desk, clipboard);
  clipboard.onText = (text) => {
    field.value = text;
    say("");
  };
  const show = () => {
    const { policy, viewOnly } = desk;
    copy.hidden = !policy.clipboardOut;
    send.hidden = !policy.clipboardIn;
    send.disabled = viewOnly;
    type.disabled = viewOnly;
    // One direction only: no sameness, and a word about it.
    auto.hidden = !policy.clipboardIn && !policy.clipboardOut;
    limits.hidden = policy.clipboardIn && policy.clipboardOut;
    limits.textContent = t(policy.clipboardIn ? "note.clip.out.off" : "note.clip.in.off");
  };
  const limits = h("p", { class: "hint", hidden: true });
  desk.onChange(show);
  const element = h(
    "div",
    { class: "panel" },
    field,
    h("div", { class: "actions wide" }, copy, send),
    h("div", { class: "row start" }, type, h("small", {}, t("clip.type.hint"))),
    said,
    limits,
    window.isSecureContext ? auto : h("p", { class: "hint" }, t("clip.insecure")),
  );
  const onOpen = () => {
    show();
    field.focus();
  };
  return { title: t("clip.title"), element, onOpen };
}

/** Types the field's text as keystrokes; pressed again, it stops. */
function typeButton(
  desk: Desk,
  field: HTMLTextAreaElement,
  say: (text: string) => void,
): HTMLButtonElement {
  let running: AbortController | null = null;
  const element = button(t("clip.type"), "plain", async () => {
    if (running !== null) {
      running.abort();
      return;
    }
    const { rfb } = desk;
    if (rfb === null || field.value === "") {
      return;
    }
    running = new AbortController();
    element.textContent = t("clip.stop");
    await typeText(rfb, field.value, running.signal, (done, total) =>
      say(t("clip.typing", { done, total })),
    );
    running = null;
    element.textContent = t("clip.type");
    say("");
  });
  return element;
}

/** The switch is also where Chromium is asked for permission: a click is what it wants for that. */
function autoSwitch(desk: Desk, clipboard: Clipboard): HTMLElement {
  const { settings } = desk;
  const auto = toggle(t("clip.auto"), t("clip.auto.hint"), settings.clipboard_auto, async (on) => {
    desk.set("clipboard_auto", on);
    if (on && (await readPermission()) === "prompt") {
      const text = await navigator.clipboard.readText().catch(() => "");
      if (text !== "") {
        clipboard.send(text);
      }
    }
  });
  return auto.element;
}
