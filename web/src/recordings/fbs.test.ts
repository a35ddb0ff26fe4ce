// Blocks in any pieces, the end of a recording, and what is no recording.

import assert from "node:assert/strict";
import test from "node:test";
import { BLOCK_BYTES_MAX, FbsReader } from "./fbs.ts";

const text = (words: string) => new TextEncoder().encode(words);

function number(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function block(ms: number, ...data: number[]): number[] {
  const padding = Array.from({ length: (4 - (data.length % 4)) % 4 }, () => 0);
  return [...number(data.length), ...data, ...padding, ...number(ms)];
}

const whole = new Uint8Array([
  ...text("FBS 001.001\n"),
  ...block(0, 1, 2, 3),
  ...block(7, 4, 5, 6, 7),
  ...block(70_000, 8),
  ...number(0),
  ...number(90_000),
]);

const plain = (blocks: { ms: number; data: Uint8Array }[]) => blocks.map(({ ms, data }) => [ms, ...data]);

const expected = [
  [0, 1, 2, 3],
  [7, 4, 5, 6, 7],
  [70_000, 8],
];

test("blocks are read whole", () => {
  const reader = new FbsReader();
  assert.deepEqual(plain(reader.push(whole)), expected);
  assert.equal(reader.endMs, 90_000);
});

test("blocks are read in pieces of any size", () => {
  for (const size of [1, 2, 5, 13]) {
    const reader = new FbsReader();
    const found: number[][] = [];
    for (let at = 0; at < whole.length; at += size) {
      assert.equal(reader.endMs, null);
      found.push(...plain(reader.push(whole.subarray(at, at + size))));
    }
    assert.deepEqual(found, expected);
    assert.equal(reader.endMs, 90_000);
  }
});

test("something else is refused, and so is a block that nobody would write", () => {
  for (const bad of [
    text("<!DOCTYPE html>"),
    new Uint8Array([...text("FBS 001.001\n"), ...number(BLOCK_BYTES_MAX + 1)]),
  ]) {
    let thrown = false;
    try {
      new FbsReader().push(bad);
    } catch {
      thrown = true;
    }
    assert(thrown);
  }
});

test("what follows the end is not read", () => {
  const reader = new FbsReader();
  reader.push(whole);
  assert.deepEqual(reader.push(new Uint8Array(block(91_000, 1))), []);
});
