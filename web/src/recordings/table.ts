// The list of recordings: rows are kept and updated, and become cards on narrow windows.

import { h } from "../ui/dom.ts";
import { button, iconButton } from "../ui/fields.ts";
import { atLeast, type Role } from "../ui/fields-of.ts";
import { bytes, clock, moment } from "../ui/format.ts";
import { icon } from "../ui/icons.ts";
import { t, type TextKey } from "../ui/language.ts";
import { nameOf, type Recording } from "./recording.ts";

const COLUMNS: TextKey[] = ["status.desktop", "status.user", "rec.started", "rec.duration", "rec.size"];

interface Row {
  element: HTMLTableRowElement;
  fill(recording: Recording, role: Role): void;
}

export interface RowActions {
  open(id: string): void;
  remove(recording: Recording): void;
}

export class RecordingTable {
  readonly element: HTMLElement;
  readonly #on: RowActions;
  readonly #body = h("tbody");
  readonly #rows = new Map<string, Row>();

  constructor(on: RowActions) {
    this.#on = on;
    const heads = COLUMNS.map((name) => h("th", { scope: "col", class: "head" }, t(name)));
    const actions = h("th", { scope: "col" }, h("span", { class: "unseen" }, t("status.actions")));
    this.element = h(
      "table",
      {},
      h("caption", { class: "unseen" }, t("rec.title")),
      h("thead", {}, h("tr", {}, ...heads, actions)),
      this.#body,
    );
  }

  update(recordings: Recording[], role: Role): void {
    const ids = new Set(recordings.map(({ id }) => id));
    for (const [id, { element }] of this.#rows) {
      if (!ids.has(id)) {
        element.remove();
        this.#rows.delete(id);
      }
    }
    let at = this.#body.firstElementChild;
    for (const recording of recordings) {
      let row = this.#rows.get(recording.id);
      if (row === undefined) {
        row = this.#row(recording);
        this.#rows.set(recording.id, row);
      }
      row.fill(recording, role);
      if (at === row.element) {
        at = at.nextElementSibling;
      } else {
        this.#body.insertBefore(row.element, at);
      }
    }
  }

  #row(first: Recording): Row {
    const { id } = first;
    const name = button("", "name-button", () => this.#on.open(id));
    const state = h("span", { class: "chip", hidden: true });
    const [user, started, duration, size] = [h("span"), h("span"), h("span"), h("span")];
    const [desktop, client, screen] = [h("small"), h("small"), h("small")];
    const cell = (column: number, ...inside: HTMLElement[]) =>
      h("td", { "data-name": t(COLUMNS[column] ?? "rec.title") }, ...inside);
    const play = iconButton("play", "", () => this.#on.open(id));
    const save = h("a", { class: "tool", href: `${encodeURIComponent(id)}.fbs`, download: "" });
    save.append(icon("download"));
    let shown = first;
    const remove = iconButton("trash", "", () => this.#on.remove(shown));
    remove.classList.add("delete");
    const element = h(
      "tr",
      {},
      cell(0, h("div", { class: "named" }, name, state), desktop),
      cell(1, user, client),
      cell(2, started),
      cell(3, duration),
      cell(4, size, screen),
      h("td", { class: "last" }, h("div", {}, play, save, remove)),
    );
    const fill = (recording: Recording, role: Role) => {
      shown = recording;
      const locale = document.documentElement.lang;
      const title = nameOf(recording);
      const about = { desktop: title, user: recording.user || t("status.anonymous") };
      name.textContent = title;
      put(desktop, recording.desktop === title ? "" : recording.desktop);
      put(user, about.user);
      put(client, recording.client);
      put(started, moment(recording.started, locale));
      put(duration, clock(recording.durationS));
      put(size, bytes(recording.bytes, locale));
      const { width, height } = recording;
      put(screen, width === null || height === null ? "" : `${width} × ${height}`);
      state.hidden = recording.state === "whole";
      state.dataset["state"] = recording.state;
      state.textContent = recording.state === "whole" ? "" : t(`rec.state.${recording.state}`);
      tell(play, t("rec.play.of", about));
      tell(save, t("rec.download.of", about));
      tell(remove, t("rec.delete.of", about));
      remove.hidden = !atLeast(role, "admin") || recording.state === "live";
    };
    return { element, fill };
  }
}

function put(element: HTMLElement, text: string): void {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

function tell(element: HTMLElement, words: string): void {
  element.title = words;
  element.setAttribute("aria-label", words);
}
