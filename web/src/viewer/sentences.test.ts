// Each sentence of the gateway has a text here: compared with the gateway's own source.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { translate } from "./sentences.ts";

/** The test runs in `web`. */
const SOURCE = "../crates/vnc/src/refusal.rs";

/** The sentences in `Refusal::sentence`, with "…" for what is put into them. */
function sentences(): string[] {
  const source = readFileSync(SOURCE, "utf8");
  const body = /pub fn sentence[\s\S]*?\n {4}\}\n/.exec(source)?.[0] ?? "";
  const literals = [...body.matchAll(/"((?:[^"\\]|\\[\s\S])*)"/g)].map(([, text]) => text ?? "");
  return literals.map((text) => text.replaceAll(/\\\n\s*/g, "").replaceAll(/\{\w*\}/g, "…"));
}

/** The machine's own words, which are quoted as they are. */
const QUOTED = ["The desktop refused: …"];

test("every sentence of the gateway is translated", () => {
  const found = sentences();
  assert(found.length > 20, `only ${found.length} sentences in ${SOURCE}`);
  const unknown = found.filter((sentence) => translate(sentence) === null && !QUOTED.includes(sentence));
  assert.deepEqual(unknown, []);
});

test("what stands in a sentence is kept, and other words are nobody's", () => {
  const wait = translate("Too many wrong passwords for this desktop. Try again in 5 minutes.");
  assert.deepEqual(wait, { key: "said.wait", words: "5 minutes" });
  assert.equal(translate("Maintenance at ten."), null);
  assert.equal(translate("In use by somebody else.")?.key, "end.inuse.text");
  assert.equal(translate("In use by ."), null);
});
