// The way from a desktop back to the wall that it was opened from, for as long as the tab lives.

const KEY = "portway:wall";

/** Called by the wall: this is where it is. */
export function rememberWall(): void {
  try {
    sessionStorage.setItem(KEY, folderOf(location.href));
  } catch {
    // Without storage there is no way back but the browser's own.
  }
}

/** The wall that this desktop's folder is in, if the tab has come from there. */
export function wallAbove(): string | null {
  try {
    return wallOf(folderOf(location.href), sessionStorage.getItem(KEY));
  } catch {
    return null;
  }
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
