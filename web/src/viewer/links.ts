// Links for watching this desktop: made, listed and taken back, below the desktop's own folder.

import { FieldsOf } from "../ui/fields-of.ts";
import { getJson, postForm, type Answer } from "../ui/gateway.ts";
import type { Endpoint } from "./endpoint.ts";

export interface WatchLink {
  id: string;
  /** Unix time in seconds. */
  expires: number | null;
  uses: number;
}

export class Links {
  readonly #folder: URL;
  readonly #query: string;

  constructor(endpoint: Endpoint) {
    const session = new URL(endpoint.session);
    this.#folder = new URL("./", session);
    this.#folder.search = "";
    // Whatever let the page in lets it ask.
    this.#query = session.search;
  }

  list(): Promise<Answer<WatchLink[]>> {
    return getJson(this.#at("api/links"), readLinks);
  }

  /** The whole address of a new link. */
  async make(minutes: number): Promise<Answer<string>> {
    const answer = await postForm(this.#at("api/links"), { minutes: String(minutes) });
    if (answer.kind !== "ok") {
      return answer;
    }
    const url = linkOf(new FieldsOf(answer.value).text("url"), this.#folder);
    return url === null ? { kind: "answer" } : { kind: "ok", value: url };
  }

  revoke(id: string): Promise<Answer<unknown>> {
    return postForm(this.#at("api/links/revoke"), { id });
  }

  #at(path: string): string {
    const url = new URL(path, this.#folder);
    url.search = this.#query;
    return url.href;
  }
}

const MINUTES = [15, 60, 480, 1440];

/** How long a link may be asked for, where the gateway lets it be open for `maxS` seconds. */
export function minutesUpTo(maxS: number | null): number[] {
  const most = maxS === null ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(maxS / 60));
  const fit = MINUTES.filter((minutes) => minutes <= most);
  return fit.length > 0 ? fit : [most];
}

/** The address to hand on; null if it would lead elsewhere than to this desktop. */
export function linkOf(relative: string, folder: URL): string | null {
  if (relative === "") {
    return null;
  }
  const url = new URL(relative, folder);
  return url.origin === folder.origin && url.pathname === folder.pathname ? url.href : null;
}

export function readLinks(answer: unknown): WatchLink[] | null {
  const list = Array.isArray(answer) ? answer : new FieldsOf(answer).list("links");
  return (
    list
      ?.map((value) => {
        const fields = new FieldsOf(value);
        const id = fields.id("id");
        return { id, expires: fields.number("expires"), uses: fields.number("uses") ?? 0 };
      })
      .filter(({ id }) => id !== "") ?? null
  );
}
