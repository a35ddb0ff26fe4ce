// The first thing that each page does.

import { loadLanguage } from "./language.ts";
import { startTheme } from "./theme.ts";

/** Theme and language as the address, the person or the device wants them; returns the address. */
export async function startPage(): Promise<URL> {
  const address = new URL(location.href);
  startTheme(address.searchParams.get("theme"));
  await loadLanguage(address.searchParams.get("lang"));
  return address;
}
