// The page with the recordings of sessions: the list, and the player for the one in the fragment.

import { ask } from "./ui/dialog.ts";
import { h } from "./ui/dom.ts";
import { button } from "./ui/fields.ts";
import { bytes } from "./ui/format.ts";
import { explain, getJson, postForm } from "./ui/gateway.ts";
import { t } from "./ui/language.ts";
import { Empty, Page } from "./ui/page.ts";
import { Refresh } from "./ui/refresh.ts";
import { startPage } from "./ui/start.ts";
import type { Player } from "./recordings/player.ts";
import { matches, merged, nameOf, readInfo, readRecordings } from "./recordings/recording.ts";
import type { Recording, RecordingList } from "./recordings/recording.ts";
import { recordingTable } from "./recordings/table.ts";

const REFRESH_MS = 15_000;
const AT_ONCE = 100;

class RecordingsPage {
  readonly #page = new Page(t("rec.title"), t("rec.search"));
  readonly #table = recordingTable({
    open: ({ id }) => (location.hash = `#${encodeURIComponent(id)}`),
    remove: (recording) => void this.#remove(recording),
  });
  readonly #frame = h("div", { class: "frame", hidden: true }, this.#table.element);
  readonly #empty = new Empty();
  readonly #more = button(t("rec.more"), "plain more", () => void this.#loadMore());
  readonly #user = filter(t("rec.people.all"), t("status.user"), () => this.#restart());
  readonly #desktop = filter(t("rec.desktops.all"), t("status.desktop"), () => this.#restart());
  readonly #refresh = new Refresh(REFRESH_MS, () => this.#fetch());
  #list: RecordingList | null = null;
  #player: Player | null = null;
  #playing = "";

  start(): void {
    const { search, tools, main } = this.#page;
    tools.append(this.#user.element, this.#desktop.element);
    search.addEventListener("input", () => this.#show());
    this.#more.hidden = true;
    main.append(this.#frame, this.#empty.element, this.#more);
    window.addEventListener("hashchange", () => void this.#route());
    void this.#refresh.now();
    void this.#route();
  }

  /** The newest ones; what was loaded of older ones stays. */
  async #fetch(): Promise<void> {
    if (this.#player !== null && this.#list !== null) {
      return;
    }
    const list = this.#page.take(await getJson(this.#path(null), readRecordings));
    if (list !== null) {
      const before = this.#list?.items ?? [];
      // What the newer list covers and does not have is gone.
      const oldest = list.items.at(-1)?.started ?? 0;
      const kept = list.items.length < AT_ONCE ? [] : before.filter((one) => one.started < oldest);
      this.#take({ ...list, items: merged(kept, list.items) });
    }
  }

  async #loadMore(): Promise<void> {
    const oldest = this.#list?.items.at(-1);
    if (oldest === undefined) {
      return;
    }
    const older = this.#page.take(await getJson(this.#path(oldest.started), readRecordings));
    if (older !== null && this.#list !== null) {
      this.#take({ ...this.#list, items: merged(this.#list.items, older.items) });
    }
  }

  #restart(): void {
    this.#list = null;
    void this.#refresh.now();
  }

  #path(before: number | null): string {
    const query = new URLSearchParams({ limit: String(AT_ONCE) });
    const wanted = { before: before === null ? "" : String(before), ...this.#wanted() };
    for (const [name, value] of Object.entries(wanted)) {
      if (value !== "") {
        query.set(name, value);
      }
    }
    return `recordings.json?${query}`;
  }

  #wanted(): { user: string; desktop: string } {
    return { user: this.#user.element.value, desktop: this.#desktop.element.value };
  }

  #take(list: RecordingList): void {
    this.#list = list;
    this.#user.offer(list.items.map(({ user }) => user));
    this.#desktop.offer(list.items.map(({ desktop }) => desktop));
    this.#show();
  }

  #show(): void {
    if (this.#list === null) {
      return;
    }
    const { items: recordings, total, role, bytes: size } = this.#list;
    const search = this.#page.search.value.trim();
    const shown = recordings.filter((one) => matches(one, search));
    this.#table.update(shown, role);
    this.#frame.hidden = shown.length === 0;
    this.#more.hidden = recordings.length >= total;
    if (shown.length > 0) {
      this.#empty.hide();
    } else if (search !== "" || Object.values(this.#wanted()).some((one) => one !== "")) {
      this.#empty.show("search", t("nothing", { text: search }), t("nothing.text"));
    } else {
      this.#empty.show("film", t("rec.empty"), t("rec.empty.text"));
    }
    const count = total === 1 ? "rec.count.one" : "rec.count";
    const words = { count: total, size: bytes(size, document.documentElement.lang) };
    this.#page.count(t(count, words));
  }

  /** Shows the player for the recording in the fragment, or the list. */
  async #route(): Promise<void> {
    const id = idOf(location.hash);
    if (id === this.#playing) {
      return;
    }
    this.#playing = id;
    this.#player?.close();
    this.#player = null;
    document.body.classList.toggle("plays", id !== "");
    document.title = t("rec.title");
    if (id === "") {
      await this.#refresh.now();
      return;
    }
    const [answer, module] = await Promise.all([
      getJson(`${encodeURIComponent(id)}/info.json`, readInfo),
      import("./recordings/player.ts"),
    ]);
    if (this.#playing !== id) {
      return;
    }
    if (answer.kind !== "ok") {
      const text = answer.kind === "gone" ? t("rec.gone") : explain(answer);
      this.#page.notes.brief(text, "warning");
      location.hash = "";
      return;
    }
    const info = answer.value;
    document.title = `${nameOf(info.recording)} – ${t("rec.title")}`;
    this.#player = new module.Player(info, () => (location.hash = ""));
    document.body.append(this.#player.element);
    this.#player.start();
  }

  async #remove(recording: Recording): Promise<void> {
    const user = recording.user || t("status.somebody");
    const answer = await ask({
      title: t("rec.delete.title"),
      text: t("rec.delete.text", { user, desktop: nameOf(recording) }),
      yes: t("rec.delete"),
      dangerous: true,
    });
    if (answer === null) {
      return;
    }
    const done = await postForm(`${encodeURIComponent(recording.id)}/delete`, {});
    const good = done.kind === "ok" || done.kind === "gone";
    this.#page.notes.brief(good ? t("rec.delete.done") : explain(done), good ? "trash" : "warning");
    await this.#refresh.now();
  }
}

function idOf(hash: string): string {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return "";
  }
}

/** A choice among what the list has; the first means all. */
function filter(
  all: string,
  label: string,
  onChange: () => void,
): { element: HTMLSelectElement; offer(values: string[]): void } {
  const element = h("select", { "aria-label": label, onchange: onChange });
  const known = new Set<string>();
  element.append(h("option", { value: "" }, all));
  const offer = (values: string[]) => {
    for (const value of values) {
      if (value !== "" && !known.has(value)) {
        known.add(value);
        element.append(h("option", { value }, value));
      }
    }
    element.hidden = known.size < 2;
  };
  offer([]);
  return { element, offer };
}

await startPage();
new RecordingsPage().start();
