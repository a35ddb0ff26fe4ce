// Who looks at this desktop and who controls it, and what of it has changed.

import { FieldsOf } from "../ui/fields-of.ts";

export interface Person {
  id: string;
  user: string;
  client: string;
  viewOnly: boolean;
  controls: boolean;
  /** Unix time in seconds. */
  since: number | null;
}

export interface Presence {
  /** This page's own id; empty before the gateway has said it. */
  you: string;
  people: Person[];
  /** The only one who controls; null if everybody does who may. */
  controller: string | null;
  /** So many more than are listed. */
  more: number;
}

export const NOBODY: Readonly<Presence> = { you: "", people: [], controller: null, more: 0 };

export function readPresence(fields: FieldsOf): Presence {
  const people = (fields.list("viewers") ?? []).map((value) => {
    const about = new FieldsOf(value);
    return {
      id: about.id("id"),
      user: about.text("user"),
      client: about.text("client"),
      viewOnly: about.flag("view_only"),
      controls: about.flag("controls"),
      since: about.number("since"),
    };
  });
  const controller = fields.id("controller") || null;
  return { you: fields.id("you"), people, controller, more: fields.number("more") ?? 0 };
}

export function others({ you, people }: Presence): Person[] {
  return people.filter(({ id }) => id !== you);
}

/** The one who controls alone, unless it is this page. */
export function otherController({ you, people, controller }: Presence): Person | null {
  if (controller === null || controller === you) {
    return null;
  }
  const known = people.find(({ id }) => id === controller);
  return known ?? { id: controller, user: "", client: "", viewOnly: false, controls: true, since: null };
}

/** Whether this page could control if nobody else did; null before the gateway has said so. */
export function mayControl({ you, people }: Presence): boolean | null {
  const me = people.find(({ id }) => id === you);
  return me === undefined ? null : !me.viewOnly;
}

export type Change =
  | { what: "joined" | "left" | "controls"; who: Person }
  | { what: "mine" | "everybody" }
  | { what: "company"; count: number };

/** What a person wants to know of a new list. */
export function changesOf(before: Presence, after: Presence): Change[] {
  const found: Change[] = [];
  if (before.you === "") {
    const count = others(after).length;
    if (count > 0) {
      found.push({ what: "company", count });
    }
  } else {
    const had = new Set(before.people.map(({ id }) => id));
    const has = new Set(after.people.map(({ id }) => id));
    found.push(
      ...others(after)
        .filter(({ id }) => !had.has(id))
        .map((who) => ({ what: "joined", who }) as const),
      ...others(before)
        .filter(({ id }) => !has.has(id))
        .map((who) => ({ what: "left", who }) as const),
    );
  }
  if (before.controller !== after.controller) {
    const other = otherController(after);
    if (other !== null) {
      found.push({ what: "controls", who: other });
    } else {
      found.push({ what: after.controller === null ? "everybody" : "mine" });
    }
  }
  return found;
}
