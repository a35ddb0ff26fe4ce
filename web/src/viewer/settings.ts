// The viewer's settings: noVNC's URL parameters, what the person chose before, and the defaults.
// The fragment beats the query, the query beats the stored choice, that beats the default.

export type Resize = "off" | "scale" | "remote";
export type Logging = "error" | "warn" | "none" | "debug" | "info";

export interface Settings {
  autoconnect: boolean;
  reconnect: boolean;
  /** Milliseconds before the first new attempt; null lets the viewer choose. */
  reconnect_delay: number | null;
  resize: Resize;
  view_only: boolean;
  view_clip: boolean;
  shared: boolean;
  quality: number;
  compression: number;
  show_dot: boolean;
  bell: boolean;
  logging: Logging;
  keep_device_awake: boolean;
  /** Where the WebSocket is, relative to the page; may carry a query of its own. */
  path: string;
  repeaterID: string;
  token: string | null;
  password: string | null;
  /** Whether the two clipboards are kept the same without being asked. */
  clipboard_auto: boolean;
}

/** A parameter that was not followed; the page says why. */
export type Refused = "password-in-query" | "foreign-address" | "path-outside";

export interface ReadSettings {
  settings: Settings;
  refused: Refused[];
  /** What the query holds besides settings, for the gateway (`$arg_name`). */
  passedOn: [string, string][];
}

export const DEFAULTS: Readonly<Settings> = {
  autoconnect: true,
  reconnect: true,
  reconnect_delay: null,
  resize: "scale",
  view_only: false,
  view_clip: false,
  shared: true,
  quality: 6,
  compression: 2,
  show_dot: false,
  bell: true,
  logging: "warn",
  keep_device_awake: false,
  path: "websockify",
  repeaterID: "",
  token: null,
  password: null,
  clipboard_auto: true,
};

/** What may be remembered: choices of taste, never an address, a token or a password. */
export const REMEMBERED = [
  "resize",
  "view_clip",
  "quality",
  "compression",
  "show_dot",
  "bell",
  "clipboard_auto",
] as const satisfies readonly (keyof Settings)[];

/** Parameters that belong to the page itself and never reach the gateway. */
const OWN = new Set<string>([...Object.keys(DEFAULTS), "host", "port", "encrypt", "lang", "theme"]);

const FOREIGN_ADDRESS = ["host", "port", "encrypt"];
const RECONNECT_DELAY_MAX_MS = 3_600_000;

/** Reads the settings from the page's address and from `stored`, the JSON kept for this page. */
export function readSettings(page: URL, stored: string | null): ReadSettings {
  const query = page.searchParams;
  const fragment = new URLSearchParams(page.hash.replace(/^#/, ""));
  const values = new Map<string, string>(Object.entries(parseStored(stored)));
  for (const [name, value] of [...query, ...fragment]) {
    values.set(name, value);
  }
  const settings = parse(values);
  settings.password = fragment.get("password");
  settings.token = fragment.get("token") ?? query.get("token");
  return {
    settings,
    refused: refusals(query, fragment),
    passedOn: [...query].filter(([name]) => !OWN.has(name)),
  };
}

/** What to keep of `settings` for the next visit. */
export function toStored(settings: Settings): string {
  return JSON.stringify(Object.fromEntries(REMEMBERED.map((name) => [name, settings[name]])));
}

function refusals(query: URLSearchParams, fragment: URLSearchParams): Refused[] {
  const refused: Refused[] = [];
  if (query.has("password")) {
    refused.push("password-in-query");
  }
  if (FOREIGN_ADDRESS.some((name) => query.get(name) || fragment.get(name))) {
    refused.push("foreign-address");
  }
  return refused;
}

function parse(values: Map<string, string>): Settings {
  const flag = (name: keyof Settings, otherwise: boolean) => parseFlag(values.get(name), otherwise);
  const level = (name: keyof Settings, otherwise: number) =>
    parseInteger(values.get(name), 0, 9) ?? otherwise;
  return {
    autoconnect: flag("autoconnect", DEFAULTS.autoconnect),
    reconnect: flag("reconnect", DEFAULTS.reconnect),
    reconnect_delay: parseInteger(values.get("reconnect_delay"), 0, RECONNECT_DELAY_MAX_MS),
    resize: oneOf(values.get("resize"), ["off", "scale", "remote"], DEFAULTS.resize),
    view_only: flag("view_only", DEFAULTS.view_only),
    view_clip: flag("view_clip", DEFAULTS.view_clip),
    shared: flag("shared", DEFAULTS.shared),
    quality: level("quality", DEFAULTS.quality),
    compression: level("compression", DEFAULTS.compression),
    show_dot: flag("show_dot", DEFAULTS.show_dot),
    bell: flag("bell", DEFAULTS.bell),
    logging: oneOf(
      values.get("logging"),
      ["error", "warn", "none", "debug", "info"],
      DEFAULTS.logging,
    ),
    keep_device_awake: flag("keep_device_awake", DEFAULTS.keep_device_awake),
    path: values.get("path") ?? DEFAULTS.path,
    repeaterID: values.get("repeaterID") ?? DEFAULTS.repeaterID,
    token: null,
    password: null,
    clipboard_auto: flag("clipboard_auto", DEFAULTS.clipboard_auto),
  };
}

/** As noVNC: `1`, `true`, `on`, `yes` and a bare name are true; their opposites are false. */
function parseFlag(text: string | undefined, otherwise: boolean): boolean {
  switch (text?.toLowerCase()) {
    case undefined:
      return otherwise;
    case "":
    case "1":
    case "true":
    case "on":
    case "yes":
      return true;
    case "0":
    case "false":
    case "off":
    case "no":
      return false;
    default:
      return otherwise;
  }
}

function parseInteger(text: string | undefined, min: number, max: number): number | null {
  if (text === undefined || !/^\d{1,7}$/.test(text)) {
    return null;
  }
  return Math.min(Math.max(Number(text), min), max);
}

function oneOf<T extends string>(text: string | undefined, known: T[], otherwise: T): T {
  return known.find((word) => word === text) ?? otherwise;
}

/** The stored choices as the texts that a link would carry, so that both are read alike. */
function parseStored(stored: string | null): Record<string, string> {
  let kept: unknown;
  try {
    kept = JSON.parse(stored ?? "{}");
  } catch {
    return {};
  }
  if (typeof kept !== "object" || kept === null) {
    return {};
  }
  const values = Object.entries(kept).filter(([name]) => (REMEMBERED as readonly string[]).includes(name));
  return Object.fromEntries(values.map(([name, value]) => [name, String(value)]));
}
