// A live session as the gateway lists it, read with care.

import { FieldsOf } from "../ui/fields-of.ts";
import { readListing, type Listing } from "../ui/listing.ts";
import { hasWords } from "../ui/search.ts";

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

export const readSessions = (answer: unknown): Listing<Session> | null =>
  readListing(answer, "sessions", readSession);

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

/** Whether a session is what is searched for. */
export function matches(session: Session, search: string): boolean {
  const { user, desktop, title, target, client, id } = session;
  return hasWords(search, [user, desktop, title, target, client, id]);
}

// One collator for all: making one for each comparison is what is slow about them.
const collator = new Intl.Collator(undefined, { numeric: true });

/** The order of two texts; a missing one comes last. */
export function byText(a: string, b: string): number {
  return Number(a === "") - Number(b === "") || collator.compare(a, b);
}

/** The order of two numbers; a missing one comes last. */
export function byNumber(a: number | null, b: number | null): number {
  return (a ?? Number.MAX_VALUE) - (b ?? Number.MAX_VALUE);
}
