// The player: the picture, the timeline below it, and the few controls that a recording needs.

import { download, toggleFullScreen } from "../viewer/device.ts";
import { h } from "../ui/dom.ts";
import { iconButton } from "../ui/fields.ts";
import { clock, moment } from "../ui/format.ts";
import { icon } from "../ui/icons.ts";
import { t } from "../ui/language.ts";
import { SPEEDS } from "./clock.ts";
import { nameOf, type Info } from "./recording.ts";
import { Replay, type ReplayState } from "./replay.ts";
import { Timeline } from "./timeline.ts";

const STEP_MS = 5000;
const STEP_LARGE_MS = 30_000;

export class Player {
  readonly element: HTMLElement;
  readonly #info: Info;
  readonly #replay: Replay;
  readonly #timeline: Timeline;
  readonly #play = iconButton("pause", t("player.pause"), () => this.#toggle());
  readonly #time = h("span", { class: "time" });
  readonly #said = h("p", { class: "unseen", role: "status", "aria-live": "polite" });
  readonly #notice = h("p", { class: "player-notice", hidden: true });
  readonly #speed = h("select", { "aria-label": t("player.speed") });
  readonly #skip: HTMLButtonElement;
  readonly #keys = (event: KeyboardEvent) => this.#key(event);
  #state: ReplayState | null = null;
  #skips = false;

  constructor(info: Info, onBack: () => void) {
    this.#info = info;
    this.#replay = new Replay(info);
    this.#timeline = new Timeline(info);
    this.#timeline.onSeek = (ms) => this.#seek(ms);
    this.#skip = iconButton("skip", t("player.skip"), () => this.#toggleSkip());
    this.#skip.setAttribute("aria-pressed", "false");
    this.element = this.#build(onBack);
    this.#replay.onFrame = (ms, state) => this.#show(ms, state);
  }

