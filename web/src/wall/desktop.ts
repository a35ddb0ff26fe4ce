// A desktop of the wall as the gateway lists it: read with care, grouped and searched.

import { FieldsOf, roleOf, type Role } from "../ui/fields-of.ts";

export type State = "in-use" | "free" | "failed" | "unknown";

export interface Viewing {
  user: string;
  /** Unix time in seconds. */
  since: number | null;
  viewOnly: boolean;
}

export interface DesktopTile {
  name: string;
  title: string;
  /** Where it stands on the wall: the first of its groups. */
  group: string;
  groups: string[];
  role: Role;
  state: State;
  /** Why it failed, in the gateway's words. */
  reason: string;
  sessions: Viewing[];
  thumbnail: boolean;
  recorded: boolean;
}

export interface WallList {
  user: string;
  signOut: boolean;
  desktops: DesktopTile[];
}

const STATES: readonly State[] = ["in-use", "free", "failed", "unknown"];

/** Reads the gateway's answer; null if it is none. */
export function readWall(answer: unknown): WallList | null {
  const fields = new FieldsOf(answer);
  const list = fields.list("desktops");
  if (list === null) {
    return null;
  }
  return {
    user: fields.text("user"),
    signOut: fields.flag("sign_out"),
    desktops: list.map(readDesktop).filter((one) => one !== null),
  };
}

function readDesktop(value: unknown): DesktopTile | null {
  const fields = new FieldsOf(value);
  const name = fields.id("name");
  if (name === "") {
    return null;
  }
  const groups = (fields.list("groups") ?? []).filter((group) => typeof group === "string");
  const sessions = (fields.list("sessions") ?? []).map((session) => {
    const about = new FieldsOf(session);
    const since = about.number("since");
    return { user: about.text("user"), since, viewOnly: about.flag("view_only") };
  });
  return {
    name,
    title: fields.text("title") || name,
    group: fields.text("group") || (groups[0] ?? ""),
    groups,
    role: roleOf(fields),
    state: STATES.find((state) => state === fields.text("state")) ?? "unknown",
    reason: fields.text("reason"),
    sessions,
    thumbnail: fields.flag("thumbnail"),
    recorded: fields.flag("recorded"),
  };
}

/** Where a desktop is: its folder, relative to the wall. */
export function folderOf({ name }: DesktopTile): string {
  return `${encodeURIComponent(name)}/`;
}

export type Filter = "all" | "free" | "in-use";

/** Whether a desktop is to be shown: it passes the filter, and has each word of the search. */
export function matches(desktop: DesktopTile, search: string, filter: Filter): boolean {
  if (filter === "in-use" && desktop.state !== "in-use") {
    return false;
  }
  if (filter === "free" && desktop.state === "in-use") {
    return false;
  }
  const users = desktop.sessions.map(({ user }) => user);
  const { name, title, group, groups } = desktop;
  const all = [name, title, group, ...groups, ...users].join("\n").toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

/** The desktops by group; the groups and what is in them in order, the nameless group last. */
export function grouped(desktops: DesktopTile[]): { group: string; desktops: DesktopTile[] }[] {
  const collator = new Intl.Collator(undefined, { numeric: true });
  const groups = new Map<string, DesktopTile[]>();
  for (const desktop of desktops) {
    const list = groups.get(desktop.group);
    if (list === undefined) {
      groups.set(desktop.group, [desktop]);
    } else {
      list.push(desktop);
    }
  }
  const names = [...groups.keys()].sort(
    (a, b) => Number(a === "") - Number(b === "") || collator.compare(a, b),
  );
  return names.map((group) => ({
    group,
    desktops: (groups.get(group) ?? []).sort((a, b) => collator.compare(a.title, b.title)),
  }));
}
