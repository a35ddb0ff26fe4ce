// What the pages with lists have in common: the head with name, search and account, a line for
// trouble, and what stands there when a list is empty.

import type { Answer } from "./gateway.ts";
import { explain } from "./gateway.ts";
import { h, setLabel, setText } from "./dom.ts";
import { button, iconButton } from "./fields.ts";
import { icon, logo, type IconName } from "./icons.ts";
import { t } from "./language.ts";
import type { Listing } from "./listing.ts";
import { Notes } from "./notes.ts";
import { signOutButton } from "./sign-out.ts";
import { chooseTheme, theme, type Theme } from "./theme.ts";

export class Page {
  readonly notes = new Notes();
  readonly search = h("input", { type: "search", autocomplete: "off", spellcheck: "false" });
  /** Beside the search: filters, buttons. */
  readonly tools = h("div", { class: "page-tools" });
  readonly main = h("main", { id: "main", tabindex: -1 });
  readonly #count = h("p", { class: "count", role: "status", "aria-live": "polite" });
  readonly #account = h("div", { class: "account" });
  readonly #trouble = h("div", { class: "trouble", role: "alert", hidden: true });
  #accountShown = "";
  #freshAt: Date | null = null;

  constructor(title: string, searchLabel: string) {
    document.title = title;
    this.search.placeholder = searchLabel;
    this.search.setAttribute("aria-label", searchLabel);
    const name = h("div", { class: "name" }, logo(), h("div", {}, h("h1", {}, title), this.#count));
    const box = h("div", { class: "search", role: "search" }, icon("search"), this.search);
    const skip = h("a", { class: "skip", href: "#main" }, t("page.skip"));
    document.body.replaceChildren(
      skip,
      h("header", {}, name, h("div", { class: "find" }, box, this.tools), this.#account),
      this.#trouble,
      this.main,
      this.notes.element,
    );
    this.#showAccount({ user: "", signOut: false });
    this.#searchBySlash();
  }

  count(text: string): void {
    setText(this.#count, text);
  }

  /** Takes a list, and shows whose it is; says what is wrong until one comes. */
  take<List extends Listing<unknown>>(answer: Answer<List>): List | null {
    if (answer.kind === "ok") {
      this.#freshAt = new Date();
      this.#trouble.hidden = true;
      this.#showAccount(answer.value);
      return answer.value;
    }
    const time = this.#freshAt?.toLocaleTimeString(document.documentElement.lang);
    const stale = answer.kind === "network" && time !== undefined;
    const text = stale ? t("error.stale", { time }) : explain(answer);
    if (this.#trouble.hidden || this.#trouble.firstElementChild?.textContent !== text) {
      const reload = button(t("reload"), "plain", () => location.reload());
      const offer = answer.kind === "signin" || answer.kind === "answer";
      this.#trouble.replaceChildren(h("p", {}, text), ...(offer ? [reload] : []));
    }
    this.#trouble.hidden = false;
    return null;
  }

  /** Who is here, and the way out where there is one. */
  #showAccount({ user, signOut }: Pick<Listing<unknown>, "user" | "signOut">): void {
    const key = `${signOut} ${user}`;
    if (this.#accountShown === key) {
      return;
    }
    this.#accountShown = key;
    this.#account.replaceChildren(
      ...(user === "" ? [] : [h("span", { class: "user" }, icon("person"), user)]),
      themeButton(),
      ...(signOut ? [signOutButton(this.notes)] : []),
    );
  }

  #searchBySlash(): void {
    window.addEventListener("keydown", (event) => {
      const typing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
      const free = !event.ctrlKey && !event.metaKey && !event.altKey && !typing;
      if (event.key === "/" && free && document.querySelector("dialog[open]") === null) {
        event.preventDefault();
        this.search.focus();
        this.search.select();
      }
    });
  }
}

/** What stands in the place of a list that has nothing to show. */
export class Empty {
  readonly element = h("div", { class: "empty", hidden: true });
  #title = "";

  show(symbol: IconName, title: string, text: string): void {
    this.element.hidden = false;
    if (this.#title !== title) {
      this.#title = title;
      const badge = h("div", { class: "badge" }, icon(symbol));
      this.element.replaceChildren(badge, h("h2", {}, title), h("p", {}, text));
    }
  }

  hide(): void {
    this.element.hidden = true;
    this.#title = "";
  }
}

const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };
const ICON_OF_THEME = { auto: "halfMoon", light: "sun", dark: "moon" } as const;

function themeButton(): HTMLButtonElement {
  const show = () => {
    setLabel(element, `${t("set.theme")}: ${t(`set.theme.${theme()}`)}`);
    element.replaceChildren(icon(ICON_OF_THEME[theme()]));
  };
  const element = iconButton("sun", "", () => {
    chooseTheme(NEXT[theme()]);
    show();
  });
  show();
  return element;
}
