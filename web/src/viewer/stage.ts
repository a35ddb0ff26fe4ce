// What stands in the middle of the page while there is no picture: progress, login, the machine's
// identity, and the reason why a session ended.

import type { Credentials } from "@novnc/novnc";
import { freshId, h } from "../ui/dom.ts";
import { button, passwordField, textField } from "../ui/fields.ts";
import { icon, type IconName } from "../ui/icons.ts";
import { t, type TextKey } from "../ui/language.ts";
import { wallAbove } from "../ui/way-back.ts";
import type { Kind, Verdict } from "./ending.ts";
import type { Fingerprint } from "./identity.ts";
import type { Said } from "./sentences.ts";

/** After this long the person is told that it is not their fault. */
const SLOW_MS = 6000;

/** What is told while something is waited for, at once and once it takes long. */
interface Wait {
  text: string;
  slow: TextKey;
}

export interface EndView {
  verdict: Verdict;
  code: number | null;
  /** Seconds until the next attempt; null if there is none. */
  countdown: { seconds: number; total: number } | null;
  onAgain(): void;
  onTakeOver(): void;
  onStop(): void;
}

export class Stage {
  readonly element = h("div", { class: "stage" });
  /** Said aloud by screen readers; the cards themselves are not live regions. */
  readonly announcer = h("p", { class: "unseen", role: "status", "aria-live": "polite" });
  #slow: number | null = null;

  /** Leaves the middle free for the picture. */
  clear(): void {
    this.#show(null);
  }

  announce(text: string): void {
    this.announcer.textContent = text;
  }

  ready(name: string, onConnect: () => void): void {
    const connect = button(t("state.connect"), "primary", onConnect);
    const card = this.#card("display", name || t("state.ready"));
    card.append(h("p", {}, t("state.ready.text")), h("div", { class: "actions" }, connect));
    this.#show(card);
    connect.focus();
  }

  progress(name: string, text: TextKey, onCancel: () => void): void {
    this.#wait(name, { text: t(text), slow: "state.slow" }, onCancel);
    this.announce(t(text));
  }

  /** The session runs, and nothing of its screen was seen yet. Keys and pointer reach it. */
  picture(name: string, onCancel: () => void): void {
    this.#wait(name, { text: t("state.picture"), slow: "state.picture.slow" }, onCancel);
    this.element.classList.add("beside");
  }

  #wait(name: string, wait: Wait, onCancel: () => void): void {
    const slow = h("p", { class: "hint" });
    const card = h(
      "section",
      { class: "card progress", "aria-busy": "true" },
      h("div", { class: "spinner" }),
      h("h1", {}, name || t("desktop")),
      h("p", {}, wait.text),
      slow,
      h("div", { class: "actions" }, button(t("cancel"), "quiet", onCancel)),
    );
    this.#show(card);
    this.#slow = window.setTimeout(() => {
      slow.textContent = t(wait.slow);
      this.announce(t(wait.slow));
    }, SLOW_MS);
  }

  login(name: string, types: string[], onSend: (answer: Credentials) => void, onCancel: () => void): void {
    const fields = loginFields(types);
    const send = h("button", { type: "submit", class: "primary" }, t("login.send"));
    const form = h(
      "form",
      {
        onsubmit: (event: SubmitEvent) => {
          event.preventDefault();
          onSend(Object.fromEntries(fields.map(({ type, input }) => [type, input.value])));
        },
      },
      ...fields.map(({ element }) => element),
      window.isSecureContext ? null : h("p", { class: "hint warn" }, t("login.insecure")),
      h("div", { class: "actions" }, button(t("cancel"), "quiet", onCancel), send),
    );
    const title = name === "" ? t("login.send") : t("login.title", { name });
    const card = this.#card("lock", title);
    card.append(form);
    this.#show(card);
    this.announce(title);
    fields[0]?.input.focus();
  }

  identity(print: Fingerprint, changed: boolean, onApprove: () => void, onCancel: () => void): void {
    const title = t(changed ? "identity.changed.title" : "identity.title");
    const card = this.#card(changed ? "warning" : "shield", title);
    card.classList.toggle("alarming", changed);
    const cancel = button(t("cancel"), changed ? "primary" : "quiet", onCancel);
    const approve = button(t("identity.approve"), changed ? "quiet" : "primary", onApprove);
    card.append(
      h("p", {}, t(changed ? "identity.changed.text" : "identity.text")),
      h(
        "dl",
        { class: "facts" },
        h("dt", {}, "SHA-256"),
        h("dd", { class: "mono" }, ...breakable(print.sha256)),
        h("dt", {}, t("identity.short")),
        h("dd", { class: "mono" }, print.short),
      ),
      h("div", { class: "actions" }, changed ? approve : cancel, changed ? cancel : approve),
    );
    this.#show(card);
    this.announce(title);
    cancel.focus();
  }

  /** Shows why it ended; returns what updates the countdown. */
  ended(view: EndView): (seconds: number) => void {
    const { kind, quote, said, takeOver, usedBy } = view.verdict;
    const by = usedBy || (said?.key === "end.inuse.by" ? said.words : "");
    const named = kind === "inuse" && by !== "";
    const title = named ? t("end.inuse.by", { user: by }) : t(`end.${kind}.title`);
    const text = textOf(kind, said);
    const card = this.#card(ICON_OF_KIND[kind] ?? "unplugged", title);
    const next = t(`end.${kind}.next`);
    card.append(
      h("p", {}, text),
      ...(quote === "" ? [] : [h("blockquote", {}, h("small", {}, t(labelOf(kind))), quote)]),
      ...(next === "" ? [] : [h("p", { class: "next" }, next)]),
    );
    const label = view.countdown === null ? (LABEL_OF_KIND[kind] ?? "try") : "countdown.now";
    const again = button(t(label), takeOver ? "plain" : "primary", view.onAgain);
    const actions = h("div", { class: "actions" }, again);
    if (takeOver) {
      actions.append(button(t("end.inuse.take"), "primary", view.onTakeOver));
    }
    const ring = view.countdown === null ? null : new Ring(view.countdown.total);
    if (ring !== null) {
      card.prepend(ring.element);
      card.querySelector(".badge")?.remove();
      card.append(ring.line);
      actions.prepend(button(t("countdown.stop"), "quiet", view.onStop));
    }
    card.append(actions);
    const wall = wallAbove();
    if (wall !== null) {
      card.append(h("a", { class: "way-back", href: wall }, t("end.wall")));
    }
    if (view.code !== null && kind !== "left") {
      const code = h("p", {}, t("code", { code: view.code }));
      card.append(h("details", {}, h("summary", {}, t("details")), code));
    }
    this.#show(card);
    this.announce(`${title}. ${text} ${next}`);
    again.focus();
    return (seconds) => ring?.show(seconds);
  }

  #card(symbol: IconName, title: string): HTMLElement {
    const id = freshId();
    const badge = h("div", { class: "badge" }, icon(symbol));
    return h("section", { class: "card", "aria-labelledby": id }, badge, h("h1", { id }, title));
  }

  #show(card: HTMLElement | null): void {
    if (this.#slow !== null) {
      window.clearTimeout(this.#slow);
      this.#slow = null;
    }
    this.element.classList.remove("beside");
    this.element.replaceChildren(...(card === null ? [] : [card]));
    this.element.hidden = card === null;
  }
}

