// The WebSocket as noVNC sees it. In between, the gateway's JSON text frames are taken out, the
// start of the handshake is looked at, and the close event is kept: noVNC drops code and reason.

/** What the gateway says beside the desktop's own bytes. */
export interface GatewayMessage {
  type: string;
  [field: string]: unknown;
}

/** How the WebSocket ended. */
export interface Closed {
  code: number;
  reason: string;
}

/** The part of WebSocket that is used; tests bring their own. */
export type Socket = Pick<
  WebSocket,
  | "send"
  | "close"
  | "binaryType"
  | "protocol"
  | "readyState"
  | "onopen"
  | "onmessage"
  | "onerror"
  | "onclose"
>;

/** "binary" first: websockify before 0.11 only understands the first name that it is offered. */
export const PROTOCOLS = ["binary", "portway.v1"];

/** The one in which both sides may send text. */
const TEXT_PROTOCOL = "portway.v1";

/** How long the server's own close frame, and the reason in it, is waited for. */
const CLOSE_GRACE_MS = 400;
const CLOSE_WAIT_MS = 2000;
const TEXT_LENGTH_MAX = 64 * 1024;
const CLOSING = 2;

export class Channel {
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;

  /** Settles once, when the WebSocket is really closed. */
  readonly closed: Promise<Closed>;
  readonly #settle: (closed: Closed) => void;
  readonly peek = new HandshakePeek();
  bytesReceived = 0;
  bytesSent = 0;
  opened = false;
  isClosed = false;

  readonly #socket: Socket;
  #closing = false;

  constructor(socket: Socket, onGatewayMessage: (message: GatewayMessage) => void) {
    let settle: (closed: Closed) => void = () => undefined;
    this.closed = new Promise((resolve) => (settle = resolve));
    this.#settle = settle;
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = (event) => {
      this.opened = true;
      this.onopen?.(event);
    };
    socket.onerror = (event) => this.onerror?.(event);
    socket.onmessage = (event) => this.#receive(event, onGatewayMessage);
    socket.onclose = (event) => {
      this.isClosed = true;
      this.#settle({ code: event.code, reason: event.reason });
      this.onclose?.(event);
    };
  }

  get binaryType(): BinaryType {
    return this.#socket.binaryType;
  }

  set binaryType(_: BinaryType) {
    // Always "arraybuffer"; noVNC sets the same.
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  get readyState(): number {
    return this.#closing ? Math.max(this.#socket.readyState, CLOSING) : this.#socket.readyState;
  }

  send(data: Uint8Array<ArrayBuffer>): void {
    if (this.#closing) {
      return;
    }
    this.bytesSent += data.byteLength;
    this.#socket.send(data);
  }

  /** Says something to the gateway; one that did not agree to text would hang up on it. */
  tell(message: Record<string, string>): void {
    if (!this.#closing && this.protocol === TEXT_PROTOCOL) {
      this.#socket.send(JSON.stringify(message));
    }
  }

  /**
   * Closes, but lets the server's close frame come first: noVNC hangs up as soon as it has read a
   * refusal, and the code that explains it is right behind.
   */
  close(): void {
    if (this.#closing) {
      return;
    }
    this.#closing = true;
    setTimeout(() => this.#socket.close(), this.opened ? CLOSE_GRACE_MS : 0);
    // A peer that never answers our close frame must not keep the page waiting.
    setTimeout(() => this.#settle({ code: 1006, reason: "" }), CLOSE_WAIT_MS);
  }

  #receive(event: MessageEvent, onGatewayMessage: (message: GatewayMessage) => void): void {
    if (typeof event.data === "string") {
      const message = parseMessage(event.data);
      if (message !== null) {
        onGatewayMessage(message);
      }
      return;
    }
    const data = event.data as ArrayBuffer;
    this.bytesReceived += data.byteLength;
    this.peek.see(new Uint8Array(data));
    // An empty frame is legal, but noVNC complains about an empty queue.
    if (data.byteLength > 0 && !this.#closing) {
      this.onmessage?.(event);
    }
  }
}

/** Looks at the server's first bytes, to tell later why noVNC could not go on. */
export class HandshakePeek {
  #head: number[] | null = [];
  /** The security types that the server offered, once known. */
  securityTypes: number[] | null = null;
  /** True if the other side does not begin as a VNC server does. */
  notVnc = false;

  see(bytes: Uint8Array): void {
    if (this.#head === null) {
      return;
    }
    this.#head.push(...bytes.subarray(0, HEAD_BYTES_MAX - this.#head.length));
    const start = String.fromCharCode(...this.#head.slice(0, 4));
    this.notVnc = !"RFB ".startsWith(start);
    const count = this.#head[VERSION_BYTES];
    if (this.notVnc) {
      this.#head = null;
    } else if (count !== undefined && this.#head.length > VERSION_BYTES + count) {
      this.securityTypes = this.#head.slice(VERSION_BYTES + 1, VERSION_BYTES + 1 + count);
      this.#head = null;
    }
  }
}

const VERSION_BYTES = 12;
const HEAD_BYTES_MAX = VERSION_BYTES + 1 + 255;

function parseMessage(text: string): GatewayMessage | null {
  if (text.length > TEXT_LENGTH_MAX) {
    return null;
  }
  try {
    const message: unknown = JSON.parse(text);
    const typed = typeof message === "object" && message !== null && "type" in message;
    return typed && typeof message.type === "string" ? (message as GatewayMessage) : null;
  } catch {
    return null;
  }
}
