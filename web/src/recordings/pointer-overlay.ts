// The pointer of whoever was recorded, drawn over the picture; it glows while a button is down.

import { h } from "../ui/dom.ts";
import { icon } from "../ui/icons.ts";
import { PointerReader, type Position } from "./pointer.ts";
import { Ahead } from "./stream.ts";

/** Positions that are read ahead at most. */
const AHEAD_MAX = 4096;

export class ReplayPointer {
  readonly #path: string;
  readonly #element = h("div", { class: "replay-pointer", "aria-hidden": "true", hidden: true });
  #track: Ahead<Position> | null = null;
  #last: Position | null = null;

  constructor(path: string, parent: HTMLElement) {
    this.#path = path;
    this.#element.append(icon("pointer"));
    parent.append(this.#element);
  }

  seek(ms: number): void {
    this.#track?.close();
    this.#last = null;
    this.#track = new Ahead<Position>(
      `${this.#path}?from_ms=${ms}`,
      new PointerReader(),
      () => 1,
      AHEAD_MAX,
    );
  }

  /** Puts it where it was at `ms`, in the coordinates of the picture. */
  show(ms: number, canvas: HTMLCanvasElement | null): void {
    let next = this.#track?.peek();
    while (next !== undefined && next.ms <= ms) {
      this.#last = next;
      this.#track?.take();
      next = this.#track?.peek();
    }
    const last = this.#last;
    this.#element.hidden = last === null || canvas === null || canvas.width === 0;
    if (last === null || canvas === null || canvas.width === 0) {
      return;
    }
    const picture = canvas.getBoundingClientRect();
    const outer = this.#element.parentElement?.getBoundingClientRect();
    const x = picture.left - (outer?.left ?? 0) + (last.x / canvas.width) * picture.width;
    const y = picture.top - (outer?.top ?? 0) + (last.y / canvas.height) * picture.height;
    this.#element.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
    this.#element.classList.toggle("pressed", last.buttons !== 0);
  }

  close(): void {
    this.#track?.close();
    this.#element.remove();
  }
}
