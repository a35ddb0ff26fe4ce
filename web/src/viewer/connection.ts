// One attempt at a session: asks the gateway, opens the WebSocket, runs noVNC on it and says, once
// everything is known, how it ended.

import RFB from "@novnc/novnc";
import type { Credentials } from "@novnc/novnc";
import { Channel, PROTOCOLS, type GatewayMessage } from "./channel.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Ended, Phase } from "./ending.ts";
import { askSession, type Terms } from "./preflight.ts";
import type { Settings } from "./settings.ts";

/** What the page learns while the attempt runs, in this order; `ended` comes exactly once. */
export interface ConnectionEvents {
  phase(phase: Phase): void;
  terms(terms: Terms): void;
  /** The desktop's name in the gateway's words. */
  titled(title: string): void;
  desktopName(name: string): void;
  credentialsRequired(types: string[]): void;
  identity(publicKey: Uint8Array<ArrayBuffer>): void;
  connected(rfb: RFB): void;
  gatewayMessage(message: GatewayMessage): void;
  /** The picture stands still; `canvas` is the last one. */
  stopped(canvas: HTMLCanvasElement | null): void;
  ended(ended: Ended): void;
}

export interface ConnectionOptions {
  endpoint: Endpoint;
  settings: Settings;
  credentials: Credentials | null;
  screen: HTMLElement;
  connectedBefore: boolean;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #cancel = new AbortController();
  readonly #ended: Ended;
  #rfb: RFB | null = null;
  #channel: Channel | null = null;
  /** noVNC's canvas; noVNC takes it off the page before it says that it is done. */
  #canvas: HTMLCanvasElement | null = null;

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#ended = {
      phase: "asking",
      code: null,
      reason: "",
      refusal: null,
      opened: false,
      credentialsSent: options.credentials !== null,
      notVnc: false,
      securityTypes: null,
      givenUp: false,
      byPerson: false,
      takeOver: false,
      usedBy: "",
      needsHttps: false,
      online: true,
      connectedBefore: options.connectedBefore,
      httpStatus: null,
    };
  }

  get bytesReceived(): number {
    return this.#channel?.bytesReceived ?? 0;
  }

  get bytesSent(): number {
    return this.#channel?.bytesSent ?? 0;
  }

  /** Runs the attempt until noVNC has the WebSocket; the events tell the rest. */
  async start(): Promise<void> {
    this.#events.phase("asking");
    const answer = await askSession(this.#options.endpoint.session, this.#cancel.signal);
    if (this.#cancel.signal.aborted) {
      this.#finish();
    } else if (answer.status === "refused") {
      const { title, code, reason, takeOver, by } = answer.refused;
      this.#events.titled(title);
      Object.assign(this.#ended, { code, reason, takeOver, usedBy: by });
      this.#finish();
    } else {
      if (answer.status === "ok") {
        this.#events.titled(answer.terms.title);
        this.#events.terms(answer.terms);
      } else {
        this.#ended.httpStatus = answer.httpStatus;
      }
      this.#open();
    }
  }

  /** Ends the attempt or the session because the person wants it. */
  leave(): void {
    this.#ended.byPerson = true;
    this.#cancel.abort();
    this.#rfb?.disconnect();
  }

  /** Ends an attempt that this browser cannot go on with on an unencrypted page. */
  giveUpWithoutHttps(): void {
    this.#ended.needsHttps = true;
    this.#rfb?.disconnect();
  }

  tell(message: Record<string, string>): void {
    this.#channel?.tell(message);
  }

  sendCredentials(credentials: Credentials): void {
    this.#ended.credentialsSent = true;
    this.#rfb?.sendCredentials(credentials);
  }

  approveIdentity(): void {
    this.#rfb?.approveServer();
  }

  #open(): void {
    this.#ended.phase = "connecting";
    this.#events.phase("connecting");
    try {
      const socket = new WebSocket(this.#options.endpoint.socket, PROTOCOLS);
      this.#channel = new Channel(socket, (message) => this.#events.gatewayMessage(message));
      this.#rfb = this.#startRfb(this.#channel);
      this.#canvas = this.#options.screen.querySelector("canvas");
    } catch (error) {
      console.error("The connection could not be started:", error);
      this.#finish();
    }
  }

  #startRfb(channel: Channel): RFB {
    const { settings, credentials, screen } = this.#options;
    const rfb = new RFB(screen, channel, {
      shared: settings.shared,
      repeaterID: settings.repeaterID,
      ...(credentials === null ? {} : { credentials }),
    });
    rfb.background = "transparent";
    const on = <T>(name: string, react: (detail: T) => void) =>
      rfb.addEventListener(name, (event) => react((event as CustomEvent<T>).detail));
    on<{ name: string }>("desktopname", ({ name }) => this.#events.desktopName(name));
    on<{ types: string[] }>("credentialsrequired", ({ types }) =>
      this.#events.credentialsRequired(types),
    );
    on<{ publickey: Uint8Array<ArrayBuffer> }>("serververification", ({ publickey }) =>
      this.#events.identity(publickey),
    );
    on<{ status: number; reason?: string }>("securityfailure", ({ status, reason }) => {
      this.#ended.refusal = { status, reason: reason ?? "" };
    });
    on("connect", () => {
      this.#ended.phase = "connected";
      this.#events.phase("connected");
      this.#events.connected(rfb);
    });
    on<{ clean: boolean }>("disconnect", ({ clean }) => void this.#stopped(channel, clean));
    return rfb;
  }

  /** noVNC is done; the close code may still be on its way. */
  async #stopped(channel: Channel, clean: boolean): Promise<void> {
    const ended = this.#ended;
    ended.givenUp = !clean && !channel.isClosed && ended.refusal === null;
    this.#events.stopped(ended.phase === "connected" ? this.#canvas : null);
    channel.close();
    const closed = await channel.closed;
    ended.code = closed.code;
    ended.reason = closed.reason;
    ended.opened = channel.opened;
    ended.notVnc = channel.peek.notVnc;
    ended.securityTypes = channel.peek.securityTypes;
    this.#finish();
  }

  #finish(): void {
    this.#ended.online = navigator.onLine;
    this.#events.ended(this.#ended);
  }
}
