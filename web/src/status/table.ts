// The table of sessions: rows are kept and updated, so that neither the focus nor a selection is
// lost when the list is fetched again. On narrow windows the style turns rows into cards.

import { h } from "../ui/dom.ts";
import { bytes, clock, span } from "../ui/format.ts";
import { button } from "../ui/fields.ts";
import { t, type TextKey } from "../ui/language.ts";
import { compare, matches, type Session, type SortKey } from "./session.ts";

interface Column {
  key: SortKey | null;
  name: TextKey;
  /** The main text of the cell and the small one below it. */
  show(session: Session, locale: string): [string, string];
}

const COLUMNS: Column[] = [
  {
    key: "desktop",
    name: "status.desktop",
    show: ({ desktop, target }) => (desktop === "" ? [target, ""] : [desktop, target]),
  },
  {
    key: "user",
    name: "status.user",
    show: ({ user, viewOnly }) => [
      user || t("status.anonymous"),
      viewOnly ? t("status.view") : t("status.control"),
    ],
  },
  { key: "client", name: "status.client", show: ({ client }) => [client, ""] },
  {
    key: "duration",
    name: "status.duration",
    show: ({ durationS, started }, locale) => [
      clock(durationS),
      started === null ? "" : since(started, locale),
    ],
  },
  { key: "input", name: "status.input", show: ({ lastInputS }, locale) => [ago(lastInputS, locale), ""] },
  {
    key: "traffic",
    name: "status.traffic",
    show: ({ bytesDown, bytesUp }, locale) => [
      `${bytes(bytesDown, locale)} / ${bytes(bytesUp, locale)}`,
      "",
    ],
  },
  {
    key: "rtt",
    name: "status.rtt",
    show: ({ rttMs }) => [rttMs === null ? "–" : `${Math.round(rttMs)} ms`, ""],
  },
];

/** Younger than this counts as "now". */
const NOW_S = 3;

interface Row {
  element: HTMLTableRowElement;
  cells: { main: HTMLElement; small: HTMLElement }[];
  cut: HTMLButtonElement;
  session: Session;
}

export class SessionTable {
  readonly element: HTMLElement;
  readonly #onCut: (session: Session, from: HTMLElement) => void;
  readonly #rows = new Map<string, Row>();
  readonly #body = h("tbody");
  readonly #heads = new Map<SortKey, HTMLTableCellElement>();
  #sort: { key: SortKey; down: boolean } = { key: "desktop", down: false };

  constructor(onCut: (session: Session, from: HTMLElement) => void) {
    this.#onCut = onCut;
    const heads = COLUMNS.map(({ key, name }) => {
      const head = h("th", { scope: "col" });
      if (key !== null) {
        head.append(button(t(name), "sort", () => this.#sortBy(key)));
        this.#heads.set(key, head);
      }
      return head;
    });
    const actions = h("th", { scope: "col" }, h("span", { class: "unseen" }, t("status.actions")));
    const caption = h("caption", { class: "unseen" }, t("status.title"));
    const head = h("thead", {}, h("tr", {}, ...heads, actions));
    this.element = h("table", {}, caption, head, this.#body);
    this.#markSort();
  }

  /** Shows `sessions` as far as they match; returns how many do. */
  update(sessions: Session[], search: string): number {
    const shown = sessions.filter((session) => matches(session, search));
    const ids = new Set(shown.map(({ id }) => id));
    for (const [id, { element }] of this.#rows) {
      if (!ids.has(id)) {
        element.remove();
        this.#rows.delete(id);
      }
    }
    for (const session of shown) {
      const row = this.#rows.get(session.id) ?? this.#addRow(session);
      this.#fill(row, session);
    }
    this.#arrange();
    return shown.length;
  }

  #addRow(session: Session): Row {
    const cells = COLUMNS.map(() => ({ main: h("span"), small: h("small") }));
    const cut = button(t("status.cut"), "plain cut", () => this.#onCut(row.session, cut));
    const columns = COLUMNS.map(({ name }, index) =>
      h("td", { "data-name": t(name) }, cells[index]?.main ?? null, cells[index]?.small ?? null),
    );
    const element = h("tr", {}, ...columns, h("td", { class: "last" }, cut));
    const row: Row = { element, cells, cut, session };
    this.#rows.set(session.id, row);
    return row;
  }

  #fill(row: Row, session: Session): void {
    const locale = document.documentElement.lang;
    row.session = session;
    COLUMNS.forEach(({ show }, index) => {
      const cell = row.cells[index];
      const [main, small] = show(session, locale);
      if (cell !== undefined) {
        setText(cell.main, main);
        setText(cell.small, small);
      }
    });
    const user = session.user || t("status.anonymous");
    const desktop = session.desktop || session.target;
    row.cut.setAttribute("aria-label", t("status.cut.of", { user, desktop }));
    row.element.classList.toggle("watching", session.viewOnly);
  }

  #sortBy(key: SortKey): void {
    this.#sort = { key, down: this.#sort.key === key && !this.#sort.down };
    this.#markSort();
    this.#arrange();
  }

  #markSort(): void {
    for (const [key, head] of this.#heads) {
      const direction = this.#sort.down ? "descending" : "ascending";
      head.setAttribute("aria-sort", key === this.#sort.key ? direction : "none");
    }
  }

  /** Puts the rows in order, moving only those that stand wrong. */
  #arrange(): void {
    const { key, down } = this.#sort;
    const rows = [...this.#rows.values()].sort((a, b) => {
      const order = compare(key, a.session, b.session);
      return (down ? -order : order) || a.session.id.localeCompare(b.session.id);
    });
    rows.forEach(({ element }, index) => {
      if (this.#body.children[index] !== element) {
        this.#body.insertBefore(element, this.#body.children[index] ?? null);
      }
    });
  }
}

function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

function ago(seconds: number | null, locale: string): string {
  if (seconds === null) {
    return t("status.never");
  }
  return seconds < NOW_S ? t("status.now") : t("status.ago", { time: span(seconds, locale) });
}

function since(started: number, locale: string): string {
  const date = new Date(started * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return today
    ? date.toLocaleTimeString(locale, { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" });
}
