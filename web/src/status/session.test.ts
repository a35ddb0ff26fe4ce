// The gateway's list, good and bad, and how it is searched and sorted.

import assert from "node:assert/strict";
import test from "node:test";
import { byNumber, byText, matches, nameOf, readSessions, type Session } from "./session.ts";

const list = (...sessions: unknown[]) => readSessions({ sessions })?.items ?? [];

const whole = {
  id: "a1",
  user: "alice",
  desktop: "office",
  target: "192.0.2.10:5900",
  client: "198.51.100.7",
  started: 1_790_000_000,
  duration_s: 61,
  bytes_down: 10,
  bytes_up: 2,
  last_input_s: 0,
  view_only: true,
  title: "Office",
  connected: true,
  controls: false,
  recorded: true,
  rtt_ms: 12.5,
};

test("a session is read whole, and who asks", () => {
  const read = readSessions({ role: "view", user: "bob", sign_out: true, sessions: [whole] });
  assert.deepEqual([read?.role, read?.user, read?.signOut], ["view", "bob", true]);
  assert.deepEqual(read?.items[0], {
    id: "a1",
    user: "alice",
    desktop: "office",
    target: "192.0.2.10:5900",
    client: "198.51.100.7",
    started: 1_790_000_000,
    durationS: 61,
    bytesDown: 10,
    bytesUp: 2,
    lastInputS: 0,
    viewOnly: true,
    title: "Office",
    connected: true,
    controls: false,
    recorded: true,
    rttMs: 12.5,
  });
});

test("missing and odd fields become blanks, what has no id is left out", () => {
  const sessions = list({ id: 7, user: null, rtt_ms: "fast" }, {}, null, "x");
  assert.equal(sessions.length, 1);
  assert.equal(sessions[0]?.id, "7");
  assert.deepEqual([sessions[0]?.user, sessions[0]?.rttMs, sessions[0]?.lastInputS], ["", null, null]);
});

test("an answer that is no list is told apart from an empty list", () => {
  assert.deepEqual(readSessions({ sessions: [] })?.items, []);
  for (const answer of [null, {}, [], "x", { sessions: 7 }]) {
    assert.equal(readSessions(answer), null);
  }
});

test("each word of a search must be somewhere", () => {
  const session = list(whole)[0] as Session;
  assert.equal(nameOf(session), "Office");
  assert(matches(session, ""));
  assert(matches(session, "ALICE 192.0"));
  assert.equal(matches(session, "alice bob"), false);
});

test("what is missing comes last, and numbers in texts count as numbers", () => {
  assert(byNumber(5, null) < 0 && byNumber(null, null) === 0 && byNumber(2, 10) < 0);
  assert(byText("u", "") < 0 && byText("", "") === 0 && byText("lab 2", "lab 10") < 0);
});
