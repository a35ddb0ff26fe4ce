// Where the viewer connects to: always its own gateway, below the folder that the page came from.

import type { ReadSettings } from "./settings.ts";

export interface Endpoint {
  /** For `new WebSocket`. */
  socket: string;
  /** Asked first: whether, how and as what the session may be opened. */
  session: string;
  /** False if the link named a path outside the page's folder, so that the usual one is used. */
  pathHonoured: boolean;
}

/** Derives the addresses from the page's own address and its settings. */
export function endpointOf(page: URL, { settings, passedOn }: ReadSettings): Endpoint {
  const folder = new URL("./", withoutQuery(page));
  const asked = resolveInside(settings.path, page, folder);
  const socket = asked ?? new URL("websockify", folder);
  for (const [name, value] of passedOn) {
    socket.searchParams.append(name, value);
  }
  if (settings.token !== null) {
    socket.searchParams.set("token", settings.token);
  }
  const session = new URL("session", folder);
  session.search = socket.search;
  socket.protocol = page.protocol === "https:" ? "wss:" : "ws:";
  return { socket: socket.href, session: session.href, pathHonoured: asked !== null };
}

/** The same, with the wish to end the session of whoever is there. */
export function takingOver(endpoint: Endpoint): Endpoint {
  const asking = (address: string) => {
    const url = new URL(address);
    url.searchParams.set("take_over", "1");
    return url.href;
  };
  return { ...endpoint, socket: asking(endpoint.socket), session: asking(endpoint.session) };
}

/** The path as an address, or null if it leaves the origin or the page's folder. */
function resolveInside(path: string, page: URL, folder: URL): URL | null {
  let url: URL;
  try {
    url = new URL(path, withoutQuery(page));
  } catch {
    return null;
  }
  // An encoded slash or dot could mean another path to a server than it does to the browser.
  const ambiguous = /%2f|%5c|%2e/i.test(url.pathname);
  const inside = url.origin === folder.origin && url.pathname.startsWith(folder.pathname);
  if (!inside || ambiguous) {
    return null;
  }
  url.hash = "";
  url.username = "";
  url.password = "";
  return url;
}

function withoutQuery(page: URL): URL {
  const url = new URL(page);
  url.search = "";
  url.hash = "";
  return url;
}
