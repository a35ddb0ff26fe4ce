// The choice of a language, and that translations fit the texts that they translate.

import assert from "node:assert/strict";
import test from "node:test";
import languages from "portway:languages";
import english from "../i18n/en.ts";
import { chooseLanguage, t } from "./language.ts";

test("the first wish that can be met is taken, by tag or by language", () => {
  const known = ["en", "zh", "pt-BR"];
  assert.equal(chooseLanguage(["fr-FR", "zh-Hans-CN", "en"], known), "zh");
  assert.equal(chooseLanguage(["pt-br"], known), "pt-BR");
  assert.equal(chooseLanguage(["fr"], known), "en");
  assert.equal(chooseLanguage([], known), "en");
});

test("placeholders are filled and unknown ones stay visible", () => {
  assert.equal(t("countdown", { seconds: 5 }), "Connecting again in 5 s");
  assert.equal(t("countdown"), "Connecting again in {seconds} s");
});

const placeholders = (text: string) => [...new Set(text.match(/\{\w+\}/g))].sort().join();

test("Chinese is complete", async () => {
  const texts = (await languages["zh"]?.()) ?? {};
  assert.deepEqual(Object.keys(english).filter((key) => texts[key] === undefined), []);
});

for (const [tag, load] of Object.entries(languages)) {
  test(`${tag} translates known texts with the same placeholders`, async () => {
    const texts = await load();
    const known: Record<string, string> = english;
    for (const [key, text] of Object.entries(texts)) {
      assert(known[key] !== undefined, `${tag}: ${key} is not a text`);
      // A plural form may leave the number out.
      const wanted = placeholders(known[key] ?? "");
      assert.equal(placeholders(text), wanted, `${tag}: ${key}`);
    }
  });
}
