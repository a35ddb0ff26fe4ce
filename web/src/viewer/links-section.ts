// Links to watch, as a part of the people panel: make one, copy it, see and take back the others.

import { freshId, h } from "../ui/dom.ts";
import { button } from "../ui/fields.ts";
import { span } from "../ui/format.ts";
import { explain } from "../ui/gateway.ts";
import { icon } from "../ui/icons.ts";
import { t } from "../ui/language.ts";
import { writeLocal } from "./clipboard.ts";
import { minutesUpTo, type Links, type WatchLink } from "./links.ts";
import { confirmed } from "./panels.ts";

const MINUTES_FIRST = 60;

export class LinksSection {
  readonly element: HTMLElement;
  readonly #links: Links;
  readonly #minutes = h("select", { id: freshId() });
  readonly #made = h("div", { class: "made", hidden: true });
  readonly #list = h("ul", { class: "links" });
  readonly #said = h("p", { class: "said", role: "status", "aria-live": "polite" });

  constructor(links: Links) {
    this.#links = links;
    this.element = h(
      "section",
      { class: "invite" },
      h("h3", {}, t("links.title")),
      h("p", { class: "hint" }, t("links.text")),
      h(
        "div",
        { class: "row" },
        h("label", { class: "unseen", for: this.#minutes.id }, t("links.expiry")),
        this.#minutes,
        button(t("links.make"), "plain", () => void this.#make()),
      ),
      this.#made,
      this.#said,
      this.#list,
    );
  }

  /** Brings it up to date, where links may be open for `maxS` seconds. */
  async refresh(maxS: number | null): Promise<void> {
    this.#offer(minutesUpTo(maxS));
    await this.#fetch();
  }

  #offer(choices: number[]): void {
    const locale = document.documentElement.lang;
    const chosen = Number(this.#minutes.value || MINUTES_FIRST);
    const options = choices.map((minutes) =>
      h("option", { value: minutes }, t("links.for", { time: span(minutes * 60, locale) })),
    );
    this.#minutes.replaceChildren(...options);
    this.#minutes.value = String(choices.includes(chosen) ? chosen : choices.at(-1));
  }

  async #fetch(): Promise<void> {
    const answer = await this.#links.list();
    const links = answer.kind === "ok" ? answer.value : [];
    this.#list.replaceChildren(...links.map((link) => this.#row(link)));
  }

  async #make(): Promise<void> {
    const answer = await this.#links.make(Number(this.#minutes.value));
    if (answer.kind !== "ok") {
      this.#said.textContent = explain(answer);
      return;
    }
    const url = answer.value;
    const field = h("input", { type: "text", readonly: true, "aria-label": t("links.link") });
    field.value = url;
    field.addEventListener("focus", () => field.select());
    const copy = button("", "primary", async () => {
      field.select();
      const copied = (await writeLocal(url)) || document.execCommand("copy");
      this.#said.textContent = t(copied ? "clip.copied" : "clip.failed");
    });
    copy.append(icon("copy"), t("links.copy"));
    this.#made.replaceChildren(h("div", { class: "field" }, field), copy);
    this.#made.hidden = false;
    this.#said.textContent = t("links.made");
    copy.focus();
    await this.#fetch();
  }

  #row({ id, expires, uses }: WatchLink): HTMLElement {
    const locale = document.documentElement.lang;
    const left = expires === null ? null : Math.max(0, expires - Date.now() / 1000);
    const words = left === null ? "" : t("links.expires", { time: span(left, locale) });
    const used = uses < 2 ? t(`links.uses.${uses === 1 ? 1 : 0}`) : t("links.uses", { count: uses });
    const revoke = confirmed(t("links.revoke"), async () => {
      const answer = await this.#links.revoke(id);
      this.#said.textContent = answer.kind === "ok" ? t("links.revoked") : explain(answer);
      this.#made.hidden = true;
      await this.#fetch();
    });
    return h("li", {}, icon("link"), h("div", {}, h("span", {}, words), h("small", {}, used)), revoke);
  }
}
