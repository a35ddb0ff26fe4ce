// The way out, where people came in by the form.

import { button } from "./fields.ts";
import { explain, postForm } from "./gateway.ts";
import { t } from "./language.ts";
import type { Notes } from "./notes.ts";

/** Forgets the sign-in and shows the form again. */
export function signOutButton(notes: Notes): HTMLButtonElement {
  return button(t("signout"), "plain", async () => {
    const answer = await postForm("logout", {});
    if (answer.kind === "ok") {
      location.reload();
    } else {
      notes.brief(explain(answer), "warning");
    }
  });
}
