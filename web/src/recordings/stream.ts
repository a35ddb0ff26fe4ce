// Pieces that come over the network ahead of the moment that is shown: as many as a bound allows,
// and no more are read until some were taken. This is what keeps memory small for long recordings.

export interface Parser<Piece> {
  /** Takes bytes and returns the pieces that are complete with them. */
  push(bytes: Uint8Array): Piece[];
}

export type StreamState = "open" | "ended" | "broken";

export class Ahead<Piece> {
  readonly #abort = new AbortController();
  readonly #parser: Parser<Piece>;
  readonly #size: (piece: Piece) => number;
  readonly #most: number;
  readonly #waiting: Piece[] = [];
  #first = 0;
  #held = 0;
  #wake: () => void = () => undefined;
  state: StreamState = "open";
  /** What the gateway answered, if that was the end of it; 0 before. */
  status = 0;

  /** Fetches `path`; holds pieces of at most `most` in all, as `size` measures them. */
  constructor(path: string, parser: Parser<Piece>, size: (piece: Piece) => number, most: number) {
    this.#parser = parser;
    this.#size = size;
    this.#most = most;
    void this.#read(path);
  }

  /** The next piece, which stays where it is. */
  peek(): Piece | undefined {
    return this.#waiting[this.#first];
  }

  take(): Piece | undefined {
    const piece = this.#waiting[this.#first];
    if (piece !== undefined) {
      this.#first += 1;
      this.#held -= this.#size(piece);
      if (this.#first > 64 && this.#first * 2 > this.#waiting.length) {
        this.#waiting.splice(0, this.#first);
        this.#first = 0;
      }
      this.#wake();
    }
    return piece;
  }

  close(): void {
    this.#abort.abort();
    this.#waiting.length = 0;
    this.#first = 0;
    this.#wake();
  }

  async #read(path: string): Promise<void> {
    const { signal } = this.#abort;
    try {
      const options: RequestInit = { credentials: "same-origin", cache: "no-store", signal };
      const response = await fetch(path, options);
      this.status = response.status;
      if (!response.ok || response.body === null) {
        this.state = "broken";
        return;
      }
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || signal.aborted) {
          break;
        }
        for (const piece of this.#parser.push(value)) {
          this.#waiting.push(piece);
          this.#held += this.#size(piece);
        }
        while (this.#held >= this.#most && !signal.aborted) {
          await new Promise<void>((wake) => (this.#wake = wake));
        }
      }
      this.state = "ended";
    } catch (error) {
      this.state = "broken";
      if (!signal.aborted) {
        console.warn("The recording broke off:", error);
      }
    }
  }
}
