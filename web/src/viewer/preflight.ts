// Asks the gateway about the session before the WebSocket: JavaScript never sees the HTTP status of
// a failed upgrade. A server that knows no `./session`, such as websockify, is simply gone on with.

import { FieldsOf, roleOf, type Role } from "../ui/fields-of.ts";
import { OPEN, readPolicy, type Policy } from "./policy.ts";

/** What a session may do, as far as the gateway says. */
export interface Terms {
  title: string;
  role: Role;
  policy: Policy;
  links: boolean;
  /** The longest that a link may be open, if the gateway says it. */
  linksMaxS: number | null;
  signOut: boolean;
}

export interface Refused {
  title: string;
  code: number | null;
  reason: string;
  /** The session may be asked for again, at the cost of whoever is there. */
  takeOver: boolean;
  /** Who that is, if it is known. */
  by: string;
}

export type Preflight =
  | { status: "unknown"; httpStatus: number | null }
  | { status: "ok"; terms: Terms }
  | { status: "refused"; refused: Refused };

const TIMEOUT_MS = 15_000;

/** Fetches `url`; gives up, as "unknown", when `signal` fires or nothing sensible comes. */
export async function askSession(url: string, signal: AbortSignal): Promise<Preflight> {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), TIMEOUT_MS);
  const stop = () => timeout.abort();
  signal.addEventListener("abort", stop);
  try {
    const response = await fetch(url, {
      // Only so does the browser say of which address the page is.
      method: "POST",
      cache: "no-store",
      credentials: "same-origin",
      headers: { Accept: "application/json" },
      signal: timeout.signal,
    });
    const body: unknown = await response.json().catch(() => null);
    return readAnswer(response.status, body);
  } catch {
    return { status: "unknown", httpStatus: null };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

/** Judges the answer; anything that is not the gateway's JSON counts as no answer. */
export function readAnswer(httpStatus: number, body: unknown): Preflight {
  const fields = new FieldsOf(body);
  const title = fields.text("title");
  switch (fields.text("status")) {
    case "ok": {
      const policy = readPolicy(fields, fields.object("policy"), OPEN);
      // Without a word about roles, everybody is an ordinary user.
      const role = fields.has("role") ? roleOf(fields) : "control";
      const terms = {
        title,
        role,
        policy,
        links: fields.flag("links"),
        linksMaxS: fields.number("links_max_s"),
        signOut: fields.flag("sign_out"),
      };
      return { status: "ok", terms };
    }
    case "refused": {
      const refused = {
        title,
        code: fields.number("code") ?? 4000 + httpStatus,
        reason: fields.text("reason"),
        takeOver: fields.flag("take_over"),
        by: fields.text("by"),
      };
      return { status: "refused", refused };
    }
    default:
      return { status: "unknown", httpStatus };
  }
}
