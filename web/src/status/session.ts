// A live session as the gateway lists it, read with care and compared for the table.

import { FieldsOf, roleOf, type Role } from "../ui/fields-of.ts";

export interface Session {
  id: string;
  user: string;
  desktop: string;
  title: string;
  target: string;
  client: string;
  /** Unix time in seconds. */
  started: number | null;
  durationS: number;
  bytesDown: number;
  bytesUp: number;
  /** Seconds since the last key or click; null if there was none. */
  lastInputS: number | null;
  /** The picture is shown; before that, the two sides shake hands. */
  connected: boolean;
  viewOnly: boolean;
  controls: boolean;
  recorded: boolean;
  rttMs: number | null;
}

export interface SessionList {
  role: Role;
  user: string;
  signOut: boolean;
  sessions: Session[];
}

/** Reads the gateway's answer: a list, or an object with the list in `sessions`. */
export function readSessions(answer: unknown): SessionList | null {
  const fields = new FieldsOf(answer);
  const list = Array.isArray(answer) ? answer : fields.list("sessions");
  if (list === null) {
    return null;
  }
  return {
    role: roleOf(fields),
    user: fields.text("user"),
    signOut: fields.flag("sign_out"),
    sessions: list.map(readSession).filter((one) => one !== null),
  };
}

/** One session; null if it has no name. */
export function readSession(value: unknown): Session | null {
  const fields = new FieldsOf(value);
  const id = fields.id("id");
  if (id === "") {
    return null;
  }
  return {
    id,
    user: fields.text("user"),
    desktop: fields.text("desktop"),
    title: fields.text("title"),
    target: fields.text("target"),
    client: fields.text("client"),
    started: fields.number("started"),
    durationS: fields.number("duration_s") ?? 0,
    bytesDown: fields.number("bytes_down") ?? 0,
    bytesUp: fields.number("bytes_up") ?? 0,
    lastInputS: fields.number("last_input_s"),
    connected: fields.flagOr("connected", true),
    viewOnly: fields.flag("view_only"),
    controls: fields.flag("controls"),
    recorded: fields.flag("recorded"),
    rttMs: fields.number("rtt_ms"),
  };
}

/** What people call the desktop of a session. */
export function nameOf({ title, desktop, target }: Session): string {
  return title || desktop || target;
}

/** Whether each word of `search` is somewhere in what the table shows as text. */
export function matches(session: Session, search: string): boolean {
  const { user, desktop, title, target, client, id } = session;
  const all = [user, desktop, title, target, client, id].join("\n").toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

export type SortKey = "desktop" | "user" | "client" | "duration" | "input" | "traffic" | "rtt";

/** The order of two sessions by `key`; those without a value come last. */
export function compare(key: SortKey, a: Session, b: Session): number {
  switch (key) {
    case "desktop":
      return byText(nameOf(a), nameOf(b));
    case "user":
      return byText(a.user, b.user);
    case "client":
      return byText(a.client, b.client);
    case "duration":
      return a.durationS - b.durationS;
    case "input":
      return byNumber(a.lastInputS, b.lastInputS);
    case "traffic":
      return a.bytesDown + a.bytesUp - (b.bytesDown + b.bytesUp);
    case "rtt":
      return byNumber(a.rttMs, b.rttMs);
  }
}

// One collator for all: making one for each comparison is what is slow about them.
const collator = new Intl.Collator(undefined, { numeric: true });

function byText(a: string, b: string): number {
  return Number(a === "") - Number(b === "") || collator.compare(a, b);
}

function byNumber(a: number | null, b: number | null): number {
  return (a ?? Number.MAX_VALUE) - (b ?? Number.MAX_VALUE);
}
