// Asks the gateway, always below the page's own folder, and says in a few kinds how it went.

import { t } from "./language.ts";

export type Answer<T> =
  | { kind: "ok"; value: T }
  /** Not signed in any more. */
  | { kind: "signin" }
  | { kind: "denied" }
  | { kind: "gone" }
  /** No answer at all. */
  | { kind: "network" }
  /** An answer that is not what was asked for. */
  | { kind: "answer" }
  | { kind: "server"; status: number; error: string };

const TIMEOUT_MS = 10_000;

/** Fetches JSON; `read` makes of it what is wanted, or null. */
export async function getJson<T>(path: string, read: (body: unknown) => T | null): Promise<Answer<T>> {
  const response = await ask(path, { headers: { Accept: "application/json" } });
  const failed = await failure(response);
  if (failed !== null || response === null) {
    return failed ?? { kind: "network" };
  }
  const value = read(await response.json().catch(() => null));
  return value === null ? { kind: "answer" } : { kind: "ok", value };
}

/** Sends a form; the value is the JSON of the answer, if it has any. */
export async function postForm(
  path: string,
  fields: Record<string, string>,
): Promise<Answer<unknown>> {
  const response = await ask(path, { method: "POST", body: new URLSearchParams(fields) });
  const failed = await failure(response);
  if (failed !== null || response === null) {
    return failed ?? { kind: "network" };
  }
  return { kind: "ok", value: await response.json().catch(() => null) };
}

/** A sentence for what is not "ok"; the gateway's own words where it has some. */
export function explain(answer: Answer<unknown>): string {
  switch (answer.kind) {
    case "ok":
      return "";
    case "server":
      return answer.error || t("error.server", { status: answer.status });
    default:
      return t(`error.${answer.kind}`);
  }
}

async function failure(response: Response | null): Promise<Answer<never> | null> {
  if (response === null) {
    return { kind: "network" };
  }
  if (response.ok) {
    return null;
  }
  const { status } = response;
  switch (status) {
    case 401:
      return { kind: "signin" };
    case 403:
      return { kind: "denied" };
    case 404:
    case 410:
      return { kind: "gone" };
    default:
      return { kind: "server", status, error: errorOf(await response.json().catch(() => null)) };
  }
}

function errorOf(body: unknown): string {
  const said = typeof body === "object" && body !== null && "error" in body ? body.error : null;
  return typeof said === "string" ? said : "";
}

/** The answer, or null if none came in time. */
async function ask(path: string, options: RequestInit): Promise<Response | null> {
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), TIMEOUT_MS);
  try {
    const common: RequestInit = { cache: "no-store", credentials: "same-origin" };
    return await fetch(path, { ...common, ...options, signal: timeout.signal });
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
