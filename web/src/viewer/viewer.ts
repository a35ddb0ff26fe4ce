// The viewer: takes a session from the first question to its end, and to the next attempt.

import type RFB from "@novnc/novnc";
import type { Credentials } from "@novnc/novnc";
import { t } from "../ui/language.ts";
import type { Notes } from "../ui/notes.ts";
import { delayMs } from "./backoff.ts";
import type { Clipboard } from "./clipboard.ts";
import type { Company } from "./company.ts";
import { Connection, type ConnectionEvents } from "./connection.ts";
import { ringBell, WakeLock } from "./device.ts";
import type { Desk } from "./desk.ts";
import { judge, type Ended } from "./ending.ts";
import { takingOver, type Endpoint } from "./endpoint.ts";
import { whenPainted } from "./first-picture.ts";
import { fingerprint, KnownMachines } from "./identity.ts";
import { NOBODY } from "./presence.ts";
import type { Stage } from "./stage.ts";
import type { Toolbar } from "./toolbar.ts";

export interface ViewerParts {
  screen: HTMLElement;
  stage: Stage;
  notes: Notes;
  toolbar: Toolbar;
  clipboard: Clipboard;
  company: Company;
  desk: Desk;
  endpoint: Endpoint;
}

/** A session that lived this long was fine: the next outage starts with short waits again. */
const SETTLED_MS = 20_000;
const TICK_MS = 100;
/** The wait after a change of what one may do, which asked for a new session. */
const CHANGED_MS = 200;

export class Viewer {
  readonly #parts: ViewerParts;
  readonly #wakeLock = new WakeLock();
  #connection: Connection | null = null;
  #credentials: Credentials | null;
  #connectedBefore = false;
  #attempt = 0;
  #countdown: number | null = null;
  /** Ends the wait for the first picture. */
  #stopLooking: () => void = () => undefined;

