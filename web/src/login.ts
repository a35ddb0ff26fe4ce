// The form that stands in for a page until the person has signed in.

import { freshId, h } from "./ui/dom.ts";
import { passwordField, textField } from "./ui/fields.ts";
import { explain, postForm } from "./ui/gateway.ts";
import { logo } from "./ui/icons.ts";
import { t } from "./ui/language.ts";
import { startPage } from "./ui/start.ts";

class LoginPage {
  readonly #user = textField(t("login.user"), {
    name: "user",
    autocomplete: "username",
    required: true,
  });
  readonly #password = passwordField({ name: "password", required: true });
  readonly #wrong = h("p", { class: "wrong", role: "alert", id: freshId() });
  readonly #send = h("button", { type: "submit", class: "primary" }, t("signin.send"));

  start(): void {
    document.title = t("signin.title");
    const id = freshId();
    const form = h(
      "form",
      {
        "aria-describedby": this.#wrong.id,
        onsubmit: (event: SubmitEvent) => {
          event.preventDefault();
          void this.#signIn();
        },
      },
      this.#user.element,
      this.#password.element,
      this.#wrong,
      window.isSecureContext ? null : h("p", { class: "hint warn" }, t("login.insecure")),
      this.#send,
    );
    const card = h(
      "section",
      { class: "card", "aria-labelledby": id },
      logo(),
      h("h1", { id }, t("signin.title")),
      h("p", {}, t("signin.text", { host: location.host })),
      form,
    );
    document.body.replaceChildren(h("main", { class: "stage" }, card));
    this.#user.input.focus();
  }

  async #signIn(): Promise<void> {
    this.#send.disabled = true;
    this.#wrong.textContent = "";
    const user = this.#user.input.value;
    const answer = await postForm("login", { user, password: this.#password.input.value });
    if (answer.kind === "ok") {
      // The page that was asked for stands behind the form, at the same address.
      location.reload();
      return;
    }
    this.#send.disabled = false;
    const tooMany = answer.kind === "server" && answer.status === 429;
    this.#wrong.textContent =
      answer.kind === "signin" ? t("signin.wrong") : tooMany ? t("signin.many") : explain(answer);
    this.#password.input.select();
    this.#password.input.focus();
  }
}

await startPage();
new LoginPage().start();
