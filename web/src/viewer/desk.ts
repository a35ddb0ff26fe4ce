// The open desktop as the controls see it: its settings, who may change them, and noVNC beneath.

import type RFB from "@novnc/novnc";
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
  /** The gateway forbids input, so that the person's own wish does not matter. */
  viewOnlyLocked = false;
  connectedAt: number | null = null;
  roundTripMs: number | null = null;
  traffic: () => Traffic = () => ({ received: 0, sent: 0 });

  readonly #storageKey: string;
  readonly #listeners: (() => void)[] = [];

  constructor(settings: Settings, storageKey: string) {
    this.settings = settings;
    this.#storageKey = storageKey;
  }

  get viewOnly(): boolean {
    return this.viewOnlyLocked || this.settings.view_only;
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
    try {
      localStorage.setItem(this.#storageKey, toStored(this.settings));
    } catch {
      // Storage may be switched off or full; the setting then lasts as long as the page.
    }
    this.apply();
  }

  /** Brings noVNC in line with the settings. */
  apply(): void {
    const { rfb, settings } = this;
    if (rfb !== null) {
      rfb.viewOnly = this.viewOnly;
      rfb.clipViewport = settings.view_clip;
      rfb.scaleViewport = settings.resize === "scale";
      rfb.resizeSession = settings.resize === "remote";
      rfb.qualityLevel = settings.quality;
      rfb.compressionLevel = settings.compression;
      rfb.showDotCursor = settings.show_dot;
      rfb.dragViewport &&= rfb.clippingViewport;
    }
    this.changed();
  }
}
