// The table of sessions: rows are kept and updated, so that neither the focus nor a selection is
// lost when the list is fetched again. On narrow windows the style turns rows into cards.

import { h } from "../ui/dom.ts";
import { ago, bytes, clock, moment } from "../ui/format.ts";
import { button, iconButton } from "../ui/fields.ts";
import { atLeast, type Role } from "../ui/fields-of.ts";
import type { IconName } from "../ui/icons.ts";
import { t, type TextKey } from "../ui/language.ts";
import { compare, matches, nameOf, type Session, type SortKey } from "./session.ts";

interface Column {
  key: SortKey;
  name: TextKey;
  /** The main text of the cell and the small one below it. */
  show(session: Session, locale: string): [string, string];
}

const COLUMNS: Column[] = [
  {
    key: "desktop",
    name: "status.desktop",
    show: (session) => [nameOf(session), session.target === nameOf(session) ? "" : session.target],
  },
  {
    key: "user",
    name: "status.user",
    show: (session) => [session.user || t("status.anonymous"), accessOf(session)],
  },
  { key: "client", name: "status.client", show: ({ client }) => [client, ""] },
  {
    key: "duration",
    name: "status.duration",
    show: ({ durationS, started }, locale) => [
      clock(durationS),
      started === null ? "" : moment(started, locale),
    ],
  },
  {
    key: "input",
    name: "status.input",
    show: ({ lastInputS }, locale) => [
      lastInputS === null ? t("status.never") : ago(lastInputS, locale),
      "",
    ],
  },
  {
    key: "traffic",
    name: "status.traffic",
    show: ({ bytesDown, bytesUp }, locale) => [bytes(bytesDown, locale), bytes(bytesUp, locale)],
  },
  {
    key: "rtt",
    name: "status.rtt",
    show: ({ rttMs }) => [rttMs === null ? "–" : `${Math.round(rttMs)} ms`, ""],
  },
];

export type RowAction = "details" | "watch" | "message" | "cut";

const ACTIONS: { action: RowAction; symbol: IconName; role: Role; label: TextKey }[] = [
  { action: "watch", symbol: "eye", role: "control", label: "status.watch.of" },
  { action: "message", symbol: "message", role: "control", label: "status.message.of" },
  { action: "cut", symbol: "cut", role: "admin", label: "status.cut.of" },
];

interface Row {
  element: HTMLTableRowElement;
  cells: { main: HTMLElement; small: HTMLElement }[];
  tools: { button: HTMLButtonElement; role: Role; label: TextKey }[];
  mark: HTMLElement;
  session: Session;
}

export class SessionTable {
  readonly element: HTMLElement;
  readonly #onAction: (action: RowAction, session: Session) => void;
  readonly #rows = new Map<string, Row>();
  readonly #body = h("tbody");
  readonly #heads = new Map<SortKey, HTMLTableCellElement>();
  #sort: { key: SortKey; down: boolean } = { key: "desktop", down: false };

  constructor(onAction: (action: RowAction, session: Session) => void) {
    this.#onAction = onAction;
    const heads = COLUMNS.map(({ key, name }) => {
      const head = h("th", { scope: "col" }, button(t(name), "sort", () => this.#sortBy(key)));
      this.#heads.set(key, head);
      return head;
    });
    const actions = h("th", { scope: "col" }, h("span", { class: "unseen" }, t("status.actions")));
    const caption = h("caption", { class: "unseen" }, t("status.title"));
    const head = h("thead", {}, h("tr", {}, ...heads, actions));
    this.element = h("table", {}, caption, head, this.#body);
    this.#markSort();
  }

  /** Shows `sessions` as far as they match; returns how many do. */
  update(sessions: Session[], search: string, role: Role): number {
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
      this.#fill(row, session, role);
    }
    this.#arrange();
    return shown.length;
  }

  #addRow(session: Session): Row {
    const run = (action: RowAction) => () => this.#onAction(action, row.session);
    const details = button("", "name-button", run("details"));
    const cells = COLUMNS.map((_, index) => ({
      main: index === 0 ? details : h("span"),
      small: h("small"),
    }));
    const tools = ACTIONS.map(({ action, symbol, role, label }) => {
      const tool = iconButton(symbol, "", run(action));
      tool.classList.add(action);
      return { button: tool, role, label };
    });
    const mark = h("span", { class: "recorded", title: t("recorded"), hidden: true });
    mark.append(h("span", { class: "unseen" }, t("recorded")));
    const columns = COLUMNS.map(({ name }, index) => {
      const cell = cells[index];
      const first = index === 0 ? h("div", { class: "named" }, cell?.main ?? null, mark) : cell?.main;
      return h("td", { "data-name": t(name) }, first ?? null, cell?.small ?? null);
    });
    const last = h("td", { class: "last" }, h("div", {}, ...tools.map((tool) => tool.button)));
    const row: Row = { element: h("tr", {}, ...columns, last), cells, tools, mark, session };
    this.#rows.set(session.id, row);
    return row;
  }

  #fill(row: Row, session: Session, role: Role): void {
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
    const names = { user: session.user || t("status.anonymous"), desktop: nameOf(session) };
    for (const tool of row.tools) {
      const label = t(tool.label, names);
      if (tool.button.title !== label) {
        tool.button.title = label;
        tool.button.setAttribute("aria-label", label);
      }
      tool.button.hidden = !atLeast(role, tool.role);
    }
    row.mark.hidden = !session.recorded;
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
      return (down ? -order : order) || (a.session.id < b.session.id ? -1 : 1);
    });
    let at = this.#body.firstElementChild;
    for (const { element } of rows) {
      if (at === element) {
        at = at.nextElementSibling;
      } else {
        this.#body.insertBefore(element, at);
      }
    }
  }
}

/** What a session may do, in words. */
export function accessOf({ connected, viewOnly }: Session): string {
  if (!connected) {
    return t("status.connecting");
  }
  return t(viewOnly ? "status.view" : "status.control");
}

function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}
