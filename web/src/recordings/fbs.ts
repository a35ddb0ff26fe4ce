// FBS 001.001, the form in which recordings arrive: blocks of what a VNC server sent, each with the
// time at which it came. Read in whatever pieces the network gives.

export interface Block {
  /** Milliseconds since the session began. */
  ms: number;
  /** What the server sent. */
  data: Uint8Array<ArrayBuffer>;
}

/** No block of a sane recording is longer. */
export const BLOCK_BYTES_MAX = 1024 * 1024;

const MAGIC = "FBS 001.00";
const MAGIC_BYTES = 12;
const NUMBER_BYTES = 4;

/** The bytes are no recording. */
export class BadFbs extends Error {}

export class FbsReader {
  #rest = new Uint8Array(0);
  #begun = false;
  /** The recording's own end was read, and when that was. */
  endMs: number | null = null;

  /** Takes bytes and returns the blocks that are complete with them. */
  push(bytes: Uint8Array): Block[] {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    let at = this.#begin(all);
    const blocks: Block[] = [];
    while (this.#begun && this.endMs === null) {
      const block = this.#block(all, at);
      if (block === null) {
        break;
      }
      at = block.next;
      if (block.data.length > 0) {
        blocks.push({ ms: block.ms, data: block.data });
      } else {
        this.endMs = block.ms;
      }
    }
    this.#rest = all.slice(at);
    return blocks;
  }

  /** Reads past the first line; returns where the blocks begin. */
  #begin(all: Uint8Array): number {
    if (this.#begun || all.length < MAGIC_BYTES) {
      return 0;
    }
    if (!String.fromCharCode(...all.subarray(0, MAGIC_BYTES)).startsWith(MAGIC)) {
      throw new BadFbs("this is no FBS");
    }
    this.#begun = true;
    return MAGIC_BYTES;
  }

  #block(
    all: Uint8Array<ArrayBuffer>,
    at: number,
  ): { ms: number; data: Uint8Array<ArrayBuffer>; next: number } | null {
    if (all.length < at + NUMBER_BYTES) {
      return null;
    }
    const view = new DataView(all.buffer);
    const length = view.getUint32(at);
    if (length > BLOCK_BYTES_MAX) {
      throw new BadFbs(`a block of ${length} bytes`);
    }
    const data = at + NUMBER_BYTES;
    const time = data + Math.ceil(length / NUMBER_BYTES) * NUMBER_BYTES;
    const next = time + NUMBER_BYTES;
    if (all.length < next) {
      return null;
    }
    return { ms: view.getUint32(time), data: all.slice(data, data + length), next };
  }
}
