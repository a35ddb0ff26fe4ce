// Text and combinations as the key events that a desktop gets.

import assert from "node:assert/strict";
import test from "node:test";
import { chord, difference, functionKey, keyOf, KEYS, typeCharacter, typeText } from "./keys.ts";

function recorder() {
  const events: string[] = [];
  return {
    events,
    sendKey(keysym: number, _code: string | null, down?: boolean) {
      events.push(`${down ? "+" : "-"}${keysym.toString(16)}`);
    },
  };
}

test("a combination is released in the opposite order", () => {
  const sink = recorder();
  chord(sink, [KEYS.control, KEYS.alt, KEYS.delete]);
  assert.deepEqual(sink.events, ["+ffe3", "+ffe9", "+ffff", "-ffff", "-ffe9", "-ffe3"]);
});

test("characters become keysyms: Latin-1 as it is, the rest by Unicode, controls not at all", () => {
  assert.equal(keyOf("a")?.keysym, 0x61);
  assert.equal(keyOf("ü")?.keysym, 0xfc);
  assert.equal(keyOf("€")?.keysym, 0x0100_20ac);
  assert.equal(keyOf("中")?.keysym, 0x0100_4e2d);
  assert.equal(keyOf("😀")?.keysym, 0x0101_f600);
  assert.equal(keyOf("\n"), KEYS.enter);
  assert.equal(keyOf("\t"), KEYS.tab);
  for (const control of ["\0", "\u0007", "\u001b", "\u007f", "\u0085", ""]) {
    assert.equal(keyOf(control), null);
  }
});

test("capitals and upper signs come with Shift, others without", () => {
  const sink = recorder();
  typeCharacter(sink, "A");
  typeCharacter(sink, "é");
  assert.deepEqual(sink.events, ["+ffe1", "+41", "-41", "-ffe1", "+e9", "-e9"]);
});

test("a text is typed whole, with one Enter for each line end", async () => {
  const sink = recorder();
  const steps: number[] = [];
  await typeText(sink, "a\r\nb", new AbortController().signal, (done) => steps.push(done));
  assert.deepEqual(sink.events, ["+61", "-61", "+ff0d", "-ff0d", "+62", "-62"]);
  assert.deepEqual(steps, [1, 2, 3]);
});

test("typing stops when it is told to", async () => {
  const sink = recorder();
  const stop = new AbortController();
  await typeText(sink, "abc", stop.signal, () => stop.abort());
  assert.deepEqual(sink.events, ["+61", "-61"]);
});

test("the change of a text field is erasing and adding", () => {
  assert.deepEqual(difference("abc", "abcd"), { erased: 0, added: "d" });
  assert.deepEqual(difference("abc", "ab"), { erased: 1, added: "" });
  assert.deepEqual(difference("teh", "the "), { erased: 2, added: "he " });
  assert.deepEqual(difference("a😀", "a😁"), { erased: 1, added: "😁" });
});

test("function keys follow each other", () => {
  assert.deepEqual(functionKey(12), { keysym: 0xffc9, code: "F12" });
});