  /** Begins to play; the player is on the page by now. */
  start(): void {
    window.addEventListener("keydown", this.#keys);
    this.#replay.seek(0);
    this.#play.focus();
  }

  close(): void {
    window.removeEventListener("keydown", this.#keys);
    this.#replay.close();
    this.element.remove();
    if (document.fullscreenElement !== null) {
      void document.exitFullscreen();
    }
  }

  #build(onBack: () => void): HTMLElement {
    const { recording } = this.#info;
    const locale = document.documentElement.lang;
    const about = [recording.user || t("status.anonymous"), moment(recording.started, locale)];
    if (recording.state !== "whole") {
      about.push(t(`rec.state.${recording.state}`));
    }
    const title = h("h1", { id: "player-title" }, nameOf(recording));
    const head = h(
      "header",
      { class: "player-head" },
      iconButton("back", t("player.back"), onBack),
      h("div", {}, title, h("p", {}, about.join(" · "))),
    );
    for (const speed of SPEEDS) {
      this.#speed.append(h("option", { value: speed }, `${speed} ×`));
    }
    this.#speed.value = "1";
    this.#speed.addEventListener("change", () => this.#replay.speed(Number(this.#speed.value)));
    const step = (by: number) => () => this.#seek(this.#replay.ms + by);
    const save = h("a", {
      class: "tool",
      href: `${encodeURIComponent(recording.id)}.fbs`,
      download: "",
      title: t("rec.download"),
      "aria-label": t("rec.download"),
    });
    save.append(icon("download"));
    const controls = h(
      "div",
      { class: "player-controls", role: "group", "aria-label": t("player.controls") },
      this.#play,
      iconButton("backward5", t("player.back5"), step(-STEP_MS)),
      iconButton("forward5", t("player.forward5"), step(STEP_MS)),
      this.#time,
      h("span", { class: "gap" }),
      this.#skip,
      this.#speed,
      iconButton("camera", t("bar.shot"), () => this.#picture()),
      save,
      iconButton("full", t("bar.full"), () => void toggleFullScreen()),
    );
    const stage = h("div", { class: "player-stage" }, this.#replay.element, this.#notice);
    stage.addEventListener("click", () => this.#toggle());
    const foot = h("footer", { class: "player-foot" }, this.#timeline.element, controls);
    const parts = [head, stage, foot, this.#said];
    return h("section", { class: "player", "aria-labelledby": "player-title" }, ...parts);
  }

  #show(ms: number, state: ReplayState): void {
    this.#timeline.show(ms);
    const time = `${clock(ms / 1000)} / ${clock(this.#info.recording.durationS)}`;
    if (this.#time.textContent !== time) {
      this.#time.textContent = time;
    }
    if (state !== this.#state) {
      this.#state = state;
      this.#changed(state);
    }
  }

  #changed(state: ReplayState): void {
    const halted = state === "paused" || state === "ended" || state === "failed";
    const label = t(state === "ended" ? "player.again" : halted ? "player.play" : "player.pause");
    this.#play.title = label;
    this.#play.setAttribute("aria-label", label);
    this.#play.replaceChildren(icon(state === "ended" ? "replay" : halted ? "play" : "pause"));
    this.element.dataset["state"] = state;
    const notice = state === "failed" ? t("player.failed") : state === "waiting" ? t("player.waiting") : "";
    this.#notice.hidden = notice === "";
    this.#notice.textContent = notice;
    if (state === "ended" || state === "failed") {
      this.#said.textContent = state === "ended" ? t("player.ended") : notice;
    }
  }

  #toggle(): void {
    const { state, wanted } = this.#replay;
    if (state === "failed") {
      this.#replay.seek(this.#replay.ms);
      this.#replay.play();
    } else if (wanted === "pause" || state === "ended") {
      this.#replay.play();
    } else {
      this.#replay.pause();
    }
  }

  #seek(ms: number): void {
    const last = this.#info.recording.durationS * 1000;
    this.#replay.seek(Math.min(Math.max(0, ms), last));
  }

  #toggleSkip(): void {
    this.#skips = !this.#skips;
    this.#replay.skipIdle(this.#skips);
    this.#skip.setAttribute("aria-pressed", String(this.#skips));
  }

  #faster(step: number): void {
    const at = SPEEDS.findIndex((speed) => String(speed) === this.#speed.value) + step;
    const speed = SPEEDS[Math.min(Math.max(at, 0), SPEEDS.length - 1)] ?? 1;
    this.#speed.value = String(speed);
    this.#replay.speed(speed);
    this.#said.textContent = t("player.speed.now", { speed });
  }

  #picture(): void {
    const canvas = this.#replay.element.querySelector<HTMLCanvasElement>(".replay-picture:not(.coming) canvas");
    const name = `${nameOf(this.#info.recording)} ${clock(this.#replay.ms / 1000).replaceAll(":", ".")}.png`;
    canvas?.toBlob((blob) => blob !== null && download(blob, name), "image/png");
  }

  #key(event: KeyboardEvent): void {
    const free = !event.ctrlKey && !event.metaKey && !event.altKey;
    const target = event.target instanceof HTMLElement ? event.target : null;
    const own = target?.matches("select, input[type=search], textarea, dialog *") ?? false;
    // A button that has the focus keeps Space and Enter to itself.
    const presses = (event.key === " " || event.key === "Enter") && target?.matches("button, a");
    if (!free || own || presses === true) {
      return;
    }
    const run = this.#commandOf(event.key, event.shiftKey ? STEP_LARGE_MS : STEP_MS);
    if (run !== null) {
      event.preventDefault();
      run();
    }
  }

  #commandOf(key: string, stepMs: number): (() => void) | null {
    switch (key) {
      case " ":
      case "k":
        return () => this.#toggle();
      case "ArrowLeft":
        return () => this.#seek(this.#replay.ms - stepMs);
      case "ArrowRight":
        return () => this.#seek(this.#replay.ms + stepMs);
      case "Home":
        return () => this.#seek(0);
      case "End":
        return () => this.#seek(this.#info.recording.durationS * 1000);
      case "<":
        return () => this.#faster(-1);
      case ">":
        return () => this.#faster(1);
      case "i":
        return () => this.#toggleSkip();
      case "f":
        return () => void toggleFullScreen();
      default:
        return null;
    }
  }
}
