// Plays a recording: noVNC on a channel that is fed from the gateway's stream, at the pace of a
// clock. Each jump is a new stream and a new noVNC, shown as soon as it has the picture.

import RFB from "@novnc/novnc";
import { h } from "../ui/dom.ts";
import { idleUntil, PlayClock } from "./clock.ts";
import { FbsReader, type Block } from "./fbs.ts";
import { Handshake } from "./handshake.ts";
import { ReplayPointer } from "./pointer-overlay.ts";
import type { Info } from "./recording.ts";
import { Ahead } from "./stream.ts";

/** What is read ahead of the picture at most. */
const AHEAD_BYTES_MAX = 4 * 1024 * 1024;
/** What noVNC is given at most before the browser may paint: while it plays, while it loads. */
const PLAYING: Turn = { bytes: 1024 * 1024, ms: 14 };
const LOADING: Turn = { bytes: 2 * 1024 * 1024, ms: 50 };
/** Quiet stretches pass at least at this speed, if they are to be skipped. */
const IDLE_SPEED = 32;
/** A picture that has come and is not followed by more within this time is shown. */
const SETTLE_MS = 250;
/** So often a stream that broke off is asked for again. */
const ATTEMPTS_MAX = 3;

interface Turn {
  bytes: number;
  ms: number;
}

export type ReplayState = "loading" | "playing" | "paused" | "waiting" | "ended" | "failed";

export class Replay {
  readonly element = h("div", { class: "replay" });
  /** Called at each frame, and when something has changed. */
  onFrame: (ms: number, state: ReplayState) => void = () => undefined;

  readonly #info: Info;
  readonly #path: string;
  readonly #clock = new PlayClock(0, performance.now());
  readonly #pointer: ReplayPointer | null;
  #shown: Picture | null = null;
  #coming: Picture | null = null;
  #wanted: "play" | "pause" = "play";
  #speed = 1;
  #skipsIdle = false;
  #attempts = 0;
  #failed = false;
  #frame: number | null = null;

  constructor(info: Info) {
    this.#info = info;
    this.#path = `${encodeURIComponent(info.recording.id)}/`;
    this.#pointer = info.pointer ? new ReplayPointer(`${this.#path}pointer`, this.element) : null;
    this.#frame = requestAnimationFrame((now) => this.#turn(now));
  }

  get ms(): number {
    return this.#clock.ms;
  }

  get state(): ReplayState {
    if (this.#failed) {
      return "failed";
    }
    if (this.#coming !== null) {
      return "loading";
    }
    if (this.#shown?.isOver === true && this.#clock.ms >= this.#endMs()) {
      return "ended";
    }
    if (this.#wanted === "pause") {
      return "paused";
    }
    return this.#shown?.isWaiting === true ? "waiting" : "playing";
  }

  /** What the person wants, whatever it waits for. */
  get wanted(): "play" | "pause" {
    return this.#wanted;
  }

  play(): void {
    this.#wanted = "play";
    if (this.state === "ended") {
      this.seek(0);
    }
  }

  pause(): void {
    this.#wanted = "pause";
  }

  speed(speed: number): void {
    this.#speed = speed;
  }

  skipIdle(skips: boolean): void {
    this.#skipsIdle = skips;
  }

  /** Jumps; the old picture stays until the new one is there. */
  seek(ms: number): void {
    this.#attempts = 0;
    this.#open(Math.round(Math.max(0, ms)));
  }

  close(): void {
    if (this.#frame !== null) {
      cancelAnimationFrame(this.#frame);
      this.#frame = null;
    }
    this.#coming?.close();
    this.#shown?.close();
    this.#pointer?.close();
    this.element.remove();
  }

  #open(ms: number): void {
    this.#failed = false;
    this.#coming?.close();
    const stream = new Ahead<Block>(
      `${this.#path}data?from_ms=${ms}`,
      new FbsReader(),
      ({ data }) => data.length,
      AHEAD_BYTES_MAX,
    );
    this.#coming = new Picture(stream, ms, this.element);
    this.#clock.run(false, performance.now());
    this.#clock.set(ms, performance.now());
    this.#pointer?.seek(ms);
  }

