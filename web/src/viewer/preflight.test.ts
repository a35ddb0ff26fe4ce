// The gateway's answer about a session, and everything that is not one.

import assert from "node:assert/strict";
import test from "node:test";
import { OPEN } from "./policy.ts";
import { readAnswer } from "./preflight.ts";

test("an ok answer carries title, role and policy", () => {
  const answer = {
    status: "ok",
    title: "Office",
    role: "admin",
    view_only: true,
    policy: { clipboard_out: false, quality_max: 5 },
    recorded: true,
    links: true,
    links_max_s: 7200,
    sign_out: true,
  };
  const policy = { ...OPEN, viewOnly: true, clipboardOut: false, qualityMax: 5, recorded: true };
  const terms = { title: "Office", role: "admin", policy, links: true, linksMaxS: 7200, signOut: true };
  assert.deepEqual(readAnswer(200, answer), { status: "ok", terms });
});

test("what an answer leaves out is allowed, but makes nobody an administrator", () => {
  const terms = { title: "", role: "control", policy: OPEN, links: false, linksMaxS: null, signOut: false };
  assert.deepEqual(readAnswer(200, { status: "ok" }), { status: "ok", terms });
});

test("a refusal carries code and reason, with or without the code, and who may be replaced", () => {
  const none = { title: "", reason: "", takeOver: false, by: "" };
  const refused = readAnswer(200, { status: "refused", code: 4404, reason: "no such desktop" });
  assert.deepEqual(refused, {
    status: "refused",
    refused: { ...none, code: 4404, reason: "no such desktop" },
  });
  const bare = readAnswer(403, { status: "refused" });
  assert.deepEqual(bare, { status: "refused", refused: { ...none, code: 4403 } });
  const used = readAnswer(200, { status: "refused", code: 4409, take_over: true, by: "ann" });
  assert.deepEqual(used, {
    status: "refused",
    refused: { ...none, code: 4409, takeOver: true, by: "ann" },
  });
});

test("other servers' answers are no answer, but their status is kept", () => {
  for (const body of [null, "<html>", 7, [], {}, { status: "up" }, { status: 1 }]) {
    assert.deepEqual(readAnswer(404, body), { status: "unknown", httpStatus: 404 });
  }
});
