// The way from a desktop back to the wall that it was opened from, for as long as the tab lives.

import { tab } from "./storage.ts";

const KEY = "portway:wall";

/** Called by the wall: this is where it is. */
export function rememberWall(): void {
  tab.keep(KEY, folderOf(location.href));
}

/** The wall that this desktop's folder is in, if the tab has come from there. */
export function wallAbove(): string | null {
  return wallOf(folderOf(location.href), tab.recall(KEY));
}

/** `wall`, if it is the folder around `folder`. */
export function wallOf(folder: string, wall: string | null): string | null {
  return wall !== null && wall === new URL("../", `https://any${folder}`).pathname && wall !== folder
    ? wall
    : null;
}

function folderOf(address: string): string {
  return new URL("./", address).pathname;
}