  /** The one loop: feeds what is due, shows what is ready, moves the clock. */
  #turn(now: number): void {
    this.#frame = requestAnimationFrame((later) => this.#turn(later));
    const picture = this.#coming ?? this.#shown;
    if (picture === null) {
      return;
    }
    this.#advance(now);
    picture.feed(this.#clock.ms, picture === this.#coming ? LOADING : PLAYING);
    if (picture.isBroken) {
      this.#again();
    } else if (picture === this.#coming && picture.isReady) {
      this.#shown?.close();
      this.#shown = picture;
      this.#coming = null;
      this.#attempts = 0;
      picture.show();
    }
    this.#pointer?.show(this.#clock.ms, this.#shown?.canvas ?? null);
    this.onFrame(this.#clock.ms, this.state);
  }

  #advance(now: number): void {
    const runs = this.#coming === null && this.#shown !== null && this.#wanted === "play";
    if (runs !== this.#clock.runs) {
      this.#clock.run(runs, now);
    }
    const idle = this.#skipsIdle
      ? idleUntil(this.#clock.ms, this.#info.activity, this.#info.sliceMs)
      : null;
    this.#clock.speed(idle === null ? this.#speed : Math.max(this.#speed, IDLE_SPEED));
    const limit = this.#shown?.limitAt(this.#clock.ms) ?? 0;
    this.#clock.advance(now, Math.min(limit, idle ?? limit, this.#endMs()));
  }

  #endMs(): number {
    const told = this.#info.recording.durationS * 1000;
    return Math.max(told, this.#shown?.lastMs ?? 0);
  }

  /** A stream broke off, for instance after a long pause: asks for the same moment again. */
  #again(): void {
    const { ms } = this.#clock;
    if (this.#attempts >= ATTEMPTS_MAX) {
      this.#failed = true;
      this.#coming?.close();
      this.#coming = null;
      return;
    }
    this.#attempts += 1;
    this.#open(ms);
  }
}

/** noVNC on one stream, from one moment on. */
class Picture {
  readonly #stream: Ahead<Block>;
  readonly #fromMs: number;
  readonly #holder = h("div", { class: "replay-picture coming" });
  readonly #channel = new ReplayChannel();
  readonly #handshake = new Handshake();
  readonly #rfb: RFB;
  #connected = false;
  #gone = false;
  #lastFed = performance.now();
  lastMs: number;

  constructor(stream: Ahead<Block>, fromMs: number, parent: HTMLElement) {
    this.#stream = stream;
    this.#fromMs = fromMs;
    this.lastMs = fromMs;
    parent.append(this.#holder);
    this.#rfb = new RFB(this.#holder, this.#channel, { shared: true });
    this.#rfb.viewOnly = true;
    this.#rfb.scaleViewport = true;
    this.#rfb.focusOnClick = false;
    this.#rfb.background = "transparent";
    this.#rfb.addEventListener("connect", () => (this.#connected = true));
    this.#rfb.addEventListener("disconnect", () => (this.#gone = true));
  }

  get canvas(): HTMLCanvasElement | null {
    return this.#holder.querySelector("canvas");
  }

  /** It has the picture of the moment that it begins at. */
  get isReady(): boolean {
    if (!this.#connected) {
      return false;
    }
    const next = this.#stream.peek();
    if (next !== undefined) {
      return next.ms > this.#fromMs;
    }
    const settled = performance.now() - this.#lastFed > SETTLE_MS;
    return this.#stream.state === "ended" || settled;
  }

  get isBroken(): boolean {
    return this.#gone || (this.#stream.state === "broken" && this.#stream.peek() === undefined);
  }

  get isOver(): boolean {
    return this.#stream.state === "ended" && this.#stream.peek() === undefined;
  }

  /** It would go on, but nothing has come yet. */
  get isWaiting(): boolean {
    return this.#stream.state === "open" && this.#stream.peek() === undefined;
  }

  /** Up to where the clock, at `ms` now, may run: not away from what is due or has not come. */
  limitAt(ms: number): number {
    const next = this.#stream.peek();
    if (next === undefined) {
      return this.isOver ? Number.POSITIVE_INFINITY : this.lastMs;
    }
    return next.ms <= ms ? ms : Number.POSITIVE_INFINITY;
  }

  /** Gives noVNC what is due at `ms`, within what one turn may take. */
  feed(ms: number, turn: Turn): void {
    const begin = performance.now();
    let bytes = 0;
    for (;;) {
      const next = this.#stream.peek();
      const spent = bytes >= turn.bytes || performance.now() - begin > turn.ms;
      if (next === undefined || next.ms > ms || spent || this.#gone) {
        return;
      }
      this.#stream.take();
      bytes += next.data.length;
      this.lastMs = next.ms;
      this.#lastFed = performance.now();
      for (const piece of this.#handshake.cut(next.data)) {
        this.#channel.receive(piece);
      }
    }
  }

  show(): void {
    this.#holder.classList.remove("coming");
    this.canvas?.setAttribute("aria-hidden", "true");
  }

  close(): void {
    this.#stream.close();
    this.#gone = true;
    this.#rfb.disconnect();
    this.#channel.finish();
    this.#holder.remove();
  }
}

const OPEN = 1;
const CLOSED = 3;

/** The WebSocket that noVNC believes to have; what it says goes nowhere. */
class ReplayChannel {
  binaryType = "arraybuffer";
  protocol = "";
  readyState = OPEN;
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;

  receive(data: Uint8Array<ArrayBuffer>): void {
    this.onmessage?.(new MessageEvent("message", { data: data.buffer }));
  }

  send(): void {
    // There is no server.
  }

  close(): void {
    this.readyState = CLOSED;
  }

  /** Lets noVNC come to its end at once instead of waiting for a close frame. */
  finish(): void {
    this.readyState = CLOSED;
    this.onclose?.(new CloseEvent("close", { code: 1000, wasClean: true }));
  }
}
