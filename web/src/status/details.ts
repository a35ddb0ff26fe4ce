// All that is known of one session, beside the list, kept fresh while it is open.

import { h } from "../ui/dom.ts";
import { show } from "../ui/dialog.ts";
import { button, iconButton } from "../ui/fields.ts";
import { atLeast, FieldsOf, type Role } from "../ui/fields-of.ts";
import { ago, bytes, clock, moment } from "../ui/format.ts";
import { getJson } from "../ui/gateway.ts";
import { t, type TextKey } from "../ui/language.ts";
import { freshId } from "../ui/dom.ts";
import { nameOf, readSession, type Session } from "./session.ts";
import { accessOf, type RowAction } from "./table.ts";

export interface DetailsActions {
  act(action: RowAction, session: Session): void;
  control(verb: "take" | "free", session: Session): Promise<void>;
}

interface Known {
  session: Session;
  fields: FieldsOf;
}

export class Details {
  readonly #dialog: HTMLDialogElement;
  readonly #title = h("h2", { id: freshId() });
  readonly #state = h("p", { class: "hint" });
  readonly #facts = h("dl", { class: "facts" });
  readonly #actions = h("div", { class: "actions" });
  readonly #close = iconButton("close", t("close"), () => this.#dialog.close());
  readonly #role: Role;
  readonly #on: DetailsActions;
  readonly #values = new Map<TextKey, HTMLElement>();
  readonly #take: HTMLButtonElement;
  readonly #free: HTMLButtonElement;
  #session: Session;
  #over = false;

  /** `beside` is how many others look at the same desktop. */
  constructor(session: Session, role: Role, beside: number, on: DetailsActions) {
    this.#session = session;
    this.#role = role;
    this.#on = on;
    const id = this.#title.id;
    const head = h("header", {}, this.#title, this.#close);
    this.#take = button(t("status.control.take"), "plain", () => void this.#control("take"));
    this.#free = button(t("status.control.free"), "plain", () => void this.#control("free"));
    this.#addActions();
    this.#dialog = h(
      "dialog",
      { class: "side", "aria-labelledby": id },
      head,
      this.#state,
      this.#facts,
      this.#actions,
    );
    // Who is alone at a desktop has nobody to share control with.
    this.#take.hidden = beside === 0;
    this.#free.hidden = beside === 0;
    this.#fill({ session, fields: new FieldsOf(null) });
  }

  async show(): Promise<void> {
    void this.refresh();
    await show(this.#dialog, this.#close);
  }

  async refresh(): Promise<void> {
    if (this.#over) {
      return;
    }
    const path = `sessions/${encodeURIComponent(this.#session.id)}.json`;
    const answer = await getJson(path, (body): Known | null => {
      const session = readSession(body);
      return session === null ? null : { session, fields: new FieldsOf(body) };
    });
    if (answer.kind === "ok") {
      this.#fill(answer.value);
    } else if (answer.kind === "gone") {
      this.#over = true;
      this.#state.textContent = t("status.gone");
      this.#actions.hidden = true;
    }
  }

  #addActions(): void {
    const act = (action: RowAction) => () => this.#on.act(action, this.#session);
    if (atLeast(this.#role, "control")) {
      this.#actions.append(
        button(t("status.watch"), "primary", act("watch")),
        button(t("status.message"), "plain", act("message")),
      );
    }
    if (atLeast(this.#role, "admin")) {
      const cut = button(t("status.cut"), "plain cut", act("cut"));
      this.#actions.append(this.#take, this.#free, cut);
    }
  }

  async #control(verb: "take" | "free"): Promise<void> {
    await this.#on.control(verb, this.#session);
    await this.refresh();
  }

  #fill({ session, fields }: Known): void {
    this.#session = session;
    const locale = document.documentElement.lang;
    this.#title.textContent = nameOf(session);
    this.#state.textContent = accessOf(session);
    const { started, lastInputS, rttMs } = session;
    this.#row("status.user", session.user || t("status.anonymous"));
    this.#row("status.role", roleText(fields.text("role")));
    this.#row("status.client", session.client);
    this.#row("status.desktop", session.desktop);
    this.#row("status.target", session.target);
    this.#row("status.token", fields.text("token"));
    this.#row("status.started", started === null ? "" : moment(started, locale));
    this.#row("status.duration", clock(session.durationS));
    this.#row("status.input", lastInputS === null ? t("status.never") : ago(lastInputS, locale));
    this.#row("status.down", traffic(session.bytesDown, fields.number("frames_down"), "frames"));
    this.#row("status.up", traffic(session.bytesUp, fields.number("messages_up"), "messages"));
    this.#row("status.rtt", rttMs === null ? "" : `${rttMs.toFixed(rttMs < 10 ? 1 : 0)} ms`);
    this.#row("status.tcp.viewer", tcpText(fields.object("tcp").object("viewer")));
    this.#row("status.tcp.server", tcpText(fields.object("tcp").object("server")));
    this.#row("status.policy", policyText(fields.object("policy")));
    this.#row("status.recording", session.recorded ? t("yes") : t("no"));
    this.#row("status.id", session.id);
  }

  /** A fact; one without a value is left out. */
  #row(name: TextKey, text: string): void {
    let value = this.#values.get(name);
    if (value === undefined) {
      value = h("dd");
      this.#values.set(name, value);
      this.#facts.append(h("div", {}, h("dt", {}, t(name)), value));
    }
    if (value.textContent !== text) {
      value.textContent = text;
    }
    value.parentElement?.toggleAttribute("hidden", text === "");
  }
}

function roleText(role: string): string {
  switch (role) {
    case "view":
    case "control":
    case "admin":
      return t(`role.${role}`);
    default:
      return role;
  }
}

function traffic(count: number, pieces: number | null, unit: "frames" | "messages"): string {
  const locale = document.documentElement.lang;
  const size = bytes(count, locale);
  const number = new Intl.NumberFormat(locale);
  return pieces === null ? size : t(`status.${unit}`, { size, count: number.format(pieces) });
}

function tcpText(leg: FieldsOf): string {
  const rtt = leg.number("rtt_ms");
  const lost = leg.number("retransmits");
  if (rtt === null) {
    return "";
  }
  return t("status.tcp", { rtt: rtt.toFixed(1), lost: lost ?? 0 });
}

/** What is not allowed; everything else is. */
function policyText(policy: FieldsOf): string {
  const forbidden = (["clipboard_in", "clipboard_out", "resize", "power"] as const).filter(
    (name) => !policy.flagOr(name, true),
  );
  const words = forbidden.map((name) => t(`status.policy.${name}`));
  const quality = policy.number("quality_max");
  if (quality !== null && quality < 9) {
    words.push(t("status.policy.quality", { quality }));
  }
  return words.join(", ");
}
