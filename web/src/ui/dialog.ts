// Modal dialogs: a question with two answers, or a form with one text.

import { freshId, h } from "./dom.ts";
import { button } from "./fields.ts";
import { t } from "./language.ts";

export interface Question {
  title: string;
  text: string;
  /** The words of the button that does it. */
  yes: string;
  /** It cannot be taken back. */
  dangerous?: boolean;
  /** Asks for words as well; `required` words must not be blank. */
  words?: { label: string; placeholder: string; required: boolean; max: number };
}

/** The answer, and the words if some were asked for; null if the person thought better of it. */
export async function ask(question: Question): Promise<string | null> {
  const id = freshId();
  const dialog = h("dialog", { "aria-labelledby": id });
  const no = button(t("cancel"), "plain", () => dialog.close());
  const look = question.dangerous === true ? "danger" : "primary";
  const yes = h("button", { type: "submit", class: look }, question.yes);
  const field = question.words === undefined ? null : wordsField(question.words);
  const form = h(
    "form",
    {
      method: "dialog",
      onsubmit: (event: SubmitEvent) => {
        event.preventDefault();
        dialog.close("yes");
      },
    },
    h("h2", { id }, question.title),
    question.text === "" ? null : h("p", {}, question.text),
    field?.element ?? null,
    h("div", { class: "actions" }, no, yes),
  );
  dialog.append(form);
  await show(dialog, field?.input ?? no);
  return dialog.returnValue === "yes" ? (field?.input.value.trim() ?? "") : null;
}

/** Shows a dialog until it is closed, and gives the focus back to where it was. */
export async function show(dialog: HTMLDialogElement, first: HTMLElement): Promise<void> {
  const before = document.activeElement;
  document.body.append(dialog);
  dialog.showModal();
  first.focus();
  dialog.addEventListener("click", (event) => {
    // The dialog itself is only hit outside of what it holds.
    if (event.target === dialog && outside(dialog, event)) {
      dialog.close();
    }
  });
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  dialog.remove();
  if (before instanceof HTMLElement && before.isConnected) {
    before.focus({ preventScroll: true });
  }
}

function outside(dialog: HTMLElement, { clientX, clientY }: MouseEvent): boolean {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return clientX < left || clientX > right || clientY < top || clientY > bottom;
}

function wordsField(words: NonNullable<Question["words"]>): {
  element: HTMLElement;
  input: HTMLTextAreaElement;
} {
  const id = freshId();
  const { placeholder, required, max } = words;
  const input = h("textarea", { id, rows: 3, maxlength: max, placeholder, required });
  return { element: h("div", { class: "field" }, h("label", { for: id }, words.label), input), input };
}
