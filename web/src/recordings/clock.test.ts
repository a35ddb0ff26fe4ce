// The time within a recording, and where it may be skipped.

import assert from "node:assert/strict";
import test from "node:test";
import { idleUntil, PlayClock } from "./clock.ts";

const FREE = Number.POSITIVE_INFINITY;

test("time runs at its speed and stands while paused", () => {
  const clock = new PlayClock(1000, 0);
  assert.equal(clock.advance(500, FREE), 1000);
  clock.run(true, 500);
  assert.equal(clock.advance(700, FREE), 1200);
  clock.speed(4);
  assert.equal(clock.advance(800, FREE), 1600);
  clock.run(false, 900);
  assert.equal(clock.advance(5000, FREE), 2000);
});

test("time waits for data and does not make up for the wait", () => {
  const clock = new PlayClock(0, 0);
  clock.run(true, 0);
  assert.equal(clock.advance(1000, 300), 300);
  assert.equal(clock.advance(1100, 2000), 400);
  assert.equal(clock.advance(1200, 0), 400);
});

test("a jump begins anew from there", () => {
  const clock = new PlayClock(0, 0);
  clock.run(true, 0);
  clock.set(60_000, 100);
  assert.equal(clock.advance(150, FREE), 60_050);
});

test("only long quiet stretches are skipped, and only to their end", () => {
  const activity = [0.5, 0, 0, 0, 0.001, 0.9, 0, 0];
  assert.equal(idleUntil(500, activity, 1000), null);
  assert.equal(idleUntil(1500, activity, 1000), 5000);
  assert.equal(idleUntil(3500, activity, 1000), null);
  assert.equal(idleUntil(6000, activity, 1000), null);
  assert.equal(idleUntil(0, [], 1000), null);
  assert.equal(idleUntil(0, [0, 0], 0), null);
});
