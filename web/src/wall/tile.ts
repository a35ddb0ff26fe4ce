// One desktop on the wall: its picture, name, state and who is there. The whole tile is a link.

import { h } from "../ui/dom.ts";
import { icon } from "../ui/icons.ts";
import { t } from "../ui/language.ts";
import { translate } from "../viewer/sentences.ts";
import { folderOf, type DesktopTile } from "./desktop.ts";
import type { Thumbnails } from "./thumbnails.ts";

/** More names than this become a number. */
const NAMES_MAX = 2;

export class Tile {
  readonly element: HTMLLIElement;
  readonly link: HTMLAnchorElement;
  readonly #thumbnails: Thumbnails;
  readonly #image = h("img", { alt: "", hidden: true, decoding: "async" });
  readonly #frame = h("div", { class: "picture" }, icon("display"), this.#image);
  readonly #state = h("span", { class: "state" });
  readonly #recorded = h(
    "span",
    { class: "chip filmed", hidden: true },
    h("span", { class: "recorded" }),
    t("recorded"),
  );
  readonly #title = h("h3");
  readonly #about = h("p");
  readonly #role = h("span", { class: "chip", hidden: true }, icon("eye"), t("role.view"));
  #shown = "";

  constructor(desktop: DesktopTile, thumbnails: Thumbnails) {
    this.#thumbnails = thumbnails;
    const over = h("div", { class: "over" }, this.#state, this.#role, this.#recorded);
    this.link = h(
      "a",
      { href: folderOf(desktop), tabindex: -1 },
      this.#frame,
      h("div", { class: "words" }, this.#title, this.#about),
      over,
    );
    this.element = h("li", {}, this.link);
    this.update(desktop);
  }

  update(desktop: DesktopTile): void {
    const shown = JSON.stringify(desktop);
    if (shown === this.#shown) {
      return;
    }
    this.#shown = shown;
    const { title, state, thumbnail, recorded, role } = desktop;
    this.#title.textContent = title;
    this.#about.textContent = aboutOf(desktop);
    this.#about.classList.toggle("why", state === "failed");
    this.#state.textContent = t(`wall.state.${state}`);
    this.#state.dataset["state"] = state;
    this.#recorded.hidden = !recorded;
    this.#role.hidden = role !== "view";
    if (thumbnail) {
      this.#thumbnails.watch(this.#frame, this.#image, `${folderOf(desktop)}api/thumbnail`);
    } else {
      this.#thumbnails.forget(this.#frame);
    }
  }

  forget(): void {
    this.#thumbnails.forget(this.#frame);
    this.element.remove();
  }
}

/** Who is there; otherwise the name, if the title is another. */
function aboutOf({ name, title, sessions, state, reason }: DesktopTile): string {
  if (sessions.length === 0) {
    return state === "failed" ? failure(reason) : name === title ? t("wall.nobody") : name;
  }
  const names = [...new Set(sessions.map(({ user }) => user || t("status.somebody")))];
  const first = names.slice(0, NAMES_MAX).join(", ");
  const more = names.length - NAMES_MAX;
  return more > 0 ? t("wall.people.more", { names: first, more }) : first;
}

/** Why it could not be reached, if the gateway says so. */
function failure(reason: string): string {
  const known = translate(reason);
  return known === null ? reason || t("wall.failed") : t(known.key, { words: known.words });
}
