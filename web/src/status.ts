// The page that lists the live sessions, shows what is known of each, and acts on them.

import { button } from "./ui/fields.ts";
import { ask } from "./ui/dialog.ts";
import { h } from "./ui/dom.ts";
import { atLeast } from "./ui/fields-of.ts";
import { explain, getJson, postForm, type Answer } from "./ui/gateway.ts";
import type { Listing } from "./ui/listing.ts";
import { t, type TextKey } from "./ui/language.ts";
import { Empty, Page } from "./ui/page.ts";
import { Refresh } from "./ui/refresh.ts";
import { startPage } from "./ui/start.ts";
import { Details } from "./status/details.ts";
import { matches, nameOf, readSessions, type Session } from "./status/session.ts";
import { sessionTable, type RowAction } from "./status/table.ts";

const REFRESH_MS = 2500;
/** What fits a frame towards the viewer, and a person's patience. */
const WORDS_MAX = 500;
/** A close frame has no more room than this. */
const CUT_WORDS_MAX = 100;

class StatusPage {
  readonly #page = new Page(t("status.title"), t("status.search"));
  readonly #table = sessionTable((action, session) => void this.#act(action, session));
  readonly #frame = h("div", { class: "frame", hidden: true }, this.#table.element);
  readonly #empty = new Empty();
  readonly #all = button(t("status.message.all"), "plain", () => void this.#messageAll());
  readonly #refresh = new Refresh(REFRESH_MS, () => this.#fetch());
  #list: Listing<Session> | null = null;
  #details: Details | null = null;

  start(): void {
    this.#page.search.addEventListener("input", () => this.#show());
    this.#all.hidden = true;
    this.#page.tools.append(this.#all);
    this.#page.main.append(this.#frame, this.#empty.element);
    void this.#refresh.now();
  }

  async #fetch(): Promise<void> {
    const answer = await getJson("sessions.json", readSessions);
    this.#list = this.#page.take(answer) ?? this.#list;
    this.#show();
    await this.#details?.refresh();
  }

  #show(): void {
    if (this.#list === null) {
      return;
    }
    const { items: sessions, role } = this.#list;
    const search = this.#page.search.value.trim();
    const found = sessions.filter((session) => matches(session, search));
    const shown = found.length;
    this.#table.update(found, role);
    this.#frame.hidden = shown === 0;
    this.#all.hidden = sessions.length === 0 || !atLeast(role, "control");
    if (shown > 0) {
      this.#empty.hide();
    } else if (sessions.length === 0) {
      this.#empty.show("display", t("status.empty"), t("status.empty.text"));
    } else {
      this.#empty.show("search", t("nothing", { text: search }), t("nothing.text"));
    }
    this.#page.count(this.#countOf(sessions, shown));
  }

  #countOf(sessions: Session[], shown: number): string {
    const count = sessions.length;
    if (shown < count) {
      return t("status.count.some", { shown, count });
    }
    return count === 1 ? t("status.count.one") : t("status.count", { count });
  }

  async #act(action: RowAction, session: Session): Promise<void> {
    switch (action) {
      case "details":
        return this.#open(session);
      case "watch":
        window.open(`watch/${encodeURIComponent(session.id)}/`, "_blank", "noopener");
        return;
      case "message":
        return this.#message(session);
      case "cut":
        return this.#cut(session);
    }
  }

  async #open(session: Session): Promise<void> {
    const { items, role } = this.#list ?? { items: [], role: "view" as const };
    const same = items.filter(
      ({ desktop, target }) => desktop === session.desktop && target === session.target,
    );
    const details = new Details(session, role, same.length - 1, {
      act: (action, about) => void this.#act(action, about),
      control: (verb, about) => this.#control(verb, about),
    });
    this.#details = details;
    await details.show();
    this.#details = null;
  }

  async #message(session: Session): Promise<void> {
    const names = namesOf(session);
    await this.#say(t("status.message.title", names), { id: session.id });
  }

  async #messageAll(): Promise<void> {
    const count = this.#list?.items.length ?? 0;
    await this.#say(t("status.message.all.title", { count }), { all: "1" });
  }

  async #say(title: string, to: Record<string, string>): Promise<void> {
    const text = await ask({
      title,
      text: t("status.message.text"),
      yes: t("status.message.send"),
      words: { label: t("status.message.words"), placeholder: "", required: true, max: WORDS_MAX },
    });
    if (text !== null && text !== "") {
      this.#tell(await postForm("message", { ...to, text }), "status.message.done");
    }
  }

  async #cut(session: Session): Promise<void> {
    const message = await ask({
      title: t("status.cut.title"),
      text: t("status.cut.text", namesOf(session)),
      yes: t("status.cut"),
      dangerous: true,
      words: {
        label: t("status.cut.words"),
        placeholder: t("status.cut.placeholder"),
        required: false,
        max: CUT_WORDS_MAX,
      },
    });
    if (message !== null) {
      this.#tell(await postForm("cut", { id: session.id, message }), "status.cut.done");
      await this.#refresh.now();
    }
  }

  async #control(verb: "take" | "free", { id }: Session): Promise<void> {
    this.#tell(await postForm("control", { id, do: verb }), `status.control.${verb}.done`);
    await this.#refresh.now();
  }

  #tell(answer: Answer<unknown>, done: TextKey): void {
    const { notes } = this.#page;
    if (answer.kind === "ok") {
      notes.brief(t(done), "check");
    } else {
      notes.brief(answer.kind === "gone" ? t("status.gone") : explain(answer), "warning");
    }
  }
}

function namesOf(session: Session): { user: string; desktop: string } {
  return { user: session.user || t("status.somebody"), desktop: nameOf(session) };
}

await startPage();
new StatusPage().start();
