// The page that lists the live sessions and can cut them.

import { freshId, h } from "./ui/dom.ts";
import { button } from "./ui/fields.ts";
import { icon } from "./ui/icons.ts";
import { loadLanguage, t } from "./ui/language.ts";
import { Notes } from "./ui/notes.ts";
import { startTheme } from "./ui/theme.ts";
import { cutSession, listSessions, type List } from "./status/gateway.ts";
import type { Session } from "./status/session.ts";
import { SessionTable } from "./status/table.ts";

const REFRESH_MS = 2500;

class StatusPage {
  readonly #notes = new Notes();
  readonly #table = new SessionTable((session, from) => void this.#cut(session, from));
  readonly #count = h("p", { class: "count", role: "status", "aria-live": "polite" });
  readonly #trouble = h("p", { class: "trouble", role: "alert", hidden: true });
  readonly #empty = h("div", { class: "empty", hidden: true });
  readonly #frame = h("div", { class: "frame", hidden: true }, this.#table.element);
  readonly #search = h("input", { type: "search", autocomplete: "off", spellcheck: "false" });
  #sessions: Session[] | null = null;
  #freshAt: Date | null = null;
  #timer: number | null = null;

  start(): void {
    document.title = t("status.title");
    this.#search.placeholder = t("status.search");
    this.#search.setAttribute("aria-label", t("status.search"));
    this.#search.addEventListener("input", () => this.#show());
    const words = h("div", {}, h("h1", {}, t("status.title")), this.#count);
    const search = h("div", { class: "search" }, icon("search"), this.#search);
    document.body.replaceChildren(
      h("header", {}, words, search),
      h("main", {}, this.#trouble, this.#frame, this.#empty),
      this.#notes.element,
    );
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") {
        void this.#refresh();
      }
    });
    void this.#refresh();
  }

  /** Fetches the list, and again after a while; a hidden page waits until it is looked at. */
  async #refresh(): Promise<void> {
    window.clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
    this.#take(await listSessions());
    if (document.visibilityState === "visible" && this.#timer === null) {
      this.#timer = window.setTimeout(() => void this.#refresh(), REFRESH_MS);
    }
  }

  #take(list: List): void {
    if (list.kind === "sessions") {
      this.#sessions = list.sessions;
      this.#freshAt = new Date();
    }
    const trouble = this.#troubleOf(list);
    this.#trouble.hidden = trouble === "";
    if (this.#trouble.textContent !== trouble) {
      this.#trouble.textContent = trouble;
    }
    this.#show();
  }

  #troubleOf(list: List): string {
    switch (list.kind) {
      case "sessions":
        return "";
      case "network": {
        const time = this.#freshAt?.toLocaleTimeString(document.documentElement.lang);
        return time === undefined ? t("status.error.first") : t("status.error.network", { time });
      }
      case "server":
        return t("status.error.server", { status: list.status });
      default:
        return t(`status.error.${list.kind}`);
    }
  }

  #show(): void {
    if (this.#sessions === null) {
      return;
    }
    const count = this.#sessions.length;
    const search = this.#search.value.trim();
    const shown = this.#table.update(this.#sessions, search);
    this.#frame.hidden = shown === 0;
    this.#empty.hidden = shown > 0;
    if (shown === 0) {
      this.#showEmpty(count === 0 ? null : search);
    }
    const all = count === 1 ? "status.count.one" : "status.count";
    const text = t(shown < count ? "status.count.some" : all, { shown, count });
    if (this.#count.textContent !== text) {
      this.#count.textContent = text;
    }
  }

  #showEmpty(search: string | null): void {
    const title = search === null ? t("status.empty") : t("status.nothing", { text: search });
    if (this.#empty.firstElementChild?.nextElementSibling?.textContent !== title) {
      const hint = search === null ? h("p", {}, t("status.empty.text")) : null;
      const badge = h("div", { class: "badge" }, icon(search === null ? "display" : "search"));
      this.#empty.replaceChildren(badge, h("h2", {}, title), ...(hint === null ? [] : [hint]));
    }
  }

  async #cut(session: Session, from: HTMLElement): Promise<void> {
    if (!(await confirmCut(session))) {
      from.focus();
      return;
    }
    const cut = await cutSession(session.id);
    const status = cut.kind === "failed" ? cut.status : "";
    const symbol = cut.kind === "done" ? "cut" : "warning";
    this.#notes.brief(t(`status.cut.${cut.kind}`, { status }), symbol);
    await this.#refresh();
  }
}

/** Asks before a session is cut; Escape and Cancel mean no. */
function confirmCut(session: Session): Promise<boolean> {
  const id = freshId();
  const user = session.user || t("status.somebody");
  const desktop = session.desktop || session.target;
  const cancel = button(t("cancel"), "plain", () => dialog.close());
  const cut = button(t("status.cut"), "danger", () => dialog.close("cut"));
  const dialog = h(
    "dialog",
    { "aria-labelledby": id },
    h("h2", { id }, t("status.cut.title")),
    h("p", {}, t("status.cut.text", { user, desktop })),
    h("div", { class: "actions" }, cancel, cut),
  );
  document.body.append(dialog);
  dialog.showModal();
  cancel.focus();
  return new Promise((settle) => {
    dialog.addEventListener("close", () => {
      settle(dialog.returnValue === "cut");
      dialog.remove();
    });
  });
}

const address = new URL(location.href);
startTheme(address.searchParams.get("theme"));
await loadLanguage(address.searchParams.get("lang"));
new StatusPage().start();
