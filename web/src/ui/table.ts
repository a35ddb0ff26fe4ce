// A list as a table. Rows are kept and updated in place, so that neither the focus nor a selection
// is lost when the list is fetched again; on narrow windows the style turns them into cards.

import { arrange, h, setLabel, setText } from "./dom.ts";
import { button, iconButton } from "./fields.ts";
import { atLeast, type Role } from "./fields-of.ts";
import { icon, type IconName } from "./icons.ts";
import { t, type TextKey } from "./language.ts";

export interface Column<Item> {
  name: TextKey;
  /** The main text of the cell and the small one below it. */
  show(item: Item, locale: string): [main: string, small: string];
  /** The order by this column, if the list can be sorted by it. */
  compare?(a: Item, b: Item): number;
}

/** What a row offers: something to do, or a file to fetch. */
export interface Tool<Item> {
  name: string;
  symbol: IconName;
  label: TextKey;
  /** Who may use it, and on what. */
  role: Role;
  fits?(item: Item): boolean;
  run: ((item: Item) => void) | { href(item: Item): string };
}

export interface TableOf<Item> {
  caption: TextKey;
  columns: Column<Item>[];
  tools: Tool<Item>[];
  /** Whom and what a tool's label names. */
  names(item: Item): Record<string, string>;
  /** The first column's text is a button that does this. */
  open(item: Item): void;
  /** What stands beside it. */
  mark: HTMLElement;
  /** Shows the rest of a row: the mark, and what the row itself tells. */
  dress(item: Item, mark: HTMLElement, row: HTMLElement): void;
}

interface Row<Item> {
  element: HTMLTableRowElement;
  cells: { main: HTMLElement; small: HTMLElement }[];
  tools: HTMLElement[];
  mark: HTMLElement;
  item: Item;
}

export class Table<Item extends { id: string }> {
  readonly element: HTMLElement;
  readonly #of: TableOf<Item>;
  readonly #rows = new Map<string, Row<Item>>();
  readonly #body = h("tbody");
  readonly #heads = new Map<Column<Item>, HTMLElement>();
  /** Null: as the list has them. */
  #sort: { by: Column<Item>; down: boolean } | null = null;

  constructor(of: TableOf<Item>) {
    this.#of = of;
    const heads = of.columns.map((column) => this.#head(column));
    const actions = h("th", { scope: "col" }, h("span", { class: "unseen" }, t("table.actions")));
    const head = h("thead", {}, h("tr", {}, ...heads, actions));
    this.element = h("table", {}, h("caption", { class: "unseen" }, t(of.caption)), head, this.#body);
    const [first] = of.columns;
    if (first?.compare !== undefined) {
      this.#sort = { by: first, down: false };
      this.#markSort();
    }
  }

  update(items: Item[], role: Role): void {
    const ids = new Set(items.map(({ id }) => id));
    for (const [id, { element }] of this.#rows) {
      if (!ids.has(id)) {
        element.remove();
        this.#rows.delete(id);
      }
    }
    const rows = items.map((item) => {
      const row = this.#rows.get(item.id) ?? this.#addRow(item);
      this.#fill(row, item, role);
      return row;
    });
    this.#arrange(rows);
  }

  #head(column: Column<Item>): HTMLElement {
    if (column.compare === undefined) {
      return h("th", { scope: "col", class: "head" }, t(column.name));
    }
    const head = h("th", { scope: "col" }, button(t(column.name), "sort", () => this.#sortBy(column)));
    this.#heads.set(column, head);
    return head;
  }

  #addRow(item: Item): Row<Item> {
    const name = button("", "name-button", () => this.#of.open(row.item));
    const mark = this.#of.mark.cloneNode(true) as HTMLElement;
    const cells = this.#of.columns.map((_, index) => ({
      main: index === 0 ? name : h("span"),
      small: h("small"),
    }));
    const columns = cells.map(({ main, small }, index) => {
      const first = index === 0 ? h("div", { class: "named" }, main, mark) : main;
      return h("td", { "data-name": t(this.#of.columns[index]?.name ?? "table.actions") }, first, small);
    });
    const tools = this.#of.tools.map((tool) => toolOf(tool, item, () => row.item));
    const last = h("td", { class: "last" }, h("div", {}, ...tools));
    const row: Row<Item> = { element: h("tr", {}, ...columns, last), cells, tools, mark, item };
    this.#rows.set(item.id, row);
    return row;
  }

  #fill(row: Row<Item>, item: Item, role: Role): void {
    const { columns, tools, names, dress } = this.#of;
    row.item = item;
    row.cells.forEach(({ main, small }, index) => {
      const [text, below] = columns[index]?.show(item, document.documentElement.lang) ?? ["", ""];
      setText(main, text);
      setText(small, below);
    });
    row.tools.forEach((element, index) => {
      const tool = tools[index];
      if (tool !== undefined) {
        setLabel(element, t(tool.label, names(item)));
        element.hidden = !atLeast(role, tool.role) || tool.fits?.(item) === false;
      }
    });
    dress(item, row.mark, row.element);
  }

  #sortBy(by: Column<Item>): void {
    this.#sort = { by, down: this.#sort?.by === by && !this.#sort.down };
    this.#markSort();
    this.#arrange([...this.#rows.values()]);
  }

  #markSort(): void {
    for (const [column, head] of this.#heads) {
      const direction = this.#sort?.down === true ? "descending" : "ascending";
      head.setAttribute("aria-sort", column === this.#sort?.by ? direction : "none");
    }
  }

  #arrange(rows: Row<Item>[]): void {
    const { by, down } = this.#sort ?? {};
    if (by?.compare !== undefined) {
      rows.sort(({ item: a }, { item: b }) => {
        const order = by.compare?.(a, b) ?? 0;
        return (down === true ? -order : order) || (a.id < b.id ? -1 : 1);
      });
    }
    arrange(this.#body, rows.map(({ element }) => element));
  }
}

/** `current` is what the row has come to show since it was made for `item`. */
function toolOf<Item>(tool: Tool<Item>, item: Item, current: () => Item): HTMLElement {
  const { run, symbol, name } = tool;
  if (typeof run === "function") {
    const element = iconButton(symbol, "", () => run(current()));
    element.classList.add(name);
    return element;
  }
  return h("a", { class: `tool ${name}`, href: run.href(item), download: "" }, icon(symbol));
}
