// Asks the gateway about the session before the WebSocket: JavaScript never sees the HTTP status of
// a failed upgrade. A server that knows no `./session`, such as websockify, is simply gone on with.

export type Preflight =
  | { status: "unknown"; httpStatus: number | null }
  | { status: "ok"; title: string; viewOnly: boolean }
  | { status: "refused"; title: string; code: number | null; reason: string };

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
  if (typeof body !== "object" || body === null || !("status" in body)) {
    return { status: "unknown", httpStatus };
  }
  const answer = body as Record<string, unknown>;
  const title = typeof answer["title"] === "string" ? answer["title"] : "";
  if (answer["status"] === "refused") {
    const code = typeof answer["code"] === "number" ? answer["code"] : 4000 + httpStatus;
    const reason = typeof answer["reason"] === "string" ? answer["reason"] : "";
    return { status: "refused", title, code, reason };
  }
  if (answer["status"] === "ok") {
    return { status: "ok", title, viewOnly: answer["view_only"] === true };
  }
  return { status: "unknown", httpStatus };
}
