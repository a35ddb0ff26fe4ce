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

/** Changes a text only where it is another one, so that no selection is lost. */
export function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Names what shows only an icon: for a screen reader, and as a tooltip. */
export function setLabel(element: HTMLElement, words: string): void {
  if (element.title !== words) {
    element.title = words;
    element.setAttribute("aria-label", words);
  }
}

/** Makes `elements` the children of `parent`, moving only those that stand wrong. */
export function arrange(parent: HTMLElement, elements: HTMLElement[]): void {
  let at = parent.firstElementChild;
  for (const element of elements) {
    if (at === element) {
      at = at.nextElementSibling;
    } else {
      parent.insertBefore(element, at);
    }
  }
}
