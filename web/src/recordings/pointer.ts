// The track of the pointer beside a recording: nine bytes for each position.

export interface Position {
  ms: number;
  x: number;
  y: number;
  /** RFB's mask of the buttons that are held down. */
  buttons: number;
}

const POSITION_BYTES = 9;

export class PointerReader {
  #rest = new Uint8Array(0);

  push(bytes: Uint8Array): Position[] {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const view = new DataView(all.buffer);
    const positions: Position[] = [];
    let at = 0;
    for (; at + POSITION_BYTES <= all.length; at += POSITION_BYTES) {
      positions.push({
        ms: view.getUint32(at),
        x: view.getUint16(at + 4),
        y: view.getUint16(at + 6),
        buttons: view.getUint8(at + 8),
      });
    }
    this.#rest = all.slice(at);
    return positions;
  }
}
