// A live session as the gateway lists it, read with care and compared for the table.

export interface Session {
  id: string;
  user: string;
  desktop: string;
  target: string;
  client: string;
  /** Unix time in seconds. */
  started: number | null;
  durationS: number;
  bytesDown: number;
  bytesUp: number;
  /** Seconds since the last key or click; null if there was none. */
  lastInputS: number | null;
  viewOnly: boolean;
  rttMs: number | null;
}

/** Reads the gateway's answer: a list, or an object with the list in `sessions`. */
export function readSessions(answer: unknown): Session[] | null {
  const wrapped = typeof answer === "object" && answer !== null && "sessions" in answer;
  const list = wrapped ? answer.sessions : answer;
  return Array.isArray(list) ? list.map(readSession).filter((one) => one !== null) : null;
}

function readSession(value: unknown): Session | null {
  if (typeof value !== "object" || value === null) {
    return null;
  }
  const fields = value as Record<string, unknown>;
  const id = fields["id"];
  if (typeof id !== "string" && typeof id !== "number") {
    return null;
  }
  const text = (name: string) => (typeof fields[name] === "string" ? fields[name] : "");
  const number = (name: string) => {
    const found = fields[name];
    return typeof found === "number" && Number.isFinite(found) ? found : null;
  };
  return {
    id: String(id),
    user: text("user"),
    desktop: text("desktop"),
    target: text("target"),
    client: text("client"),
    started: number("started"),
    durationS: number("duration_s") ?? 0,
    bytesDown: number("bytes_down") ?? 0,
    bytesUp: number("bytes_up") ?? 0,
    lastInputS: number("last_input_s"),
    viewOnly: fields["view_only"] === true,
    rttMs: number("rtt_ms"),
  };
}

/** Whether each word of `search` is somewhere in what the table shows as text. */
export function matches(session: Session, search: string): boolean {
  const { user, desktop, target, client, id } = session;
  const all = [user, desktop, target, client, id].join("\n").toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

export type SortKey = "desktop" | "user" | "client" | "duration" | "input" | "traffic" | "rtt";

/** The order of two sessions by `key`; those without a value come last. */
export function compare(key: SortKey, a: Session, b: Session): number {
  const text = (x: string, y: string) =>
    Number(x === "") - Number(y === "") || x.localeCompare(y, undefined, { numeric: true });
  const number = (x: number | null, y: number | null) =>
    (x ?? Number.MAX_VALUE) - (y ?? Number.MAX_VALUE);
  switch (key) {
    case "desktop":
      return text(a.desktop || a.target, b.desktop || b.target);
    case "user":
      return text(a.user, b.user);
    case "client":
      return text(a.client, b.client);
    case "duration":
      return a.durationS - b.durationS;
    case "input":
      return number(a.lastInputS, b.lastInputS);
    case "traffic":
      return a.bytesDown + a.bytesUp - (b.bytesDown + b.bytesUp);
    case "rtt":
      return number(a.rttMs, b.rttMs);
  }
}
