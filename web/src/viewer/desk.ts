// The open desktop as the controls see it: its settings, who may change them, and noVNC beneath.

import type RFB from "@novnc/novnc";
import type { Role } from "../ui/fields-of.ts";
import { browser } from "../ui/storage.ts";
import { OPEN, type Policy } from "./policy.ts";
import { mayControl, NOBODY, otherController, type Presence } from "./presence.ts";
import { toStored, type Settings } from "./settings.ts";

export interface Traffic {
  received: number;
  sent: number;
}

/** Tells its listeners whenever something that controls show has changed. */
export class Desk {
  readonly settings: Settings;
  rfb: RFB | null = null;
  name = "";
  /** The name is the gateway's, not the desktop's own. */
  titled = false;
  policy: Policy = { ...OPEN };
  presence: Presence = NOBODY;
  role: Role = "control";
  /** Links to watch can be made here. */
  links = false;
  linksMaxS: number | null = null;
  /** There is a sign-in to forget. */
  signOut = false;
  connectedAt: number | null = null;
  roundTripMs: number | null = null;
  /** Says something to the gateway, if it listens. */
  tell: (message: Record<string, string>) => void = () => undefined;
  traffic: () => Traffic = () => ({ received: 0, sent: 0 });

  readonly #storageKey: string;
  readonly #listeners: (() => void)[] = [];

  constructor(settings: Settings, storageKey: string) {
    this.settings = settings;
    this.#storageKey = storageKey;
  }

  /** Why keyboard and mouse stay here: the gateway, somebody else in control, one's own wish. */
  get watching(): "gateway" | "other" | "own" | null {
    if (!this.mayControl) {
      return "gateway";
    }
    if (otherController(this.presence) !== null) {
      return "other";
    }
    if (this.policy.viewOnly) {
      return "gateway";
    }
    return this.settings.view_only ? "own" : null;
  }

  /** Whether the person could control, whoever does at the moment. */
  get mayControl(): boolean {
    return mayControl(this.presence) ?? !this.policy.viewOnly;
  }

  get viewOnly(): boolean {
    return this.watching !== null;
  }

  /** The picture's size in the desktop's own pixels. */
  get canvas(): HTMLCanvasElement | null {
    return this.rfb === null ? null : document.querySelector("#screen canvas");
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  changed(): void {
    for (const listener of this.#listeners) {
      listener();
    }
  }

  /** Takes a setting over, remembers it and applies it to the running session. */
  set<Name extends keyof Settings>(name: Name, value: Settings[Name]): void {
    this.settings[name] = value;
    browser.keep(this.#storageKey, toStored(this.settings));
    this.apply();
  }

  /** Brings noVNC in line with the settings. */
  apply(): void {
    const { rfb, settings, policy } = this;
    if (rfb !== null) {
      rfb.viewOnly = this.viewOnly;
      rfb.clipViewport = settings.view_clip;
      const remote = settings.resize === "remote" && policy.resize;
      // Where the desktop may not follow the window, the picture does.
      rfb.scaleViewport = settings.resize === "scale" || (settings.resize === "remote" && !remote);
      rfb.resizeSession = remote;
      rfb.qualityLevel = Math.min(settings.quality, policy.qualityMax);
      rfb.compressionLevel = settings.compression;
      rfb.showDotCursor = settings.show_dot;
      rfb.dragViewport &&= rfb.clippingViewport;
    }
    this.changed();
  }
}
