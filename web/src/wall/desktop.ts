// A desktop of the wall as the gateway lists it: read with care, grouped and searched.

import { FieldsOf, roleOf, type Role } from "../ui/fields-of.ts";
import { readListing, type Listing } from "../ui/listing.ts";
import { hasWords } from "../ui/search.ts";

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
  /** It stands on the wall with each of them; the nameless group if there is none. */
  groups: string[];
  role: Role;
  state: State;
  /** Why it failed, in the gateway's words. */
  reason: string;
  sessions: Viewing[];
  thumbnail: boolean;
  recorded: boolean;
}

const STATES: readonly State[] = ["in-use", "free", "failed", "unknown"];

export const readWall = (answer: unknown): Listing<DesktopTile> | null =>
  readListing(answer, "desktops", readDesktop);

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
    groups: groups.length === 0 ? [fields.text("group")] : groups,
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
  const { name, title, groups } = desktop;
  return hasWords(search, [name, title, ...groups, ...users]);
}

/** The desktops by group, each with all of its groups; all in order, the nameless group last. */
export function grouped(desktops: DesktopTile[]): { group: string; desktops: DesktopTile[] }[] {
  const collator = new Intl.Collator(undefined, { numeric: true });
  const groups = new Map<string, DesktopTile[]>();
  for (const desktop of desktops) {
    for (const group of new Set(desktop.groups)) {
      const inside = groups.get(group);
      if (inside === undefined) {
        groups.set(group, [desktop]);
      } else {
        inside.push(desktop);
      }
    }
  }
  const found = [...groups].map(([group, inside]) => ({
    group,
    desktops: inside.sort((a, b) => collator.compare(a.title, b.title)),
  }));
  return found.sort(
    (a, b) => Number(a.group === "") - Number(b.group === "") || collator.compare(a.group, b.group),
  );
}