/** A fingerprint that is broken between pairs only, and copied as it is. */
function breakable(print: string): (string | HTMLElement)[] {
  return (print.match(/[^:]+:?/g) ?? []).flatMap((pair) => [pair, h("wbr")]);
}

/** What there is to say: the gateway's sentence, or what the kind of end means. */
function textOf(kind: Kind, said: Said | null): string {
  // Whom it is used by stands above already.
  const known = said === null || said.key === "end.inuse.by" ? null : said;
  return known === null ? t(`end.${kind}.text`) : t(known.key, { words: known.words });
}

/** Whose words a quote is. */
function labelOf(kind: Kind): TextKey {
  return kind === "removed" ? "said.operator" : "said";
}

/** What trying again is called, where it is more than that. */
const LABEL_OF_KIND: Partial<Record<Kind, TextKey>> = {
  left: "again",
  session: "login.send",
};

const ICON_OF_KIND: Partial<Record<Kind, IconName>> = {
  token: "lock",
  denied: "lock",
  session: "lock",
  password: "lock",
  attempts: "lock",
  login: "lock",
  time: "clock",
  inuse: "people",
  https: "lock",
  busy: "clock",
  left: "leave",
  unknown: "search",
  notvnc: "search",
  policy: "shield",
  gateway: "warning",
  protocol: "warning",
};

interface LoginField {
  type: string;
  element: HTMLElement;
  input: HTMLInputElement;
}

function loginFields(types: string[]): LoginField[] {
  const fields: LoginField[] = [];
  if (types.includes("target")) {
    fields.push({ type: "target", ...textField(t("login.target"), { required: true }) });
  }
  if (types.includes("username")) {
    const attributes = { autocomplete: "username", required: true };
    fields.push({ type: "username", ...textField(t("login.user"), attributes) });
  }
  if (types.includes("password")) {
    fields.push({ type: "password", ...passwordField({}) });
  }
  return fields;
}

const SVG = "http://www.w3.org/2000/svg";
const RADIUS = 20;

/** The countdown: a ring that empties, the seconds in it, and the same in words. */
class Ring {
  readonly element = h("div", { class: "ring", "aria-hidden": "true" });
  readonly line = h("p", { class: "countdown" });
  readonly #total: number;
  readonly #arc = document.createElementNS(SVG, "circle");
  readonly #number = h("span");

  constructor(total: number) {
    this.#total = Math.max(total, 1);
    const svg = document.createElementNS(SVG, "svg");
    const track = document.createElementNS(SVG, "circle");
    svg.setAttribute("viewBox", "0 0 48 48");
    for (const [circle, name] of [[track, "track"], [this.#arc, "arc"]] as const) {
      circle.setAttribute("cx", "24");
      circle.setAttribute("cy", "24");
      circle.setAttribute("r", String(RADIUS));
      circle.setAttribute("class", name);
      circle.setAttribute("pathLength", "100");
      svg.append(circle);
    }
    this.element.append(svg, this.#number);
  }

  show(seconds: number): void {
    const whole = Math.max(0, Math.ceil(seconds));
    this.#number.textContent = String(whole);
    this.line.textContent = t("countdown", { seconds: whole });
    const left = Math.max(0, Math.min(100, (100 * seconds) / this.#total));
    this.#arc.setAttribute("stroke-dasharray", `${left} 100`);
  }
}
