// The people panel: who is here, who controls and how that changes hands, and links to watch.

import { h } from "../ui/dom.ts";
import { button } from "../ui/fields.ts";
import { atLeast } from "../ui/fields-of.ts";
import { span } from "../ui/format.ts";
import { icon } from "../ui/icons.ts";
import { t } from "../ui/language.ts";
import type { Desk } from "./desk.ts";
import type { Links } from "./links.ts";
import { LinksSection } from "./links-section.ts";
import { others, otherController, type Person } from "./presence.ts";
import type { Panel } from "./toolbar.ts";

/** After this long without an answer one may ask again. */
const ASKED_FOR_MS = 30_000;

export function peoplePanel(desk: Desk, links: Links): Panel {
  const people = new People(desk);
  const invite = new LinksSection(links);
  const element = h("div", { class: "panel" }, people.state, people.list, invite.element);
  const show = () => {
    people.show();
    invite.element.hidden = !desk.links;
  };
  desk.onChange(() => element.isConnected && show());
  const onOpen = () => {
    show();
    if (desk.links) {
      void invite.refresh(desk.linksMaxS);
    }
  };
  return { title: t("people.title"), element, onOpen };
}

class People {
  readonly state = h("section", { class: "who-controls" });
  readonly list = h("ul", { class: "people" });
  readonly #desk: Desk;
  #asked = 0;
  #shown = "";

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  show(): void {
    const { presence, mayControl, role } = this.#desk;
    const waiting = Date.now() - this.#asked < ASKED_FOR_MS;
    // Buttons that the person may be about to press stay as they are unless something changed.
    const shown = JSON.stringify([presence, mayControl, role, waiting]);
    if (shown === this.#shown) {
      return;
    }
    this.#shown = shown;
    this.state.hidden = presence.you === "";
    this.state.replaceChildren(...this.#stateParts(waiting));
    const rows = presence.people.map((person) => this.#row(person));
    const more = h("li", { class: "hint" }, t("people.more", { count: presence.more }));
    this.list.replaceChildren(...rows, ...(presence.more > 0 ? [more] : []));
  }

  #stateParts(waiting: boolean): HTMLElement[] {
    const { presence, mayControl, role } = this.#desk;
    const other = otherController(presence);
    const free = presence.controller === null;
    const mayTake = mayControl && (atLeast(role, "admin") || (free && atLeast(role, "control")));
    const parts: HTMLElement[] = [h("p", {}, this.#sentence())];
    if (presence.controller === presence.you) {
      parts.push(this.#verb(t("people.release"), "plain", { do: "release" }));
    } else if (mayTake && (other !== null || others(presence).length > 0)) {
      parts.push(this.#verb(t("people.take"), "plain", { do: "take" }));
    } else if (other !== null && mayControl) {
      const ask = button(t(waiting ? "people.asked" : "people.ask"), "primary", () => {
        this.#asked = Date.now();
        this.#desk.tell({ type: "control", do: "request" });
        this.show();
      });
      ask.disabled = waiting;
      parts.push(ask);
    }
    return parts;
  }

  #sentence(): string {
    const { presence, mayControl } = this.#desk;
    const other = otherController(presence);
    if (other !== null) {
      return t("people.other", { user: nameOf(other) });
    }
    if (!mayControl) {
      return t("people.watching");
    }
    if (presence.controller !== null) {
      return t("people.mine");
    }
    return others(presence).length === 0 ? t("people.alone") : t("people.everybody");
  }

  #verb(label: string, look: string, command: Record<string, string>): HTMLButtonElement {
    return button(label, look, () => this.#desk.tell({ type: "control", ...command }));
  }

  #row(person: Person): HTMLElement {
    const { presence, role } = this.#desk;
    const you = person.id === presence.you;
    const controls = presence.controller === person.id;
    const mayGive = presence.controller === presence.you || atLeast(role, "admin");
    const name = nameOf(person);
    const what = person.viewOnly ? "watches" : controls ? "controls" : "may";
    const since = person.since === null ? null : Date.now() / 1000 - person.since;
    const locale = document.documentElement.lang;
    const small = [
      t(`people.${what}`),
      since === null ? "" : t("people.since", { time: span(Math.max(0, since), locale) }),
    ];
    const row = h(
      "li",
      {},
      h("span", { class: controls ? "face controls" : "face", "aria-hidden": "true" }, firstOf(name)),
      h(
        "div",
        {},
        h("span", {}, you ? t("people.you", { user: name }) : name),
        h("small", {}, small.filter((part) => part !== "").join(" · ")),
      ),
    );
    if (!you && !person.viewOnly && !controls && mayGive) {
      const give = this.#verb(t("people.give"), "plain", { do: "give", to: person.id });
      give.setAttribute("aria-label", t("people.give.to", { user: name }));
      row.append(give);
    } else if (controls) {
      row.append(icon("pointer"));
    }
    return row;
  }
}

/** What somebody is called; whoever came by a link has no name. */
export function nameOf({ user }: Pick<Person, "user">): string {
  return user || t("people.guest");
}

function firstOf(name: string): string {
  return ([...name][0] ?? "?").toUpperCase();
}
