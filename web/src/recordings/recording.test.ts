// The gateway's lists of recordings, and what the player is told.

import assert from "node:assert/strict";
import test from "node:test";
import { matches, merged, nameOf, readInfo, readRecordings, type Recording } from "./recording.ts";

const whole = {
  id: "a1",
  user: "ann",
  client: "192.0.2.7",
  desktop: "office",
  title: "Office",
  started: 1_790_000_000,
  duration_s: 65,
  bytes: 1000,
  width: 1280,
  height: 800,
  state: "live",
  seekable: false,
};

test("a list is read with its role and sums", () => {
  const list = readRecordings({ role: "view", recordings: [whole, {}, null], total: 9, bytes: 7 });
  assert.deepEqual([list?.role, list?.total, list?.bytes, list?.items.length], ["view", 9, 7, 1]);
  const [only] = list?.items ?? [];
  assert.deepEqual([only?.state, only?.durationS, only?.seekable], ["live", 65, false]);
  const bare = readRecordings({ recordings: [whole] });
  assert.deepEqual([bare?.total, bare?.bytes], [1, 1000]);
  assert.equal(readRecordings([]), null);
});

test("what the player is told is bounded", () => {
  const activity = [0.5, 7, -1, "x", ...Array.from({ length: 20_000 }, () => 0)];
  const marks = [{ at_ms: 5, kind: "cut" }];
  const info = readInfo({ ...whole, activity, slice_ms: 500, pointer: true, marks });
  assert.deepEqual(info?.activity.slice(0, 4), [0.5, 1, 0, 0]);
  assert.equal(info?.activity.length, 10_000);
  assert.deepEqual([info?.sliceMs, info?.pointer, info?.marks], [500, true, [{ ms: 5, kind: "cut" }]]);
  assert.equal(readInfo({}), null);
});

test("lists are joined without doubles, newest first, the newer knowledge wins", () => {
  const one = (id: string, started: number, bytes: number) =>
    ({ id, started, bytes, title: "", desktop: "", user: "", client: "" }) as Recording;
  const joined = merged([one("a", 1, 1), one("b", 2, 1)], [one("b", 2, 9), one("c", 3, 1)]);
  assert.deepEqual(joined.map(({ id, bytes }) => [id, bytes]), [["c", 1], ["b", 9], ["a", 1]]);
  assert.equal(nameOf(one("x", 0, 0)), "x");
});

test("search looks at people and desktops", () => {
  const [only] = readRecordings({ recordings: [whole] })?.items ?? [];
  assert(only !== undefined && matches(only, "ANN office"));
  assert.equal(matches(only, "bob"), false);
});
