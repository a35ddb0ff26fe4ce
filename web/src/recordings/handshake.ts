// The handshake at the head of a recording (RFB 3.3, type None), cut so that noVNC takes it: it
// reads on after the version, and after the server's words, only when another message comes.

const VERSION_BYTES = 12;
const TYPE_BYTES = 4;
const NAME_LENGTH_AT = VERSION_BYTES + TYPE_BYTES + 20;
const INIT_BYTES = VERSION_BYTES + TYPE_BYTES + 24;

export class Handshake {
  #head = new Uint8Array(0);
  #done = false;

  /** The pieces to hand over in this order, now that `bytes` have come. */
  cut(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
    if (this.#done) {
      return [bytes];
    }
    const all = new Uint8Array(this.#head.length + bytes.length);
    all.set(this.#head);
    all.set(bytes, this.#head.length);
    this.#head = all;
    if (all.length < INIT_BYTES) {
      return [];
    }
    const end = INIT_BYTES + new DataView(all.buffer).getUint32(NAME_LENGTH_AT);
    if (all.length < end) {
      return [];
    }
    this.#done = true;
    this.#head = new Uint8Array(0);
    const cuts = [all.slice(0, VERSION_BYTES), all.slice(VERSION_BYTES, end), all.slice(end)];
    return cuts.filter(({ length }) => length > 0);
  }
}
