// The gateway's answer about a session, and everything that is not one.

import assert from "node:assert/strict";
import test from "node:test";
import { readAnswer } from "./preflight.ts";

test("an ok answer carries title and policy", () => {
  assert.deepEqual(readAnswer(200, { status: "ok", title: "Office", view_only: true }), {
    status: "ok",
    title: "Office",
    viewOnly: true,
  });
});

test("a refusal carries code and reason, with or without the code", () => {
  const refused = readAnswer(200, { status: "refused", code: 4404, reason: "no such desktop" });
  assert.deepEqual(refused, { status: "refused", title: "", code: 4404, reason: "no such desktop" });
  const bare = readAnswer(403, { status: "refused" });
  assert.deepEqual(bare, { status: "refused", title: "", code: 4403, reason: "" });
});

test("other servers' answers are no answer, but their status is kept", () => {
  for (const body of [null, "<html>", 7, [], {}, { status: "up" }, { status: 1 }]) {
    assert.deepEqual(readAnswer(404, body), { status: "unknown", httpStatus: 404 });
  }
});
