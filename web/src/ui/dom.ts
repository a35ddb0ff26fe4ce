// Builds elements. Text only ever becomes text nodes and attributes, never markup.

type Value = string | number | boolean | null | ((event: never) => void);
type Child = Node | string | null | false;

/** Makes an element: `on…` functions become listeners, `true` an empty attribute. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (value !== false && value !== null) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

let idsGiven = 0;

/** An id that nothing else on the page has, to tie labels to fields. */
export function freshId(): string {
  idsGiven += 1;
  return `id${idsGiven}`;
}
