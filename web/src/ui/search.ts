// How all lists are searched.

/** Whether each word of `search` is in one of the texts, whatever its case. */
export function hasWords(search: string, texts: readonly string[]): boolean {
  const all = texts.join("\n").toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
