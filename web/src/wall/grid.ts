// The wall itself: groups of tiles, kept and updated in place, with one stop for the Tab key and
// the arrow keys in between.

import { arrange, freshId, h, setText } from "../ui/dom.ts";
import { t } from "../ui/language.ts";
import { grouped, type DesktopTile } from "./desktop.ts";
import { Thumbnails } from "./thumbnails.ts";
import { Tile } from "./tile.ts";

interface Group {
  element: HTMLElement;
  count: HTMLElement;
  list: HTMLElement;
  /** By the desktop's name; a desktop has a tile in each of its groups. */
  tiles: Map<string, Tile>;
}

export class Grid {
  readonly element = h("div", { class: "groups" });
  readonly #thumbnails = new Thumbnails();
  readonly #groups = new Map<string, Group>();

  constructor() {
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("focusin", (event) => {
      if (event.target instanceof HTMLAnchorElement) {
        this.#makeStop(event.target);
      }
    });
  }

  update(desktops: DesktopTile[]): void {
    const groups = grouped(desktops);
    const titles = new Set(groups.map(({ group }) => group));
    for (const [title, group] of this.#groups) {
      if (!titles.has(title)) {
        keep(group, new Set());
        group.element.remove();
        this.#groups.delete(title);
      }
    }
    const elements = groups.map(({ group, desktops: inside }) => this.#group(group, inside));
    arrange(this.element, elements);
    // Where there are no pictures, the tiles do without the room for them.
    const pictures = desktops.some(({ thumbnail }) => thumbnail);
    this.element.classList.toggle("compact", !pictures);
    this.element.classList.toggle("single", groups.length === 1 && groups[0]?.group === "");
    if (this.element.querySelector('a[tabindex="0"]') === null) {
      this.element.querySelector("a")?.setAttribute("tabindex", "0");
    }
  }

  /** The keyboard goes to the first tile. */
  focusFirst(): void {
    this.element.querySelector("a")?.focus();
  }

  #group(title: string, desktops: DesktopTile[]): HTMLElement {
    const group = this.#groups.get(title) ?? this.#addGroup(title);
    setText(group.count, String(desktops.length));
    keep(group, new Set(desktops.map(({ name }) => name)));
    const elements = desktops.map((desktop) => {
      const tile = group.tiles.get(desktop.name);
      if (tile !== undefined) {
        tile.update(desktop);
        return tile.element;
      }
      const added = new Tile(desktop, this.#thumbnails);
      group.tiles.set(desktop.name, added);
      return added.element;
    });
    arrange(group.list, elements);
    return group.element;
  }

  #addGroup(title: string): Group {
    const id = freshId();
    const count = h("span", { class: "number" });
    const head = h("h2", { id }, title || t("wall.others"), " ", count);
    const list = h("ul", { class: "tiles" });
    const element = h("section", { "aria-labelledby": id }, head, list);
    const group = { element, count, list, tiles: new Map() };
    this.#groups.set(title, group);
    return group;
  }

  #makeStop(link: HTMLAnchorElement): void {
    for (const other of this.element.querySelectorAll('a[tabindex="0"]')) {
      other.setAttribute("tabindex", "-1");
    }
    link.tabIndex = 0;
  }

  #key(event: KeyboardEvent): void {
    const links = [...this.element.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement as HTMLAnchorElement);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const next = neighbour(links, at, event.key);
    if (next !== null) {
      event.preventDefault();
      next.focus();
      next.scrollIntoView({ block: "nearest" });
    }
  }
}

/** Takes the tiles away that are not among `names`. */
function keep({ tiles }: Group, names: Set<string>): void {
  for (const [name, tile] of tiles) {
    if (!names.has(name)) {
      tile.forget();
      tiles.delete(name);
    }
  }
}

/** The tile that an arrow key leads to; up and down go to the nearest one of the next row. */
function neighbour(links: HTMLAnchorElement[], at: number, key: string): HTMLAnchorElement | null {
  switch (key) {
    case "ArrowRight":
      return links[at + 1] ?? null;
    case "ArrowLeft":
      return links[at - 1] ?? null;
    case "Home":
      return links[0] ?? null;
    case "End":
      return links.at(-1) ?? null;
    case "ArrowDown":
      return inRow(links, links.slice(at + 1), at);
    case "ArrowUp":
      return inRow(links, links.slice(0, at).reverse(), at);
    default:
      return null;
  }
}

function inRow(
  links: HTMLAnchorElement[],
  candidates: HTMLAnchorElement[],
  at: number,
): HTMLAnchorElement | null {
  const from = links[at]?.getBoundingClientRect();
  if (from === undefined) {
    return null;
  }
  let best: { link: HTMLAnchorElement; distance: number } | null = null;
  let rowTop: number | null = null;
  for (const link of candidates) {
    const { top, left } = link.getBoundingClientRect();
    if (Math.abs(top - from.top) < 1) {
      continue;
    }
    rowTop ??= top;
    if (Math.abs(top - rowTop) > 1) {
      break;
    }
    const distance = Math.abs(left - from.left);
    if (best === null || distance < best.distance) {
      best = { link, distance };
    }
  }
  return best?.link ?? null;
}
