// The language of the page: `?lang=`, else the browser's; English fills what a language lacks.

import languages from "portway:languages";
import english from "../i18n/en.ts";

export type TextKey = keyof typeof english;
/** What a language file gives; `satisfies Translation` in it catches misspelt keys. */
export type Translation = Partial<Record<TextKey, string>>;

let texts: Record<string, string> = english;

/** Loads the best language and marks the document with it. */
export async function loadLanguage(asked: string | null): Promise<void> {
  const tag = chooseLanguage(asked === null ? navigator.languages : [asked], Object.keys(languages));
  document.documentElement.lang = tag;
  const load = languages[tag];
  if (tag !== "en" && load !== undefined) {
    try {
      texts = { ...english, ...(await load()) };
    } catch {
      document.documentElement.lang = "en";
    }
  }
}

/** The first wish that can be met, by its whole tag or by its first part ("zh" for "zh-CN"). */
export function chooseLanguage(wishes: readonly string[], known: string[]): string {
  for (const wish of wishes) {
    const whole = known.find((tag) => tag.toLowerCase() === wish.toLowerCase());
    const part = known.find((tag) => tag === wish.toLowerCase().split("-")[0]);
    const found = whole ?? part;
    if (found !== undefined) {
      return found;
    }
  }
  return "en";
}

/** The text for `key` in the page's language, with `{name}` replaced from `values`. */
export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  const text = texts[key] ?? key;
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
