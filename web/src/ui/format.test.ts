// Numbers as people read them.

import assert from "node:assert/strict";
import test from "node:test";
import { bytes, clock, span } from "./format.ts";

test("a clock shows hours only when there are some", () => {
  assert.deepEqual([0, 59, 61, 3600, 90_061].map(clock), ["0:00", "0:59", "1:01", "1:00:00", "25:01:01"]);
});

test("bytes take the largest unit that leaves a number above one", () => {
  const shown = [0, 999, 1000, 999_499, 999_600, 1_234_567, 5e14].map((count) => bytes(count, "en"));
  assert.deepEqual(shown, ["0 B", "999 B", "1 KB", "999 KB", "1 MB", "1.2 MB", "500 TB"]);
});

test("spans are rough and in the page's language", () => {
  assert.equal(span(59, "en"), "59 sec");
  assert.equal(span(3599, "en"), "59 min");
  assert.equal(span(86_400, "en"), "1 day");
  assert.match(span(7200, "zh"), /2.*小时/);
});
