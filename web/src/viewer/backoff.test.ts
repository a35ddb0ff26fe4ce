// The waits grow, stay bounded and differ between viewers.

import assert from "node:assert/strict";
import test from "node:test";
import { delayMs } from "./backoff.ts";

const middle = () => 0.5;

test("the wait doubles from attempt to attempt up to half a minute", () => {
  const waits = [0, 1, 2, 3, 4, 5, 50].map((attempt) => delayMs(attempt, null, middle));
  assert.deepEqual(waits, [1500, 3000, 6000, 12_000, 24_000, 30_000, 30_000]);
});

test("a first wait that the person chose is kept, also when it is long", () => {
  assert.equal(delayMs(0, 5000, middle), 5000);
  assert.equal(delayMs(9, 120_000, middle), 120_000);
  assert.equal(delayMs(3, 0, middle), 0);
});

test("viewers that lost the same gateway spread over a third of the wait", () => {
  assert.equal(delayMs(1, null, () => 0), 1950);
  assert.equal(delayMs(1, null, () => 1), 4050);
});
