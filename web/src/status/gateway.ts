// What the status page asks of the gateway, always below its own folder.

import { readSessions, type Session } from "./session.ts";

export type List =
  | { kind: "sessions"; sessions: Session[] }
  | { kind: "denied" }
  | { kind: "network" }
  | { kind: "answer" }
  | { kind: "server"; status: number };

export type Cut = { kind: "done" | "gone" | "denied" } | { kind: "failed"; status: number };

const TIMEOUT_MS = 10_000;

export async function listSessions(): Promise<List> {
  const response = await ask("sessions.json", { headers: { Accept: "application/json" } });
  if (response === null) {
    return { kind: "network" };
  }
  if (response.status === 401 || response.status === 403) {
    return { kind: "denied" };
  }
  if (!response.ok) {
    return { kind: "server", status: response.status };
  }
  const answer = (await response.json().catch(() => null)) as { sessions?: unknown } | null;
  const sessions = readSessions(answer?.sessions ?? null);
  return sessions === null ? { kind: "answer" } : { kind: "sessions", sessions };
}

export async function cutSession(id: string): Promise<Cut> {
  const response = await ask("cut", { method: "POST", body: new URLSearchParams({ id }) });
  switch (response?.status) {
    case 401:
    case 403:
      return { kind: "denied" };
    case 404:
    case 410:
      return { kind: "gone" };
    default:
      return response?.ok ? { kind: "done" } : { kind: "failed", status: response?.status ?? 0 };
  }
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
