// The timeline of a recording: where one is, how much happened when, marks, and a small picture of
// the moment under the pointer.

import { h } from "../ui/dom.ts";
import { clock } from "../ui/format.ts";
import { t, type TextKey } from "../ui/language.ts";
import type { Info, Mark } from "./recording.ts";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 100;
/** A picture is asked for once the pointer has rested. */
const REST_MS = 120;
const PREVIEW_WIDTH = 240;

export class Timeline {
  readonly element = h("div", { class: "timeline" });
  /** Called when the person has chosen a moment. */
  onSeek: (ms: number) => void = () => undefined;

  readonly #durationMs: number;
  readonly #slider: HTMLInputElement;
  readonly #done = h("div", { class: "done" });
  readonly #preview: Preview;
  #dragging = false;

  constructor(info: Info) {
    const { recording, activity, marks } = info;
    this.#durationMs = Math.max(1, Math.round(recording.durationS * 1000));
    this.#slider = h("input", {
      type: "range",
      min: 0,
      max: this.#durationMs,
      step: 1,
      "aria-label": t("player.timeline"),
    });
    this.#slider.value = "0";
    this.#preview = new Preview(`${encodeURIComponent(recording.id)}/picture`, recording.seekable);
    const marked = marks.map((mark) => this.#mark(mark));
    this.element.append(
      activityPicture(activity),
      h("div", { class: "rail" }, this.#done),
      ...marked,
      this.#slider,
      this.#preview.element,
    );
    this.#listen();
    this.show(0);
  }

  show(ms: number): void {
    if (!this.#dragging) {
      this.#slider.value = String(Math.round(ms));
    }
    const at = this.#dragging ? Number(this.#slider.value) : ms;
    this.#done.style.width = this.#percent(at);
    const words = t("player.position", {
      at: clock(at / 1000),
      total: clock(this.#durationMs / 1000),
    });
    if (this.#slider.getAttribute("aria-valuetext") !== words) {
      this.#slider.setAttribute("aria-valuetext", words);
    }
  }

  #listen(): void {
    this.#slider.addEventListener("input", () => {
      this.#dragging = true;
      this.show(0);
    });
    this.#slider.addEventListener("change", () => {
      this.#dragging = false;
      this.onSeek(Number(this.#slider.value));
    });
    this.element.addEventListener("pointermove", (event) => {
      const { left, width } = this.element.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
      this.#preview.at(share * this.#durationMs, share);
    });
    this.element.addEventListener("pointerleave", () => this.#preview.hide());
  }

  #mark({ ms, kind }: Mark): HTMLElement {
    const mark = h("span", { class: "mark", title: `${clock(ms / 1000)} ${markText(kind)}` });
    mark.style.insetInlineStart = this.#percent(ms);
    return mark;
  }

  #percent(ms: number): string {
    return `${(Math.min(1, Math.max(0, ms / this.#durationMs)) * 100).toFixed(3)}%`;
  }
}

const MARKS = new Set(["message", "control", "resize", "cut", "policy"]);

function markText(kind: string): string {
  return MARKS.has(kind) ? t(`mark.${kind}` as TextKey) : kind;
}

/** The amount of change for each slice, as one shape. */
function activityPicture(activity: number[]): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  const width = Math.max(1, activity.length);
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "activity");
  svg.setAttribute("aria-hidden", "true");
  // The square root lets small work be seen beside a film.
  const tops = activity.map((value, at) => {
    const top = (HEIGHT - Math.sqrt(value) * HEIGHT).toFixed(1);
    return `L${at} ${top}L${at + 1} ${top}`;
  });
  path.setAttribute("d", `M0 ${HEIGHT}${tops.join("")}L${width} ${HEIGHT}Z`);
  svg.append(path);
  return svg;
}

/** The time under the pointer, with a picture where the recording has pictures of moments. */
class Preview {
  readonly element = h("div", { class: "preview", hidden: true, "aria-hidden": "true" });
  readonly #path: string;
  readonly #image = h("img", { alt: "", hidden: true });
  readonly #time = h("span");
  #has: boolean;
  #timer: number | null = null;
  #abort: AbortController | null = null;
  #url: string | null = null;

  constructor(path: string, has: boolean) {
    this.#path = path;
    this.#has = has;
    this.element.append(this.#image, this.#time);
  }

  at(ms: number, share: number): void {
    this.element.hidden = false;
    this.#time.textContent = clock(ms / 1000);
    this.element.style.insetInlineStart = `${(share * 100).toFixed(2)}%`;
    if (this.#has) {
      window.clearTimeout(this.#timer ?? undefined);
      this.#timer = window.setTimeout(() => void this.#load(ms), REST_MS);
    }
  }

  hide(): void {
    window.clearTimeout(this.#timer ?? undefined);
    this.#abort?.abort();
    this.element.hidden = true;
  }

  async #load(ms: number): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    const query = new URLSearchParams({ at_ms: ms.toFixed(0), width: String(PREVIEW_WIDTH) });
    try {
      const { signal } = abort;
      const response = await fetch(`${this.#path}?${query}`, { credentials: "same-origin", signal });
      if (!response.ok) {
        // A recording without pictures has none at other moments either.
        this.#has = response.status !== 404;
        return;
      }
      const url = URL.createObjectURL(await response.blob());
      if (this.#url !== null) {
        URL.revokeObjectURL(this.#url);
      }
      this.#url = url;
      this.#image.src = url;
      this.#image.hidden = false;
    } catch {
      // The pointer went on.
    }
  }
}