  constructor(parts: ViewerParts) {
    this.#parts = parts;
    const { password } = parts.desk.settings;
    this.#credentials = password === null ? null : { password };
    window.addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") {
        this.#hurry();
      }
    });
  }

  /** Connects, or waits for the person to ask for it. */
  start(): void {
    const { desk, stage } = this.#parts;
    if (desk.settings.autoconnect) {
      this.connect();
    } else {
      stage.ready(desk.name, () => this.connect());
    }
  }

  /** Connects; with `takeOver` at the cost of whoever is there. */
  connect(how: "beside" | "takeOver" = "beside"): void {
    this.#stopCountdown();
    const { endpoint, desk, screen } = this.#parts;
    const connection = new Connection(
      {
        endpoint: how === "takeOver" ? takingOver(endpoint) : endpoint,
        settings: desk.settings,
        credentials: this.#credentials,
        screen,
        connectedBefore: this.#connectedBefore,
      },
      this.#events(),
    );
    this.#connection = connection;
    desk.tell = (message) => connection.tell(message);
    desk.traffic = () => ({ received: connection.bytesReceived, sent: connection.bytesSent });
    void connection.start();
  }

  leave(): void {
    this.#connection?.leave();
  }

  #events(): ConnectionEvents {
    const { desk, stage, company } = this.#parts;
    const cancel = () => this.leave();
    return {
      phase: (phase) => {
        if (phase !== "connected") {
          stage.progress(desk.name, `state.${phase}`, cancel);
        }
      },
      titled: (title) => {
        this.#rename(title);
        desk.titled = title !== "";
      },
      terms: ({ policy, role, links, linksMaxS, signOut }) => {
        Object.assign(desk, { role, links, linksMaxS, signOut });
        if (this.#connectedBefore) {
          // The rules may be others than those of the session before.
          company.follow(policy);
        } else {
          desk.policy = policy;
          desk.changed();
        }
      },
      // The gateway's title, where there is one, is what the desktop is known by.
      desktopName: (name) => desk.titled || this.#rename(name),
      credentialsRequired: (types) =>
        stage.login(desk.name, types, (answer) => this.#login(answer), cancel),
      identity: (publicKey) => void this.#identify(publicKey),
      connected: (rfb) => this.#connected(rfb),
      gatewayMessage: (message) => company.take(message),
      stopped: (canvas) => this.#stopped(canvas),
      ended: (ended) => this.#ended(ended),
    };
  }

  #login(credentials: Credentials): void {
    const { desk, stage } = this.#parts;
    // Kept in memory only, for when the connection breaks.
    this.#credentials = credentials;
    stage.progress(desk.name, "state.connecting", () => this.leave());
    this.#connection?.sendCredentials(credentials);
  }

  async #identify(publicKey: Uint8Array<ArrayBuffer>): Promise<void> {
    const { desk, stage, endpoint } = this.#parts;
    const connection = this.#connection;
    if (!window.isSecureContext) {
      // Neither this page nor noVNC can do the cryptography of such a login there.
      connection?.giveUpWithoutHttps();
      return;
    }
    const known = await KnownMachines.of(endpoint.socket);
    const print = await fingerprint(publicKey);
    const verdict = known.verdict(print);
    const approve = () => {
      known.approve(print);
      stage.progress(desk.name, "state.connecting", () => this.leave());
      connection?.approveIdentity();
    };
    if (verdict === "known") {
      approve();
    } else {
      stage.identity(print, verdict === "changed", approve, () => this.leave());
    }
  }

  #connected(rfb: RFB): void {
    const { desk, stage, toolbar, screen, clipboard } = this.#parts;
    this.#connectedBefore = true;
    thaw(screen);
    const on = <T>(name: string, react: (detail: T) => void) =>
      rfb.addEventListener(name, (event) => react((event as CustomEvent<T>).detail));
    on<{ text: string }>("clipboard", ({ text }) => void clipboard.receive(text));
    on("bell", () => desk.settings.bell && ringBell());
    on("capabilities", () => desk.changed());
    on("clippingviewport", () => desk.apply());
    desk.rfb = rfb;
    desk.connectedAt = Date.now();
    desk.roundTripMs = null;
    desk.apply();
    // A screen reader hands the keys through to an application.
    desk.canvas?.setAttribute("role", "application");
    desk.canvas?.setAttribute("aria-label", desk.name || t("desktop"));
    stage.picture(desk.name, () => this.leave());
    this.#stopLooking = whenPainted(desk.canvas, () => stage.clear());
    stage.announce(t("state.connected", { name: desk.name || t("desktop") }));
    toolbar.greet();
    if (desk.policy.recorded) {
      this.#parts.notes.brief(t("note.recorded.on"), "film");
    }
    this.#wakeLock.want(desk.settings.keep_device_awake);
    rfb.focus({ preventScroll: true });
  }

  #stopped(canvas: HTMLCanvasElement | null): void {
    const { desk, toolbar, screen, company } = this.#parts;
    this.#stopLooking();
    const { connectedAt } = desk;
    if (connectedAt !== null && Date.now() - connectedAt > SETTLED_MS) {
      this.#attempt = 0;
    }
    desk.rfb = null;
    desk.connectedAt = null;
    desk.presence = NOBODY;
    desk.tell = () => undefined;
    company.leave();
    desk.changed();
    toolbar.leave();
    this.#wakeLock.want(false);
    if (canvas !== null) {
      freeze(screen, canvas);
    }
  }

  #ended(ended: Ended): void {
    const { stage, desk, screen } = this.#parts;
    const verdict = judge(ended);
    const automatic = verdict.retry === "auto" && desk.settings.reconnect;
    if (!automatic) {
      // Whoever may no longer look must not go on looking at the last picture.
      thaw(screen);
    }
    if (verdict.kind === "password" || verdict.kind === "left") {
      this.#credentials = null;
    }
    // Other rules need a new session and no patience.
    const chosen = verdict.kind === "changed" ? CHANGED_MS : desk.settings.reconnect_delay;
    const wait = automatic ? delayMs(this.#attempt, chosen, Math.random) : null;
    const view = {
      verdict,
      code: ended.code,
      onAgain: () => {
        this.#attempt = 0;
        if (verdict.kind === "session") {
          // The form stands in the place of the page.
          location.reload();
        } else {
          this.connect();
        }
      },
      onTakeOver: () => this.connect("takeOver"),
    };
    const stop = () => {
      this.#stopCountdown();
      this.#attempt = 0;
      stage.ended({ ...view, countdown: null, onStop: () => undefined });
      stage.announce(t("countdown.stopped"));
    };
    if (wait === null) {
      stage.ended({ ...view, countdown: null, onStop: stop });
      return;
    }
    this.#attempt += 1;
    const total = wait / 1000;
    const show = stage.ended({ ...view, countdown: { seconds: total, total }, onStop: stop });
    this.#count(wait, show);
  }

  #count(waitMs: number, show: (seconds: number) => void): void {
    const due = Date.now() + waitMs;
    const tick = () => {
      const left = due - Date.now();
      show(left / 1000);
      if (left <= 0) {
        this.connect();
      }
    };
    this.#countdown = window.setInterval(tick, TICK_MS);
    tick();
  }

  #stopCountdown(): void {
    if (this.#countdown !== null) {
      window.clearInterval(this.#countdown);
      this.#countdown = null;
    }
  }

  /** The network is back, or the person is: no reason to wait the countdown out. */
  #hurry(): void {
    if (this.#countdown !== null && navigator.onLine) {
      this.connect();
    }
  }

  #rename(name: string): void {
    const { desk } = this.#parts;
    if (name !== "" && name !== desk.name) {
      desk.name = name;
      document.title = name;
      desk.changed();
    }
  }
}

/** Keeps the last picture behind the message, so that people see where they were. */
function freeze(screen: HTMLElement, canvas: HTMLCanvasElement): void {
  thaw(screen);
  const still = document.createElement("div");
  still.className = "still";
  still.setAttribute("aria-hidden", "true");
  still.append(canvas);
  screen.append(still);
}

function thaw(screen: HTMLElement): void {
  screen.querySelector(".still")?.remove();
}
