// What the gateway says during a session, turned into what the page shows: warnings, messages,
// who is here, who controls, what is allowed.

import { FieldsOf } from "../ui/fields-of.ts";
import { t } from "../ui/language.ts";
import type { Notes } from "../ui/notes.ts";
import type { GatewayMessage } from "./channel.ts";
import type { Desk } from "./desk.ts";
import { nameOf } from "./people-panel.ts";
import { changes, readPolicy, type Policy } from "./policy.ts";
import { changesOf, otherController, readPresence, type Change } from "./presence.ts";
import type { Warning } from "./warning.ts";

/** A slow connection is told once in this time. */
const SLOW_TOLD_MS = 300_000;
const SLOW_RTT_MS = 400;
/** So many slow pings in a row are no accident. */
const SLOW_PINGS = 3;
/** Somebody who clicks in vain is told why, but not at each click. */
const VAIN_TOLD_MS = 8000;

export class Company {
  readonly #desk: Desk;
  readonly #notes: Notes;
  readonly #warning: Warning;
  #slowPings = 0;
  #slowTold = Number.NEGATIVE_INFINITY;
  #vainTold = Number.NEGATIVE_INFINITY;

  constructor(desk: Desk, notes: Notes, warning: Warning, screen: HTMLElement) {
    this.#desk = desk;
    this.#notes = notes;
    this.#warning = warning;
    warning.onHere = () => desk.tell({ type: "here" });
    for (const kind of ["pointerdown", "pointermove", "keydown"] as const) {
      screen.addEventListener(kind, () => this.#input(kind), { capture: true, passive: true });
    }
  }

  /** The session is over, and with it what was said in it. */
  leave(): void {
    this.#warning.hide();
    this.#slowPings = 0;
  }

  take(message: GatewayMessage): void {
    const fields = new FieldsOf(message);
    switch (message.type) {
      case "warning":
        this.#warn(fields);
        break;
      case "message":
        this.#message(fields);
        break;
      case "presence":
        this.#presence(fields);
        break;
      case "policy":
        this.#policy(fields);
        break;
      case "control":
        this.#control(fields);
        break;
      case "quality":
        this.#quality(fields.number("rtt_ms"));
        break;
      default:
        // A newer gateway may say more than this page knows.
        console.debug("Unknown message from the gateway:", message.type);
    }
  }

  /** Takes over what one may do from now on, and tells what is different. */
  follow(after: Policy): void {
    const before = this.#desk.policy;
    this.#desk.policy = after;
    this.#desk.apply();
    // Who watches because somebody else controls is told so by that.
    const held = otherController(this.#desk.presence) !== null;
    for (const key of changes(held ? { ...before, viewOnly: after.viewOnly } : before, after)) {
      this.#notes.brief(t(key, { quality: after.qualityMax }), "shield");
    }
  }

  #warn(fields: FieldsOf): void {
    if (fields.flag("over")) {
      this.#warning.hide();
    } else {
      this.#warning.show(fields.text("reason"), fields.number("seconds") ?? 0);
    }
  }

  #message(fields: FieldsOf): void {
    const text = fields.text("text");
    if (text !== "") {
      const from = fields.text("from");
      const title = from === "" ? t("message.operator") : t("message.from", { user: from });
      this.#notes.lasting(text, "message", title);
    }
  }

  #presence(fields: FieldsOf): void {
    const before = this.#desk.presence;
    const after = readPresence(fields);
    this.#desk.presence = after;
    this.#desk.apply();
    for (const change of changesOf(before, after)) {
      this.#notes.brief(wordsOf(change), change.what === "mine" ? "pointer" : "people");
    }
  }

  #policy(fields: FieldsOf): void {
    this.follow(readPolicy(fields, fields, this.#desk.policy));
  }

  #control(fields: FieldsOf): void {
    const to = fields.id("by");
    if (fields.text("state") === "requested") {
      const answer = (what: "give" | "refuse") => () =>
        this.#desk.tell({ type: "control", do: what, to });
      this.#notes.question(t("control.asked", { user: nameOf({ user: fields.text("user") }) }), [
        [t("control.refuse"), answer("refuse")],
        [t("people.give"), answer("give")],
      ]);
    } else if (fields.text("state") === "refused") {
      this.#notes.brief(fields.text("reason") || t("control.refused"), "people");
    }
  }

  #quality(rttMs: number | null): void {
    this.#desk.roundTripMs = rttMs;
    this.#desk.changed();
    this.#slowPings = rttMs !== null && rttMs > SLOW_RTT_MS ? this.#slowPings + 1 : 0;
    if (this.#slowPings >= SLOW_PINGS && performance.now() - this.#slowTold > SLOW_TOLD_MS) {
      this.#slowTold = performance.now();
      this.#notes.brief(t("note.slow"), "warning");
    }
  }

  /** The person used mouse or keyboard over the picture. */
  #input(kind: "pointerdown" | "pointermove" | "keydown"): void {
    if (!this.#desk.viewOnly) {
      this.#warning.noteInput();
      return;
    }
    const other = otherController(this.#desk.presence);
    const vain = kind === "pointerdown" && other !== null && !this.#desk.settings.view_only;
    if (vain && performance.now() - this.#vainTold > VAIN_TOLD_MS) {
      this.#vainTold = performance.now();
      const user = nameOf(other);
      if (!this.#desk.mayControl) {
        this.#notes.brief(t("people.watching"), "eye");
      } else {
        const ask = () => this.#desk.tell({ type: "control", do: "request" });
        this.#notes.question(t("people.other", { user }), [[t("people.ask"), ask]]);
      }
    }
  }
}

function wordsOf(change: Change): string {
  switch (change.what) {
    case "company":
      return t(change.count === 1 ? "people.company.one" : "people.company", { count: change.count });
    case "mine":
      return t("people.mine");
    case "everybody":
      return t("people.freed");
    default:
      return t(`people.told.${change.what}`, { user: nameOf(change.who) });
  }
}
