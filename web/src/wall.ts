// The page with all desktops that somebody may open.

import { h } from "./ui/dom.ts";
import { choice } from "./ui/fields.ts";
import { getJson } from "./ui/gateway.ts";
import type { Listing } from "./ui/listing.ts";
import { t } from "./ui/language.ts";
import { Empty, Page } from "./ui/page.ts";
import { Refresh } from "./ui/refresh.ts";
import { startPage } from "./ui/start.ts";
import { rememberWall } from "./ui/way-back.ts";
import { matches, readWall, type DesktopTile, type Filter } from "./wall/desktop.ts";
import { Grid } from "./wall/grid.ts";

const REFRESH_MS = 5000;

class WallPage {
  readonly #page = new Page(t("wall.title"), t("wall.search"));
  readonly #grid = new Grid();
  readonly #empty = new Empty();
  readonly #waiting = h("ul", { class: "tiles waiting", "aria-hidden": "true" });
  #filter: Filter = "all";
  #list: Listing<DesktopTile> | null = null;

  start(): void {
    const { search, tools, main } = this.#page;
    const filters = (["all", "free", "in-use"] as const).map(
      (filter) => [filter, t(`wall.filter.${filter}`)] as const,
    );
    const filter = choice(t("wall.filter"), filters, "all", (chosen) => {
      this.#filter = chosen;
      this.#show();
    });
    filter.element.classList.add("bare");
    tools.append(filter.element);
    search.addEventListener("input", () => this.#show());
    search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "Enter") {
        event.preventDefault();
        this.#grid.focusFirst();
      }
    });
    this.#waiting.append(...Array.from({ length: 8 }, () => h("li", { class: "ghost" })));
    main.append(this.#waiting, this.#grid.element, this.#empty.element);
    void new Refresh(REFRESH_MS, () => this.#fetch()).now();
  }

  async #fetch(): Promise<void> {
    const answer = await getJson("api/desktops", readWall);
    this.#list = this.#page.take(answer) ?? this.#list;
    this.#waiting.remove();
    this.#show();
  }

  #show(): void {
    if (this.#list === null) {
      return;
    }
    const { items: desktops } = this.#list;
    const search = this.#page.search.value.trim();
    const shown = desktops.filter((desktop) => matches(desktop, search, this.#filter));
    this.#grid.update(shown);
    if (shown.length > 0) {
      this.#empty.hide();
    } else if (desktops.length === 0) {
      this.#empty.show("display", t("wall.empty"), t("wall.empty.text"));
    } else if (search === "") {
      this.#empty.show("search", t("wall.none"), t("nothing.text"));
    } else {
      this.#empty.show("search", t("nothing", { text: search }), t("nothing.text"));
    }
    const count = desktops.length;
    const used = desktops.filter(({ state }) => state === "in-use").length;
    const all = t(count === 1 ? "wall.count.one" : "wall.count", { count, used });
    const some = t("wall.count.some", { count, shown: shown.length });
    this.#page.count(shown.length < count ? some : all);
  }
}

await startPage();
rememberWall();
new WallPage().start();
